"""Names: domain names, and how a packet of DNS carries each part of one only once. A codec (RFC 1035).

A name is a list of labels, the nearest first. Each goes as its length and its bytes; a zero ends the name::

    04 61 6e 61 73 05 6c 6f 63 61 6c 00     anas.local.

A packet says the same endings again and again. So a name may break off with a pointer instead of the zero:
two bytes that begin with the bits 11 and say where in the packet the rest of the name stands::

    03 62 65 6e c0 11                       ben, and then what stands at offset 17

Rules
    1. A label has 1 to 63 bytes, a name at most 255 on the wire, its lengths and its zero included.
    2. A pointer leads to an earlier place than the name that it ends, and each further one to a place earlier
       still, so there are no loops. A name follows `MAX_POINTERS` at most: more than it can have labels would
       only keep its reader busy.
    3. It never leads into the header, and what it ends up with obeys rule 1 too.
    4. The bits 01 and 10 at the beginning of a length mean nothing any more, and are refused.
    5. ASCII letters that differ only in case are the same in a name (RFC 4343), and are kept as they came.
    6. Labels are bytes. As text they are UTF-8 (RFC 6762, section 16); a dot or a backslash in one has a
       backslash before it, and a byte that cannot be shown is a backslash and three digits (RFC 1035, 5.1).

Vocabulary::

    label     one part of a name, such as b"anas" in anas.local.
    pointer   two bytes, such as c0 11: the rest of the name stands at offset 17
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property, total_ordering
from typing import NamedTuple

from p2plib.errors import DecodeError, UsageError
from p2plib.wire.fields import Field

MAX_LABEL_BYTES = 63  # RFC 1035, 2.3.4: six bits are left for the length
MAX_NAME_BYTES = 255
MAX_POINTERS = 127  # one for each label of the longest name
HEADER_BYTES = 12
POINTER = 0xC0
LAST_TARGET = 0x3FFF  # of a pointer: 14 bits


@total_ordering
class DomainName:
    """A domain name; equal to another that differs only in the case of ASCII letters.

    Args:
        labels: its labels, the nearest first, without the empty one at the end.

    Raises:
        UsageError: a label or the whole is too long, or a label is empty.
    """

    __slots__ = ("__dict__", "labels")

    def __init__(self, labels: Iterable[bytes] = ()) -> None:
        self.labels: tuple[bytes, ...] = tuple(labels)
        for label in self.labels:
            if not 1 <= len(label) <= MAX_LABEL_BYTES:
                raise UsageError(f"a label has 1 to {MAX_LABEL_BYTES} bytes, and {label!r} has {len(label)}")
        if self.size_bytes > MAX_NAME_BYTES:
            raise UsageError(f"a name of {self.size_bytes} bytes, where {MAX_NAME_BYTES} is the most")

    @classmethod
    def parse(cls, text: str) -> DomainName:
        r"""The name that a text means.

        Args:
            text: labels with dots between them, such as "anas.local"; a dot at the end changes nothing. A
                backslash takes a dot, a backslash or three decimal digits into a label.

        Raises:
            UsageError: a backslash says nothing that it can mean, or the labels are not those of a name.
        """
        return cls(_labels_of(text))

    @cached_property
    def key(self) -> tuple[bytes, ...]:
        """The labels in small letters: what makes two names the same (rule 5)."""
        return tuple(label.lower() for label in self.labels)

    @property
    def size_bytes(self) -> int:
        """How many bytes the name takes without compression."""
        return sum(1 + len(label) for label in self.labels) + 1

    @property
    def first(self) -> str:
        """Its first label as text, without backslashes: what people call the thing; "" if there is none."""
        return self.labels[0].decode(errors="replace") if self.labels else ""

    @property
    def parent(self) -> DomainName:
        """The name without its first label."""
        return DomainName(self.labels[1:])

    def under(self, parent: DomainName) -> DomainName:
        """This name with another one behind it.

        Raises:
            UsageError: together they are too long.
        """
        return DomainName(self.labels + parent.labels)

    def is_under(self, parent: DomainName) -> bool:
        """Whether the name ends with another one, and has more before that."""
        count = len(parent.labels)
        return len(self.labels) > count and self.key[len(self.labels) - count :] == parent.key

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, DomainName) else NotImplemented

    def __lt__(self, other: DomainName) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return "".join(_shown(label) + "." for label in self.labels) or "."

    def __repr__(self) -> str:
        return f"DomainName.parse({str(self)!r})"


_PART = re.compile(r"\\(\d{3})|\\([.\\])|(\.)|([^.\\])", re.ASCII | re.DOTALL)


def _labels_of(text: str) -> list[bytes]:
    """The labels in a text (rule 6)."""
    labels, place = [bytearray()], 0
    while place < len(text):
        part = _PART.match(text, place)
        if part is None or int(part[1] or 0) > 255:
            raise UsageError(f"a backslash takes a dot, a backslash or 000 to 255, unlike in {text!r}")
        number, escaped, dot, letter = part.groups()
        place = part.end()
        if dot:
            labels.append(bytearray())
        elif number:
            labels[-1].append(int(number))
        else:
            labels[-1] += (escaped or letter).encode(errors="surrogatepass")
    if not labels[-1]:
        labels.pop()  # a dot at the end
    return [] if text == "." else [bytes(label) for label in labels]


def _shown(label: bytes) -> str:
    """A label as text (rule 6)."""
    try:
        text = label.decode()
    except UnicodeDecodeError:
        text = label.decode("latin-1")
        return "".join(_letter(sign) if sign.isascii() else f"\\{ord(sign):03}" for sign in text)
    return "".join(map(_letter, text))


def _letter(letter: str) -> str:
    if letter in ".\\":
        return "\\" + letter
    if letter.isprintable():
        return letter
    return "".join(f"\\{byte:03}" for byte in letter.encode())


class NameWriter:
    """Writes names, and remembers where each ending stands, so that it is written once.

    Args:
        compresses: whether it uses pointers at all.
    """

    def __init__(self, compresses: bool = True) -> None:
        self.compresses = compresses
        self._places: dict[tuple[bytes, ...], int] = {}

    def write(self, out: bytearray, name: DomainName, compress: bool = True) -> None:
        """Appends a name to a packet.

        Args:
            out: the packet so far, from its first byte.
            name: the name.
            compress: whether this one may break off with a pointer; others may point into it anyway.
        """
        for count in range(len(name.labels)):
            ending = name.labels[count:]  # with its case: whoever wrote it so will read it so
            place = self._places.get(ending)
            if place is not None and compress and self.compresses:
                out += (POINTER << 8 | place).to_bytes(2, "big")
                return
            if place is None and len(out) <= LAST_TARGET:
                self._places[ending] = len(out)
            out.append(len(name.labels[count]))
            out += name.labels[count]
        out.append(0)

    def forget_from(self, place: int) -> None:
        """Forgets what stands at an offset or later, because it was cut off again."""
        self._places = {ending: at for ending, at in self._places.items() if at < place}


def read_name(raw: bytes, offset: int) -> tuple[DomainName, int]:
    """The name at an offset of a packet, and the offset behind it; for several, use one `NameReader`.

    Raises:
        DecodeError: it breaks one of the rules 1 to 4.
    """
    return NameReader(raw).read(offset)


class _Ending(NamedTuple):
    """What a pointer leads to, once it is known."""

    labels: tuple[bytes, ...]
    pointers: int  # how many follow
    target: int  # of the first of them; -1 if there is none


class NameReader:
    """Reads the names of one packet, and follows nothing twice: what a pointer led to is remembered.

    Args:
        raw: the whole packet.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._endings: dict[int, _Ending] = {}

    def read(self, offset: int) -> tuple[DomainName, int]:
        """The name at an offset, and the offset behind it.

        Raises:
            DecodeError: it breaks one of the rules 1 to 4.
        """
        labels: list[bytes] = []
        targets: list[int] = []
        passed: list[tuple[int, int, int]] = []  # behind a pointer: where, after how many labels and pointers
        place, end, rest = offset, -1, _Ending((), 0, -1)
        while len(labels) <= MAX_POINTERS and len(targets) <= MAX_POINTERS:
            if targets:
                if place in self._endings:
                    rest = self._rest(place, targets[-1])
                    labels += rest.labels
                    break
                passed.append((place, len(labels), len(targets)))
            length = self._length(place)
            if length >= POINTER:
                target = _target(self.raw, place, targets[-1] if targets else offset)
                end = place + 2 if end < 0 else end
                targets.append(target)
                place = target
            elif length:
                labels.append(self._label(place + 1, length))
                place += 1 + length
            else:
                end = place + 1 if end < 0 else end
                break
        pointers = len(targets) + rest.pointers
        self._check(offset, labels, pointers)
        targets.append(rest.target)
        for place, before, followed in passed:
            self._endings[place] = _Ending(tuple(labels[before:]), pointers - followed, targets[followed])
        return _trusted(labels), end

    def _rest(self, place: int, earliest: int) -> _Ending:
        """What stands at a place that has been read before."""
        rest = self._endings[place]
        if rest.target >= earliest:  # rule 2, which held where the reader came from then
            raise DecodeError(f"a pointer to offset {rest.target}, which is not before {earliest}", place)
        return rest

    def _length(self, place: int) -> int:
        if place >= len(self.raw):
            raise DecodeError("the packet ends within a name", len(self.raw))
        length = self.raw[place]
        if MAX_LABEL_BYTES < length < POINTER:
            raise DecodeError(f"a label begins with the bits 00 or 11, not with {length:#04x}", place)
        return length

    def _label(self, place: int, length: int) -> bytes:
        label = self.raw[place : place + length]
        if len(label) < length:
            raise DecodeError("the packet ends within a label", len(self.raw))
        return label

    def _check(self, offset: int, labels: list[bytes], pointers: int) -> None:
        """Rules 1 and 2."""
        if pointers > MAX_POINTERS:
            raise DecodeError(f"a name of more than {MAX_POINTERS} pointers", offset)
        if sum(map(len, labels)) + len(labels) + 1 > MAX_NAME_BYTES:
            raise DecodeError(f"a name of more than {MAX_NAME_BYTES} bytes", offset)


