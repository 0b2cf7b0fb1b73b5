"""Packing: records into as few datagrams as they need, none larger than a link carries in one piece.

Rules
    1. A datagram has at most `LINK_BYTES`, so that it need not be cut into fragments (RFC 6762, section 17).
       A single record that is larger goes alone, up to `MAX_LINK_BYTES`; beyond that it cannot be sent.
    2. Answers go first. What is additional is left out where it does not fit: it saves a question, no more.
    3. Questions that do not fit into one datagram go into several. Known answers that do not fit follow in
       further ones without a question. While known answers are to follow, the bit TRUNCATED is set (RFC 6762,
       section 7.2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from p2plib.discovery.mdns.names import HEADER_BYTES, NameWriter
from p2plib.discovery.mdns.packets import (
    AUTHORITATIVE,
    MAX_LINK_BYTES,
    RESPONSE,
    TRUNCATED,
    Question,
    write_question,
    write_record,
)
from p2plib.discovery.mdns.records import ResourceRecord
from p2plib.errors import UsageError

LINK_BYTES = 1_472  # Ethernet's 1,500 without the headers of IPv4 and UDP
ANSWER, AUTHORITY, ADDITIONAL = 1, 2, 3  # places of the counts in the header


class Packing:
    """A datagram that is being filled.

    Args:
        flags: of the packet.
        limit_bytes: how large it may become.
    """

    def __init__(self, flags: int = 0, limit_bytes: int = LINK_BYTES) -> None:
        self.flags, self.limit_bytes = flags, limit_bytes
        self._out = bytearray(HEADER_BYTES)
        self._names = NameWriter()
        self._counts = [0, 0, 0, 0]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        return not any(self._counts)

    def ask(self, question: Question) -> bool:
        """Adds a question if there is room for it; the first always has room."""
        start = len(self._out)
        write_question(self._out, question, self._names)
        if len(self._out) > self.limit_bytes and not self.is_empty:
            self._cut(start)
            return False
        self._counts[0] += 1
        return True

    def add(self, section: int, record: ResourceRecord) -> bool:
        """Adds a record if there is room for it.

        Args:
            section: ANSWER, AUTHORITY or ADDITIONAL; sections are filled in that order.
            record: the record.

        Returns:
            Whether it fitted. The first record of a datagram may be larger than the limit (rule 1).

        Raises:
            UsageError: it is too large for any datagram on a link.
        """
        start = len(self._out)
        write_record(self._out, record, self._names)
        if len(self._out) > self.limit_bytes and not self.is_empty:
            self._cut(start)
            return False
        if len(self._out) > MAX_LINK_BYTES - 28:
            raise UsageError(f"a record of {len(self._out) - start} bytes is too large for a link")
        self._counts[section] += 1
        return True

    def _cut(self, start: int) -> None:
        del self._out[start:]
        self._names.forget_from(start)

    def finish(self) -> bytes:
        """The datagram."""
        struct.pack_into(">6H", self._out, 0, 0, self.flags, *self._counts)
        return bytes(self._out)


def responses(answers: Iterable[ResourceRecord], additionals: Iterable[ResourceRecord] = ()) -> list[bytes]:
    """Datagrams that answer (rules 1 and 2).

    Args:
        answers: what has to be said.
        additionals: what would be asked for next.
    """
    done: list[bytes] = []
    packing = Packing(RESPONSE | AUTHORITATIVE)
    for record in answers:
        if not packing.add(ANSWER, record):
            done.append(packing.finish())
            packing = Packing(RESPONSE | AUTHORITATIVE)
            packing.add(ANSWER, record)
    if packing.is_empty:
        return []
    for record in additionals:
        if not packing.add(ADDITIONAL, record):
            break
    return [*done, packing.finish()]


def queries(questions: Sequence[Question], known: Iterable[ResourceRecord] = ()) -> list[bytes]:
    """Datagrams that ask, with what is known already (rule 3)."""
    done: list[bytes] = []
    packing, known = Packing(), list(known)
    for question in questions:
        if not packing.ask(question):
            packing.flags |= TRUNCATED if known else 0
            done.append(packing.finish())
            packing = Packing()
            packing.ask(question)
    for record in known:
        if not packing.add(ANSWER, record):
            packing.flags |= TRUNCATED
            done.append(packing.finish())
            packing = Packing()
            packing.add(ANSWER, record)
    return [*done, packing.finish()]


def probe(questions: Sequence[Question], claimed: Sequence[ResourceRecord]) -> bytes:
    """The datagram that asks whether names are free, and says what is going to be claimed under them.

    Raises:
        UsageError: that is too much for one datagram on a link.
    """
    packing = Packing(limit_bytes=MAX_LINK_BYTES - 28)
    if not (
        all(packing.ask(question) for question in questions)
        and all(packing.add(AUTHORITY, record) for record in claimed)
    ):
        raise UsageError(f"a claim of more than {MAX_LINK_BYTES - 28} bytes: cut it into several")
    return packing.finish()
