"""Hearsay: taking out of a message the contacts that its sender may not name. A machine part.

The rule is in `p2plib.machine.addresses`, rule 3. Here it is applied in one place to whole messages, before
any part of a machine sees them: a contact that the machine never hears of cannot mislead any of its rules.
"""

from __future__ import annotations

from typing import Any

from p2plib.machine.addresses import Address, acceptable
from p2plib.machine.datagram import Codec
from p2plib.machine.fields import CONTACT, Many


class Hearsay:
    """Which fields of an overlay's messages are lists of contacts.

    Args:
        codec: that of the overlay.
    """

    def __init__(self, codec: Codec) -> None:
        self._fields = {
            message: [name for name, kind in layout.fields if isinstance(kind, Many) and kind.item == CONTACT]
            for message, layout in codec.by_class.items()
        }

    def drop(self, message: Any, teller: Address) -> int:
        """Takes out of a message the contacts that its sender may not name.

        Args:
            message: one that was just decoded; it is changed.
            teller: where it came from.

        Returns:
            How many were taken out.
        """
        dropped = 0
        for name in self._fields[type(message)]:
            named = getattr(message, name)
            kept = tuple(contact for contact in named if acceptable(contact.address, teller))
            if len(kept) < len(named):
                setattr(message, name, kept)
                dropped += len(named) - len(kept)
        return dropped
