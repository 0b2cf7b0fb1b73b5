"""Lab 2, tasks 4 and 5: DNS packets, as a name server and everybody on a LAN speak them.

The reader writes a question and reads a name, which is the part that can be attacked; the rest of a packet
(RFC 1035, section 4; for a LAN RFC 6762, section 18) is here. Of the kinds of record that there are, the lab
uses one, SRV (RFC 2782): "at this host, on this port".

Vocabulary::

    label     a part of a name, between two dots: up to 63 bytes
    pointer   two bytes instead of the rest of a name: "it goes on at this place of the packet"
    record    a name, its kind, for how many seconds it holds (ttl), and its value
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from p2plib.errors import DecodeError
from p2plib.labs.engine.tasks import Case, Mistake, Task, Wrong

SRV, CLASS_IN = 33, 1
QUESTION, ANSWER = 0x0000, 0x8400  # flags: RFC 6762, 18.2 and 18.4
MOST_LOOKS = 100_000  # at the bytes of a packet, for one name
HEADER_BYTES, MAX_LABEL_BYTES, MAX_NAME_BYTES = 12, 63, 255
POINTER = 0xC0  # the two highest bits of its first byte

ReadName = Callable[[bytes, int], tuple[str, int]]


def write_question(name: str, kind: int) -> bytes:
    """A DNS packet that asks one question.

    Args:
        name: what is asked for, such as "cats.local".
        kind: the kind of record, such as 33 for SRV.

    Raises:
        ValueError: the name cannot be written.
    """
    return struct.pack(">6H", 0, QUESTION, 1, 0, 0, 0) + write_name(name) + struct.pack(">2H", kind, CLASS_IN)


def write_name(name: str) -> bytes:
    """A name as labels, without compression.

    Raises:
        ValueError: a label is empty or too long, or all are.
    """
    raw = b""
    for label in name.split("."):
        size = len(label.encode())
        if not 1 <= size <= MAX_LABEL_BYTES:
            raise ValueError(f"a label of {size} bytes")
        raw += bytes([size]) + label.encode()
    if len(raw) + 1 > MAX_NAME_BYTES:
        raise ValueError(f"a name of {len(raw) + 1} bytes")
    return raw + b"\0"


def read_name(packet: bytes, offset: int) -> tuple[str, int]:
    """The name at a place of a packet, and the place behind it.

    Args:
        packet: the whole packet, for a pointer may lead anywhere in it.
        offset: where the name begins.

    Raises:
        DecodeError: it is no name.
    """
    labels, size, after, began = list[str](), 1, None, offset
    while True:
        byte = _byte(packet, offset)
        if byte & POINTER == POINTER:
            target = (byte & 0x3F) << 8 | _byte(packet, offset + 1)
            if target >= began:
                raise DecodeError("a pointer leads backwards", offset)
            after = offset + 2 if after is None else after
            offset = began = target
            continue
        if byte > MAX_LABEL_BYTES:
            raise DecodeError("a label has at most 63 bytes", offset)
        offset += 1
        if not byte:
            return ".".join(labels), offset if after is None else after
        if offset + byte > len(packet):
            raise DecodeError("the packet ends inside a label", offset)
        size += 1 + byte
        if size > MAX_NAME_BYTES:
            raise DecodeError("a name has at most 255 bytes", offset)
        labels.append(_text(packet[offset : offset + byte], offset))
        offset += byte


def _byte(packet: bytes, offset: int) -> int:
    if offset >= len(packet):
        raise DecodeError("the packet ends inside a name", offset)
    return packet[offset]


def _text(raw: bytes, offset: int) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise DecodeError("a label is UTF-8", offset) from None


# The rest of a packet


class Record(NamedTuple):
    """A peer is there.

    Args:
        name: what it is a peer for.
        ttl: for how many seconds this holds; 0 says goodbye.
        host: which host it is on.
        port: and on which port.
    """

    name: str
    ttl: int
    host: str
    port: int


def write_records(records: Sequence[Record]) -> bytes:
    """A DNS packet that answers, without having been asked or because it was."""
    return struct.pack(">6H", 0, ANSWER, 0, len(records), 0, 0) + b"".join(map(_record, records))


def with_known(question: bytes, known: Sequence[Record]) -> bytes:
    """A question that says which answers are known already (RFC 6762, section 7.1)."""
    return question[:6] + struct.pack(">H", len(known)) + question[8:] + b"".join(map(_record, known))


def _record(record: Record) -> bytes:
    value = struct.pack(">3H", 0, 0, record.port) + write_name(record.host)
    return write_name(record.name) + struct.pack(">2HIH", SRV, CLASS_IN, record.ttl, len(value)) + value


def read_packet(packet: bytes, read_name: ReadName) -> tuple[list[str], list[Record]]:
    """The names that a packet asks for, and the SRV records that it brings.

    Args:
        packet: a datagram as it came.
        read_name: reads a name.

    Raises:
        DecodeError: it is no DNS packet. (The reader's read_name may raise another ValueError.)
    """
    counts = _numbers(packet, 0, ">6H")[2:]
    names, records, offset = [], [], HEADER_BYTES
    for _ in range(counts[0]):
        name, offset = read_name(packet, offset)
        _numbers(packet, offset, ">2H")
        names.append(name)
        offset += 4
    for _ in range(sum(counts[1:])):
        name, offset = read_name(packet, offset)
        kind, _, ttl, size = _numbers(packet, offset, ">2HIH")
        offset += 10
        if offset + size > len(packet):
            raise DecodeError("the packet ends inside a record", offset)
        if kind == SRV:
            *_, port = _numbers(packet, offset, ">3H")
            records.append(Record(name, ttl, read_name(packet, offset + 6)[0], port))
        offset += size
    return names, records


def _numbers(packet: bytes, offset: int, layout: str) -> tuple[int, ...]:
    if offset + struct.calcsize(layout) > len(packet):
        raise DecodeError("the packet ends too early", offset)
    return struct.unpack_from(layout, packet, offset)


# Wrong ways to write a question


def _question(
    *,
    header: tuple[int, ...] = (0, 0, 1, 0, 0, 0),
    layout: str = ">2H",
    end: bytes = b"\0",
    most_label: int = MAX_LABEL_BYTES,
    most_name: int = MAX_NAME_BYTES,
    least_label: int = 1,
    tail: Callable[[int], tuple[int, int]] = lambda kind: (kind, CLASS_IN),
    size_of: Callable[[str], int] | None = None,
    code: str = "utf-8",
) -> Callable[[str, int], bytes]:
    """A version of `write_question` with something changed."""

    def version(name: str, kind: int) -> bytes:
        raw = b""
        for label in name.split("."):
            size = size_of(label) if size_of else len(label.encode(code))
            if not least_label <= size <= most_label:
                raise ValueError("a label")
            raw += bytes([size]) + label.encode(code)
        if len(raw) + 1 > most_name:
            raise ValueError("a name")
        return (
            struct.pack(f"{layout[0]}{len(header)}H", *header) + raw + end + struct.pack(layout, *tail(kind))
        )

    return version


def _writes_it_with_dots(name: str, kind: int) -> bytes:
    raw = bytes([len(name.encode())]) + name.encode() + b"\0"
    return struct.pack(">6H", 0, 0, 1, 0, 0, 0) + raw + struct.pack(">2H", kind, CLASS_IN)


def _skips_empty_labels(name: str, kind: int) -> bytes:
    return write_question(".".join(filter(None, name.split("."))), kind)


def _lowers(name: str, kind: int) -> bytes:
    return write_question(name.lower(), kind)


def _sizes_in_two_bytes(name: str, kind: int) -> bytes:
    labels = b"".join(struct.pack(">H", len(label)) + label for label in name.encode().split(b"."))
    return struct.pack(">6H", 0, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, CLASS_IN)


_LONG = ".".join(["a" * 63] * 3 + ["b" * 61])  # 255 bytes on the wire

WRITE_QUESTION = Task(
    "write_question",
    write_question,
    cases=[
        ("cats.local", SRV),
        ("Cats.local", SRV),
        ("local", 16),
        ("a.b.c.d", 255),
        ("a.local", 65_280),
        ("köln.local", SRV),
        ("a" * 63 + ".local", SRV),
        ("a" * 64 + ".local", SRV),
        ("ö" * 31 + "x", SRV),
        ("ö" * 32, SRV),
        ("a..local", SRV),
        ("local.", SRV),
        (".local", SRV),
        ("", SRV),
        (".".join(["a"] * 200), SRV),
        (_LONG, SRV),
        (_LONG + "b", SRV),
        (".".join(["a"] * 127), SRV),
        (".".join(["a"] * 128), SRV),
    ],
    mistakes=[
        Mistake(_question(most_name=256), "the sizes and the zero at the end count: 255 with them"),
        Mistake(_question(most_name=254), "255 bytes are allowed, sizes and zero included"),
        Mistake(_question(most_name=253), "255 bytes are allowed, sizes and zero included"),
        Mistake(_writes_it_with_dots, "dots are not sent: each label begins with its size instead"),
        Mistake(_question(layout="<2H"), "the first byte of a number is the high one: struct.pack with '>'"),
        Mistake(_question(end=b""), "a name ends with a label of no bytes: a zero"),
        Mistake(
            _question(header=(0, 0, 0, 0, 0, 0)), "the header counts: its third number says one question"
        ),
        Mistake(_question(header=(0, 0, 1)), "the header has six numbers: 12 bytes"),
        Mistake(
            _question(header=(0, 0, 1, 1, 0, 0)), "there are no answers in a question: only the third is 1"
        ),
        Mistake(
            _question(header=(0, 0x100, 1, 0, 0, 0)),
            "nobody on a LAN asks on for you: all numbers of the header are 0 but the third",
        ),
        Mistake(_question(header=(1, 0, 1, 0, 0, 0)), "the first number, the id, is 0: all hear the answer"),
        Mistake(_lowers, "write the name as it was given, capitals and all"),
        Mistake(_sizes_in_two_bytes, "the size of a label is one byte"),
        Mistake(_question(header=(0, 1, 0, 0, 0, 0)), "the question is counted by the third number of six"),
        Mistake(_question(tail=lambda kind: (CLASS_IN, kind)), "first the kind, then the class"),
        Mistake(_question(tail=lambda kind: (SRV, CLASS_IN)), "kind is an argument: it is not always 33"),
        Mistake(_question(tail=lambda kind: (kind & 255, CLASS_IN)), "a kind has two bytes"),
        Mistake(_question(tail=lambda kind: (kind, 0)), "the class is 1, the internet"),
        Mistake(_question(size_of=len), "count bytes, not letters: ö takes two of them"),
        Mistake(_question(code="latin-1"), "a label is spelled in UTF-8"),
        Mistake(_question(code="ascii"), "a label is spelled in UTF-8, not only in ASCII"),
        Mistake(
            _question(most_label=255),
            "a label has 63 bytes at most: the two high bits of its size mean something else",
        ),
        Mistake(_question(most_label=62), "a label of 63 bytes is still one"),
        Mistake(_question(least_label=0), "an empty label would be the end of the name: raise ValueError"),
        Mistake(_skips_empty_labels, "a name with an empty label is not what was meant: raise ValueError"),
        Mistake(
            _question(most_name=10**6), "a name has 255 bytes at most, sizes and the zero at its end included"
        ),
    ],
    hint="12 bytes of header, the name label by label, a zero, the kind, the class",
)


# Names to be read


def _pointer(target: int) -> bytes:
    return struct.pack(">H", 0xC000 | target)


# A packet of names: at 0 cats.local, at 12 ana + pointer to cats.local, at 18 pointer to that, at 20 ö.local
NAMES = (
    b"\4cats\5local\0"
    + (b"\3ana" + _pointer(0))
    + _pointer(12)
    + (b"\2\xc3\xb6" + _pointer(5))
    + b"\0"
    + (b"\1x" + _pointer(18))
)


class Endless(BaseException):
    """A packet was looked at more often than any name takes; no Exception, so that no reader's catches it."""


class Watched(bytes):
    """A packet that notices when somebody goes round in it without end."""

    looks = 0

    def __getitem__(self, place: Any) -> Any:
        self.looks += 1
        if self.looks > MOST_LOOKS:
            raise Endless
        return super().__getitem__(place)


def refuses(packet: bytes, offset: int, what: str, hint: str) -> Case:
    """A probe: what is no name is refused.

    Args:
        packet: holds it.
        offset: where it is.
        what: it is, such as "a pointer to itself".
        hint: for whoever reads it all the same.
    """

    def probe(yours: Any) -> None:
        watched = Watched(packet)
        try:
            got = yours(watched, offset)
        except NotImplementedError:
            raise
        except ValueError:
            return
        except Endless:
            raise Wrong(f"{what}: it went round without end", hint) from None
        except RecursionError:
            raise Wrong(f"{what}: it followed the pointer without end", hint) from None
        except Exception as error:  # whatever it is, it is the wrong kind
            name = "struct.error" if isinstance(error, struct.error) else type(error).__name__
            is_end = isinstance(error, IndexError | struct.error)
            bounds = "a packet may end anywhere: look whether a byte is there before you take it"
            said = f"{what}: it raised {name}, expected DecodeError or ValueError"
            raise Wrong(said, bounds if is_end else hint) from None
        raise Wrong(f"{what} gave {got!r:.60}, expected DecodeError or ValueError", hint)

    return probe


_BACK = "a pointer must lead to before the place where this name, or this piece of it, began"
_ENDS = "the packet ends before the name does: look at its length"


def _bytewise(yours: Any) -> None:
    """Every packet of one name cut short, at every place."""
    packet = NAMES[:18]
    for size in range(13, 18):
        refuses(packet[:size], 12, f"a name of which {size - 12} bytes are there", _ENDS)(yours)  # type: ignore[operator]


def _long(size: int) -> bytes:
    """A name of so many bytes on the wire, in labels of 63."""
    raw, left = b"", size - 1
    while left:
        label = min(63, left - 1)
        label -= left - 1 - label == 1  # what is left over must have room for a size and a byte
        raw += bytes([label]) + b"a" * label
        left -= label + 1
    return raw + b"\0"


def _by_pointers(labels: int) -> tuple[bytes, int]:
    """A packet in which each label is followed by a pointer to the one before, and where the last begins."""
    packet, place = b"\0", 0
    for _ in range(labels):
        packet, place = packet + b"\1a" + _pointer(place), len(packet)
    return packet, place


def any_packet(seed: int) -> tuple[bytes, int]:
    """A case of `read_name`: a packet of many names that share their ends, and where one begins."""
    rng, packet, places = random.Random(seed), bytearray(), list[int]()
    for _ in range(20):
        place = len(packet)
        for _ in range(rng.randrange(1, 4)):
            label = "".join(rng.choice("abcdeö") for _ in range(rng.randrange(1, 9))).encode()
            packet += bytes([len(label)]) + label
        packet += _pointer(rng.choice(places)) if places and rng.random() < 0.8 else b"\0"
        places.append(place)
    return bytes(packet), places[rng.randrange(10, 20)]


def any_refusal(seed: int) -> Case:
    """A probe: a packet of many names, of which one leads forwards, or into itself."""
    rng = random.Random(seed)
    packet, place = any_packet(seed)
    name = b"\1a" * rng.randrange(1, 9)
    target = len(packet) + rng.choice((0, 2 * rng.randrange(len(name) // 2), len(name), len(name) + 2))
    raw = packet + name + _pointer(target) + _pointer(place)
    return refuses(raw, len(packet), "a pointer that does not lead backwards", _BACK)


def _reads_chains(yours: Any) -> None:
    packet, place = _by_pointers(127)
    hint = "many pointers are allowed, as long as each leads further back and the name has 255 bytes"
    try:
        got = yours(packet, place)
    except ValueError:
        raise Wrong("127 labels joined by 127 pointers were refused", hint) from None
    if got != (".".join(["a"] * 127), place + 4):
        raise Wrong("127 labels joined by 127 pointers were not read", hint)


def _changes_nothing(yours: Any) -> None:
    packet = bytearray(NAMES)
    yours(packet, 12)
    if packet != NAMES:
        raise Wrong("it changed the packet", "other names in it are still to be read")


# Wrong ways to read a name


def _reading(
    *,
    refuse_pointer: Callable[[int, int, int, int], bool] = lambda target, began, at, first: target >= began,
    after_pointer: Callable[[int, int], int] = lambda after, behind: after,
    is_last: bool = False,
    mask: int = 0x3F,
    most_label: int = MAX_LABEL_BYTES,
    most_name: int = MAX_NAME_BYTES,
    errors: str = "strict",
    code: str = "utf-8",
    lowers: bool = False,
    joint: str = ".",
    cut: bool = False,
) -> ReadName:
    """A version of `read_name` with something changed."""

    def version(packet: bytes, offset: int) -> tuple[str, int]:
        labels, size, after, began, first = list[str](), 1, -1, offset, offset
        for _ in range(2000):
            byte = _byte(packet, offset)
            if byte & POINTER == POINTER:
                target = (byte & mask) << 8 | _byte(packet, offset + 1)
                if refuse_pointer(target, began, offset, first):
                    raise DecodeError("a pointer", offset)
                after = offset + 2 if after < 0 or is_last else after
                offset = began = target
                continue
            if byte > most_label:
                raise DecodeError("a label", offset)
            offset += 1
            if not byte:
                return joint.join(labels), offset if after < 0 else after_pointer(after, offset)
            if offset + byte > len(packet) and not cut:
                raise DecodeError("the end", offset)
            size += 1 + byte
            if size > most_name:
                raise DecodeError("a name", offset)
            label = packet[offset : offset + byte].decode(code, errors)
            labels.append(label.lower() if lowers else label)
            offset += byte
        raise RecursionError

    return version


def _reads_no_pointers(packet: bytes, offset: int) -> tuple[str, int]:
    return _reading(refuse_pointer=lambda target, began, at, first: True)(packet, offset)


def _stays_in_front(packet: bytes, offset: int) -> tuple[str, int]:
    name, after = read_name(packet, offset)
    return name, after + 1


def _ends_with_a_dot(packet: bytes, offset: int) -> tuple[str, int]:
    name, after = read_name(packet, offset)
    return name + ".", after


READ_NAME = Task(
    "read_name",
    read_name,
    cases=[
        (b"\4cats\5local\0", 0),
        (NAMES, 0),
        (NAMES, 5),
        (b"\4Cats\5LOCAL\0", 0),
        (NAMES, 24 + 1),
        (NAMES, 20),
        (NAMES, 12),
        (NAMES, 18),
        (NAMES, 26),
        (b"\4cats" + b"\0" * 300 + b"\3ana" + _pointer(0x0000), 305),
        (b"\0" * 400 + b"\4cats\0" + b"\3ana" + _pointer(400), 406),
        refuses(b"\xc0\x00", 0, "a pointer to itself", _BACK),
        refuses(b"\1a\xc0\x00", 0, "a name whose pointer leads to its own beginning", _BACK),
        refuses(b"\1a\1b\xc0\x02", 0, "a name whose pointer leads into itself", _BACK),
        refuses(b"\xc0\x02\xc0\x00", 2, "two pointers that lead to each other", _BACK),
        refuses(b"\1a\xc0\x04\xc0\x00", 4, "a pointer back, and from there one forwards", _BACK),
        refuses(b"\xc0\x02\1a\0", 0, "a pointer forwards", _BACK),
        refuses(
            b"\xc0\x02\1a\0\xc0\x00", 5, "a pointer back, and there one that leads forwards again", _BACK
        ),
        refuses(b"\1a\xc0", 0, "half a pointer", _ENDS),
        refuses(b"\5cat", 0, "a label of 5 bytes of which 3 are there", _ENDS),
        refuses(b"\3cat", 0, "a name without its zero at the end", _ENDS),
        refuses(b"", 0, "an empty packet", _ENDS),
        refuses(b"\0", 7, "a place beyond the packet's end", _ENDS),
        _bytewise,
        refuses(b"\x40" + b"a" * 64 + b"\0", 0, "a size of 64", "a label has at most 63 bytes"),
        refuses(
            b"\x80" + b"a" * 128 + b"\0",
            0,
            "a size of 128",
            "a pointer has both of its high bits set; with only one of them set, it is not allowed",
        ),
        (b"\x3f" + b"a" * 63 + b"\0", 0),
        (_long(255), 0),
        refuses(
            _long(256), 0, "a name of 256 bytes", "a name has at most 255 bytes, sizes and zero included"
        ),
        refuses(
            (b"\x3e" + b"\xc3\xb6" * 31) * 4 + b"\2\xc3\xb6\0",
            0,
            "a name of 256 bytes and 130 letters",
            "count bytes, not letters: ö takes two of them",
        ),
        refuses(
            b"\1a\0\x80\x00",
            3,
            "a byte of 128, and a place",
            "a pointer has both of its high bits set: 192 or more",
        ),
        refuses(
            b"\0" * 16_200 + b"\xbf\x00",
            16_200,
            "a size of 191",
            "a pointer has both high bits set: 192 or more",
        ),
        _reads_chains,
        refuses(
            *_by_pointers(128),
            "a name of 257 bytes, made of pointers",
            "count what a name has in all, over its pointers: a small packet can hold a huge name",
        ),
        refuses(
            b"\2\xc3\x28\0",
            0,
            "a label that is not UTF-8",
            "decode strictly: bytes that are not text are not a label",
        ),
        _changes_nothing,
    ],
    mistakes=[
        Mistake(_reading(most_name=254), "255 bytes are allowed, sizes and zero included"),
        Mistake(_reading(most_name=253), "255 bytes are allowed, sizes and zero included"),
        Mistake(
            _reading(refuse_pointer=lambda target, began, at, first: target >= began or began != first),
            "a pointer may lead to a name that ends in a pointer",
        ),
        Mistake(
            _reads_no_pointers,
            "a byte of 192 or more begins a pointer: two bytes, of which the low 14 bits are a place",
        ),
        Mistake(
            _reading(after_pointer=lambda after, behind: behind),
            "after a name with a pointer comes what follows the pointer's two bytes, not what it led to",
        ),
        Mistake(
            _reading(after_pointer=lambda after, behind: after - 1), "a pointer has two bytes: step over both"
        ),
        Mistake(
            _reading(is_last=True), "a pointer may lead to a pointer: the name ends behind the first of them"
        ),
        Mistake(_stays_in_front, "what follows the name begins right after its zero"),
        Mistake(_reading(mask=0), "a pointer has 14 bits: the low six of its first byte count, too"),
        Mistake(_reading(joint=""), "labels are joined by dots"),
        Mistake(_reading(code="ascii"), "a label is UTF-8, not only ASCII"),
        Mistake(_reading(code="latin-1"), "a label is UTF-8: ö takes two bytes"),
        Mistake(
            _reading(lowers=True),
            "read the name as it stands: whoever compares names puts them into lower case",
        ),
        Mistake(_ends_with_a_dot, "there is a dot between labels, and none behind the last"),
        Mistake(_reading(most_label=62), "a label of 63 bytes is still one"),
    ],
    hint="byte by byte: 0 ends, up to 63 a label, 192 and more a pointer, which may only lead backwards",
)
