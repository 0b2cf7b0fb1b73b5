"""Lab 8, tasks 3 and 4: a crash at every byte, and a flip at every byte. Probes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab08_content.disk import ForgetfulFile
from p2plib.labs.lab08_content.records import FRAME_BYTES, append_record, crc, record_of, recover

AppendRecord = Callable[[ForgetfulFile, bytes], Any]
Recover = Callable[[bytes], Any]


@dataclass(frozen=True)
class Appends:
    """A probe: some values are appended one after the other, and the file is looked at after each.

    Args:
        values: the values.
    """

    values: tuple[bytes, ...]

    def __call__(self, yours: AppendRecord) -> None:
        file = ForgetfulFile()
        for number, value in enumerate(self.values, 1):
            before = file.seen
            yours(file, value)
            wanted = record_of(value)
            said = f"value {number}, of {len(value)} bytes"
            if file.seen == before:
                raise Wrong(f"{said}: nothing was written", "file.write(...) puts bytes at the end")
            if file.seen != before + wanted:
                raise Wrong(
                    f"{said}: wrote {_short(file.seen[len(before) :])}", _why(file.seen[len(before) :], value)
                )
            if file.kept == before:
                hint = "call file.sync() when all is written, and return after it"
                raise Wrong(f"{said}: a crash right after the return takes all of it", hint)
            if file.kept != file.seen:
                hint = "the last sync came before the last write"
                raise Wrong(f"{said}: a crash right after the return takes a part of it", hint)
            if file.syncs > 2 * number:
                raise Wrong(
                    f"{said}: {file.syncs} syncs so far",
                    "a sync takes milliseconds: one for a record will do",
                )


def _short(data: bytes) -> str:
    return data.hex() if len(data) <= 24 else f"{data[:16].hex()}… ({len(data)} bytes)"


def _why(got: bytes, value: bytes) -> str:
    """What was done wrong, from the bytes."""
    size, little = len(value).to_bytes(4, "big"), len(value).to_bytes(4, "little")
    head = got[:FRAME_BYTES]
    if got == value:
        return "a record begins with twelve bytes: size, CRC of the size, CRC of the value"
    if got == size + value or got == size + crc(value) + value:
        return "the size has a CRC of its own, between the size and the CRC of the value"
    if got[:4] == little != size:
        return "the size is big-endian"
    if got[:4] == (len(value) + FRAME_BYTES).to_bytes(4, "big"):
        return "the size counts the value alone"
    if head == size + crc(value) + crc(size):
        return "the CRC of the size comes first, the CRC of the value second"
    if head == size + crc(size) + crc(size + value):
        return "the second CRC is that of the value alone"
    if head[:8] == size + crc(size)[::-1]:
        return "a CRC is big-endian, too: crc(data) gives its four bytes"
    if head == size + crc(size) + crc(value):
        return "after the twelve bytes comes the value, and nothing else"
    if head[:4] != size:
        return "the size takes four bytes, big-endian: len(value).to_bytes(4, 'big')"
    return "size ‖ crc(size) ‖ crc(value) ‖ value, where crc(size) is that of its four bytes"


APPEND_RECORD = Task(
    "append_record",
    append_record,
    cases=[
        Appends((b"hello",)),
        Appends((b"",)),
        Appends((b"one", b"two", b"", b"\0\0\0\0")),
        Appends((b"x" * 300, b"y" * 70_000)),
    ],
    hint="write the twelve bytes and the value, then sync",
)


def recovers(values: Sequence[bytes], tail: bytes = b"") -> Case:
    """A probe: a file of whole records, and perhaps the beginning of another, is read."""

    def probe(yours: Recover) -> None:
        data = b"".join(map(record_of, values))
        what = f"a file of {len(values)} records" + (
            f" and the first {len(tail)} bytes of another" if tail else ""
        )
        _judge(yours, data + tail, list(values), len(data), what, len(tail))

    return probe


def _judge(yours: Recover, data: bytes, values: list[bytes], end: int, what: str, left: int) -> None:
    try:
        got = yours(data)
    except NotImplementedError:
        raise
    except ValueError:
        hint = "a torn tail is no damage: fewer than twelve bytes, or fewer of the value than the size says"
        raise Wrong(
            f"{what}: it raised ValueError", hint if left else "compare each CRC with the bytes it is of"
        ) from None
    except Exception as error:
        hint = "see how many bytes are left before you take them apart"
        raise Wrong(f"{what}: it raised {type(error).__name__}", hint) from None
    if not isinstance(got, tuple) or len(got) != 2:
        hint = (
            "is a return missing?"
            if got is None
            else "return two things: the list of values, and a number of bytes"
        )
        raise Wrong(f"{what}: it gave a {type(got).__name__}", hint)
    if got == (end, values):
        raise Wrong(f"{what}: it gave the number first", "the values come first")
    if not isinstance(got[0], list):
        raise Wrong(f"{what}: the values came in a {type(got[0]).__name__}", "return a list of values")
    if got[0] != values:
        raise Wrong(
            f"{what}: it gave {len(got[0])} values{_differs(got[0], values)}",
            _why_values(got[0], values, left),
        )
    if got[1] != end:
        hint = "the number is where the next record would begin: count whole records, with their twelve bytes"
        raise Wrong(f"{what}: the whole ones take {end} bytes, and it gave {got[1]!r:.20}", hint)


def _differs(got: list[Any], values: list[bytes]) -> str:
    return ", of other bytes" if len(got) == len(values) else f" of {len(values)}"


def _why_values(got: list[Any], values: list[bytes], left: int) -> str:
    if left and len(got) == len(values) + 1:
        return "a value of which bytes are missing was never written: leave it out"
    if len(got) < len(values):
        return "the next record begins right after the value: go on while twelve bytes are left"
    return "a value begins after the twelve bytes, and has as many bytes as its size says"


def torn(values: Sequence[bytes]) -> Case:
    """A probe: a crash at every byte of a file."""

    def probe(yours: Recover) -> None:
        data, ends = b"", [0]
        for value in values:
            data += record_of(value)
            ends.append(len(data))
        for size in range(len(data) + 1):
            whole = sum(end <= size for end in ends) - 1
            left = size - ends[whole]
            what = f"a crash after byte {size} of {len(data)}"
            _judge(yours, data[:size], list(values[:whole]), ends[whole], what, left)

    return probe


FLIPPED = ("the size", "the CRC of the size", "the CRC of the value", "the value")


def flipped(values: Sequence[bytes], tail: bytes = b"") -> Case:
    """A probe: one bit is flipped, in every byte of every whole record."""

    def probe(yours: Recover) -> None:
        start = 0
        records = list(map(record_of, values))
        for number, record in enumerate(records, 1):
            for at in range(len(record)):
                for bit in (1, 128):
                    data = bytearray(b"".join(records) + tail)
                    data[start + at] ^= bit
                    part = FLIPPED[min(at // 4, 3)]
                    _refuses(
                        yours,
                        bytes(data),
                        f"a bit of {part} of record {number} of {len(records)} was flipped",
                        at,
                    )
            start += len(record)

    return probe


def _refuses(yours: Recover, data: bytes, what: str, at: int) -> None:
    try:
        got = yours(data)
    except NotImplementedError:
        raise
    except ValueError:
        return
    except Exception as error:
        hint = "damage is a ValueError: look at the CRC of the size before you believe the size"
        raise Wrong(f"{what}: it raised {type(error).__name__}", hint) from None
    values = len(got[0]) if isinstance(got, tuple) and got and isinstance(got[0], list) else "?"
    hint = (
        "compare the CRC of the size before you believe the size, or the rest looks like a torn tail"
        if at < 8
        else "compare the CRC of the value with the value, in the last record, too"
    )
    raise Wrong(f"{what}, and it gave {values} values", hint)


def disks(rng: Random) -> tuple[Case, ...]:
    """Files with other values; the same for the same numbers."""
    values = [rng.randbytes(rng.randrange(9)) for _ in range(4)]
    return (
        recovers(values),
        torn(values),
        flipped(values),
        flipped(values, record_of(b"torn")[: rng.randrange(1, 16)]),
    )


RECOVER = Task(
    "recover",
    recover,
    cases=[
        recovers([b"hello"]),
        recovers([]),
        recovers([b"one", b"", b"three"]),
        recovers([b"x" * 300, b"y" * 70_000, b"z"]),
        recovers([b"one"], record_of(b"two")[:5]),
        recovers([b"one"], record_of(b"two")[:14]),
        torn([b"one", b"", b"three"]),
        torn([b"\0" * 12, record_of(b"a record in a record")]),
        flipped([b"one", b"", b"three"]),
        flipped([b"only"]),
        flipped([b"one", b"two"], record_of(b"torn")[:7]),
    ],
    hint="while twelve bytes are left: the CRC of the size, the value, its CRC; leave out what is cut short",
)
