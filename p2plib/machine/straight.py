"""Straight: straight-line code for a layout's table, written out and compiled.

`p2plib.machine.datagram.Codec` can write and read any message by going through the table of its layout. The
loop is the specification, but most of its time goes on looping. So when a layout is first used, two functions
are made from it, the way `dataclasses` makes an ``__init__``: their source is put together as text, and
Python compiles it. `Kademlia`'s codec shows what a `FindNode` becomes::

    print(CODEC.source(FindNode))

Rules
    1. A function made here does exactly what the loop does, or returns None; then the loop does the work
       again and says what is wrong. So no error is described here.
    2. What is compiled is made from a layout and nothing else: names of a class and its fields, whole
       numbers, and the functions of field types. No byte that came from a network gets near it (F034).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.fields import MAX_BYTES, Blob, FieldType, Many, Maybe, Number
from p2plib.wire import varint

ONE_BYTE = 0x80  # lengths below it take one byte; here all others take two
LENGTHS = [varint.encode(size) for size in range(MAX_BYTES + 1)]
# What the functions made here call things: their variables, themselves, and what they take from elsewhere.
OWN_NAMES = {"data", "message", "start", "end", "after", "size", "write", "read"}
OWN_NAMES |= {"LENGTHS", "DecodeError", "IndexError", "bytes", "int", "len", "map", "tuple"}


class Straight:
    """The two functions of one layout, compiled when the first of them is asked for.

    Args:
        head: the bytes before the first field.
        message: the class of the message.
        fields: the name and the type of each field, in the order of the class.
    """

    def __init__(self, head: bytes, message: type[Any], fields: tuple[tuple[str, FieldType], ...]) -> None:
        own, names = message.__name__, [name for name, _ in fields]
        taken = OWN_NAMES | {f"{verb}_{name}" for name in names for verb in ("pack", "unpack")}
        if own in taken:
            raise UsageError(f"a message is named {own}, which generated code uses: rename it")
        if clash := [name for name in names if name in taken or name == own]:
            raise UsageError(f"{own} has a field named {clash[0]}, which generated code uses: rename it")
        self.head, self.message, self.fields = head, message, fields

    @functools.cached_property
    def source(self) -> str:
        """The source of both, as text."""
        return "\n".join([*self._writing(), "", "", *self._reading(), ""])

    @functools.cached_property
    def write(self) -> Callable[[Any], bytes | None]:
        """From a message to its bytes, or to None (rule 1)."""
        made: Callable[[Any], bytes | None] = self._functions["write"]
        return made

    @functools.cached_property
    def read(self) -> Callable[[bytes], Any]:
        """From bytes that begin with `head` to a message, or to None (rule 1)."""
        made: Callable[[bytes], Any] = self._functions["read"]
        return made

    @functools.cached_property
    def _functions(self) -> dict[str, Any]:
        names: dict[str, Any] = {"LENGTHS": LENGTHS, "DecodeError": DecodeError, "int": int}
        names[self.message.__name__] = self.message
        for name, kind in self.fields:
            if type(kind) is Many:
                names |= {f"pack_{name}": kind.item.pack_item, f"unpack_{name}": kind.item.unpack}
            elif type(kind) is Maybe:
                names |= {f"pack_{name}": kind.item.pack, f"unpack_{name}": kind.item.unpack}
            else:
                names |= {f"pack_{name}": kind.pack, f"unpack_{name}": kind.unpack}
        exec(compile(self.source, f"<{self.message.__name__}>", "exec"), names)  # rule 2
        return names

    def _writing(self) -> Iterator[str]:
        yield "def write(message):"
        for name, kind in self.fields:
            yield from _indented(1, _write(name, kind))
        yield f"    data = b''.join(({self.head!r},"
        for name, _ in self.fields:
            yield f"        LENGTHS[len({name})], {name},"
        yield "    ))"
        yield f"    return data if len(data) <= {MAX_BYTES} else None"

    def _reading(self) -> Iterator[str]:
        yield "def read(data):"
        yield "    try:"
        yield f"        end = {len(self.head)}"
        for name, kind in self.fields:
            yield from _indented(2, _length(kind.max_bytes))
            yield from _indented(2, _read(name, kind))
        yield "        if end != len(data): return None"
        yield f"        return {self.message.__name__}({', '.join(name for name, _ in self.fields)})"
        yield "    except (IndexError, DecodeError):"
        yield "        return None"


def _write(name: str, kind: FieldType) -> Iterator[str]:
    """From the field of the message to its bytes, in a variable of the field's name."""
    match kind:
        case Number(max_bits=bits) if type(kind) is Number:  # one that inherits may write otherwise
            yield f"{name} = message.{name}"
            yield f"if {name} >> {bits}: return None"
            yield f"{name} = {name}.to_bytes(({name}.bit_length() + 7) >> 3, 'big')"
            return
        case Blob() if type(kind) is Blob:
            yield f"{name} = bytes(message.{name})"
        case Many(max_items=most) if type(kind) is Many:
            yield f"if len(message.{name}) > {most}: return None"
            yield f"{name} = b''.join(map(pack_{name}, message.{name}))"
        case Maybe() if type(kind) is Maybe:
            yield f"{name} = b'' if message.{name} is None else pack_{name}(message.{name})"
        case _:
            yield f"{name} = pack_{name}(message.{name})"
    yield f"if len({name}) > {min(kind.max_bytes, MAX_BYTES)}: return None"


def _length(max_bytes: int) -> Iterator[str]:
    """From the end of the field before to the start and the end of this one."""
    yield "start, end = end + 1, end + 1 + data[end]"
    if max_bytes >= ONE_BYTE:
        yield f"if end - start >= {ONE_BYTE}:"
        yield f"    if not 0 < data[start] < {ONE_BYTE}: return None"
        yield f"    start, end = start + 1, end + 1 + (data[start] - 1) * {ONE_BYTE}"
    yield f"if end - start > {max_bytes}: return None"


def _read(name: str, kind: FieldType) -> Iterator[str]:
    """From the bytes between start and end to the value, in a variable of the field's name."""
    match kind:
        case Number(max_bits=bits) if type(kind) is Number:
            yield "if start < end and not data[start]: return None"
            yield f"{name} = int.from_bytes(data[start:end], 'big')"
            if bits % 8:
                yield f"if {name} >> {bits}: return None"
        case Blob() if type(kind) is Blob:
            yield f"{name} = data[start:end]"
        case Many(item=item, max_items=most) if type(kind) is Many and item.max_bytes < ONE_BYTE:
            yield f"{name} = []"
            yield "while start < end:"
            yield "    after = start + 1 + data[start]"
            yield f"    if after - start > {item.max_bytes + 1}: return None"
            yield f"    {name}.append(unpack_{name}(data[start + 1:after]))"
            yield "    start = after"
            yield f"if start > end or len({name}) > {most}: return None"
            yield f"{name} = tuple({name})"
        case Many() if type(kind) is Many:
            yield "return None"  # no overlay has items so long; the loop can read them
        case Maybe() if type(kind) is Maybe:
            yield f"{name} = unpack_{name}(data[start:end]) if start < end else None"
        case _:
            yield f"{name} = unpack_{name}(data[start:end])"


def _indented(levels: int, lines: Iterator[str]) -> Iterator[str]:
    return ("    " * levels + line for line in lines)