def _target(raw: bytes, place: int, earliest: int) -> int:
    """Where a pointer leads (rules 2 and 3)."""
    if place + 2 > len(raw):
        raise DecodeError("the packet ends within a pointer", len(raw))
    target = int.from_bytes(raw[place : place + 2], "big") & LAST_TARGET
    if target < HEADER_BYTES:
        raise DecodeError(f"a pointer into the header, to offset {target}", place)
    if target >= earliest:
        raise DecodeError(f"a pointer to offset {target}, which is not before the name that it ends", place)
    return target


def _trusted(labels: list[bytes]) -> DomainName:
    """A name of labels that have been checked."""
    name = DomainName.__new__(DomainName)
    name.labels = tuple(labels)
    return name


def dissect_name(raw: bytes, offset: int, what: str) -> tuple[Field, ...]:
    """The parts of a name that has been read, for a drawing.

    Args:
        raw: the whole packet.
        offset: where the name begins.
        what: what the name is, such as "name" or "target".
    """
    name, end = read_name(raw, offset)
    fields, count = [], 0
    while offset < end:
        length = raw[offset]
        if length >= POINTER:
            target = int.from_bytes(raw[offset : offset + 2], "big") & LAST_TARGET
            rest = DomainName(name.labels[count:])
            fields.append(Field(f"{what}: pointer", raw[offset : offset + 2], f"offset {target}: {rest}"))
            break
        note = _shown(name.labels[count]) if length else "end of the name"
        fields.append(Field(what, raw[offset : offset + 1 + length], note))
        offset, count = offset + 1 + length, count + 1
    return tuple(fields)
