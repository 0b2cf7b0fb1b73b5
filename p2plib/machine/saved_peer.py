"""Saved peer: what most overlays write down about a peer for its next life. A codec.

`p2plib.machine.saved` says how the fields become bytes. What is saved is the id, where the peer listened, and
the contacts that it knew, which are its bootstrap addresses from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, given_address, is_ipv6
from p2plib.machine.fields import ADDRESS, MAX_ID_BYTES, Id, Many, Maybe, Number
from p2plib.machine.saved import SavedFormat

MAX_BITS = 8 * MAX_ID_BYTES
MAX_SAVED = 1024  # a mesh has at most 1000 members, and no other overlay knows so many


@dataclass(frozen=True, slots=True)
class SavedPeer:
    """A peer, written down.

    Args:
        bits: how many bits the ids of its network have.
        id: its id.
        bound: where it listened.
        public: where others reached it; None if that is where it listened.
        known: where other peers were, the likeliest to be there first.
    """

    bits: Annotated[int, Number(MAX_BITS.bit_length())]
    id: Id
    bound: Annotated[Address, ADDRESS]
    public: Annotated[Address | None, Maybe(ADDRESS)]
    known: Annotated[tuple[Address, ...], Many(ADDRESS, MAX_SAVED)]


class SavedPeerFormat(SavedFormat[SavedPeer]):
    """How the peers of one overlay are saved.

    Args:
        name: the overlay, one word.
        version: of the format.
    """

    def __init__(self, name: str, version: int) -> None:
        super().__init__(name, version, SavedPeer)

    def decode(self, data: bytes) -> SavedPeer:
        """The peer that was saved as these bytes.

        Raises:
            DecodeError: they are something else, or say something impossible.
        """
        saved = super().decode(data)
        if not 1 <= saved.bits <= MAX_BITS or saved.id >> saved.bits:
            raise DecodeError(f"an id of {saved.id.bit_length()} bits, in a network of {saved.bits}-bit ids")
        ours = saved.public or saved.bound
        for address in saved.known:
            try:
                given_address(address)
            except UsageError as error:
                raise DecodeError(f"an address that cannot be a peer's: {error}") from None
            if is_ipv6(address) != is_ipv6(ours):
                raise DecodeError(f"{address[0]} is of another family than our own address, {ours[0]}")
        return saved
