"""Straight code does what the table says: the loop is the oracle, its errors with their text and offset."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import Codec
from p2plib.machine.fields import CONTACT, Blob, Header, Many, Number
from p2plib.machine.straight import OWN_NAMES
from p2plib.topology.kademlia import messages as kad
from tests.machine.test_datagram import CODECS, messages

MESSAGES = [(codec, message) for codec in CODECS for message in codec.by_class]
BY_NAME = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)


def outcome(call: Callable[[Any], Any], argument: Any) -> tuple[Any, ...]:
    """What a call returns, or all that its error says."""
    try:
        return ("value", call(argument))
    except (DecodeError, UsageError) as error:
        return (type(error), str(error), getattr(error, "offset", None))


def agree(codec: Codec, data: bytes) -> None:
    assert outcome(codec.decode, data) == outcome(codec.decode_by_table, data), data.hex()


@BY_NAME
@settings(max_examples=25)
@given(data=st.data())
def test_straight_code_writes_and_reads_what_the_loop_does(codec: Codec, data: st.DataObject) -> None:
    message = data.draw(messages(codec))
    straight = codec._writers[type(message)]
    raw = codec.encode_by_table(message)
    assert straight.write(message) == codec.encode(message) == raw  # it is taken, and no detour
    assert straight.read(raw) == codec.decode(raw) == codec.decode_by_table(raw) == message


@pytest.mark.parametrize(
    "message",
    [
        kad.Ping(1 << 64, 2),
        kad.Ping(-1, 2),
        kad.Ping(1, 1 << 256),
        kad.Found(1, 2, bytes(1001)),
        kad.Found(1, 2, bytes(70_000)),
        kad.Nodes(1, 2, bytes(9), ()),
        kad.Nodes(1, 2, b"", (Contact(1, ("192.0.2.1", 1)),) * 21),
        kad.Nodes(1, 2, b"", (Contact(1, ("localhost", 1)),)),
        kad.Nodes(1, 2, b"", (Contact(1, ("192.0.2.1", 0)),)),
        kad.Nodes(1, 2, b"", (Contact(1 << 256, ("192.0.2.1", 1)),)),
        kad.Nodes(1 << 70, 2, bytes(9), (Contact(1, ("localhost", 1)),)),  # the first that is wrong is named
        kad.Store(1, 2, b"", 3, 1 << 24, b""),
        kad.Ping(1, 2, 2),
        kad.Pong(1, 2, ("localhost", 1)),
    ],
    ids=str,
)
def test_what_has_no_bytes_is_refused_in_the_same_words(message: Any) -> None:
    refused = outcome(kad.CODEC.encode, message)
    assert refused == outcome(kad.CODEC.encode_by_table, message)
    assert refused[0] != "value"


@BY_NAME
@settings(max_examples=60)
@given(data=st.data())
def test_bytes_that_were_changed_are_read_alike(codec: Codec, data: st.DataObject) -> None:
    raw = bytearray(codec.encode(data.draw(messages(codec))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        raw = raw or bytearray(1)
    agree(codec, bytes(raw))


@pytest.mark.parametrize(
    ("codec", "message"), MESSAGES, ids=lambda one: getattr(one, "name", getattr(one, "__name__", ""))
)
@settings(max_examples=2)
@given(data=st.data())
def test_every_byte_flipped_and_every_truncation_is_read_alike(
    codec: Codec, message: type[Any], data: st.DataObject
) -> None:
    raw = codec.encode(data.draw(messages(codec, message)))
    agree(codec, raw + b"\x00")
    for at in range(len(raw)):
        agree(codec, raw[:at])
        for flip in (1, 2, 8, 64, 128, 255):
            agree(codec, raw[:at] + bytes((raw[at] ^ flip,)) + raw[at + 1 :])
        for more in (0, 1):  # a length that is written longer than it needs, and one that is longer
            agree(codec, raw[:at] + bytes((raw[at] | 0x80, more)) + raw[at + 1 :])


@given(st.binary(max_size=60), st.integers(0, 12), st.sampled_from(CODECS))
def test_rubbish_behind_a_head_is_read_alike(raw: bytes, kind: int, codec: Codec) -> None:
    agree(codec, bytes((codec.overlay, kind)) + raw)


@dataclass(slots=True)
class Wide(Header):
    """What no overlay has: long items, a small number between long fields, a field longer than a datagram."""

    blobs: Annotated[tuple[bytes, ...], Many(Blob(300), 3)]
    small: Annotated[int, Number(3)]
    rest: Annotated[bytes, Blob(5000)]


WIDE = Codec("wide", 9, Wide)


@given(
    st.lists(st.binary(max_size=300), max_size=4), st.integers(0, 300), st.binary(max_size=1300), st.data()
)
def test_layouts_that_no_overlay_has_work_too(
    blobs: list[bytes], small: int, rest: bytes, data: st.DataObject
) -> None:
    message = Wide(1, 2, tuple(blobs), small, rest)
    expected = outcome(WIDE.encode_by_table, message)
    assert outcome(WIDE.encode, message) == expected
    if expected[0] == "value":
        agree(WIDE, expected[1])
        agree(WIDE, expected[1][: data.draw(st.integers(0, len(expected[1])))])


@pytest.mark.fault("F034")
@pytest.mark.parametrize(("codec", "message"), MESSAGES, ids=lambda one: getattr(one, "__name__", ""))
def test_what_is_compiled_is_made_of_the_table_alone(codec: Codec, message: type[Any]) -> None:
    """Its names are the message's, its fields' and a few fixed ones; its constants are numbers and a head."""
    names = {field.name for field in fields(message)}
    known = names | OWN_NAMES | {f"{verb}_{name}" for verb in ("pack", "unpack") for name in names}
    known |= {message.__name__}
    calls = names | {"to_bytes", "from_bytes", "bit_length", "join", "append"}
    head = bytes((codec.overlay, codec.by_class[message].kind))
    for node in ast.walk(ast.parse(codec.source(message))):
        if isinstance(node, ast.Name):
            assert node.id in known
        if isinstance(node, ast.Attribute):
            assert node.attr in calls
        if isinstance(node, ast.Constant) and not isinstance(node.value, int):
            assert node.value in (None, "big", b"", head)
        assert not isinstance(node, ast.Import | ast.ImportFrom)


def test_nothing_is_compiled_before_it_is_needed() -> None:
    codec = Codec("again", 8, kad.Ping, kad.Pong)
    codec.encode(kad.Ping(1, 2))
    assert "_functions" in vars(codec._writers[kad.Ping])
    assert "_functions" not in vars(codec._writers[kad.Pong])


def test_a_field_cannot_have_the_name_of_a_variable_of_its_code() -> None:
    @dataclass(slots=True)
    class Clash(Header):
        size: Annotated[int, Number(8)]

    with pytest.raises(
        UsageError, match="Clash has a field named size, which generated code uses: rename it"
    ):
        Codec("clash", 9, Clash)


def test_the_source_can_be_read() -> None:
    source = kad.CODEC.source(kad.Nodes)
    assert "    token = bytes(message.token)\n    if len(token) > 8: return None\n" in source
    assert "        return Nodes(transaction, sender, token, contacts, observed)\n" in source
    assert CONTACT.max_bytes == 52
    assert "if after - start > 53: return None" in source


class Word(Blob):
    """A field type that inherits one which the straight code knows, and writes otherwise."""

    def pack(self, value: Any) -> bytes:
        return bytes(value.encode())

    def unpack(self, raw: bytes) -> Any:
        return raw.decode()


@dataclass(slots=True)
class Said(Header):
    word: Annotated[str, Word(9)]


def test_a_type_that_inherits_another_is_written_and_read_its_own_way() -> None:
    codec, message = Codec("words", 9, Said), Said(1, 2, "hello")
    assert codec.encode(message) == codec.encode_by_table(message)
    assert codec.decode(codec.encode(message)) == message


def made(message: str, *names: str) -> type[Any]:
    kind = Annotated[tuple[int, ...], Many(Number(8), 3)]
    return dataclass(type(message, (), {"__annotations__": dict.fromkeys(names, kind)}))


@pytest.mark.parametrize("name", ["len", "bytes", "map", "tuple", "int", "LENGTHS", "write", "read", "Odd"])
def test_no_field_is_called_what_its_code_calls_something_else(name: str) -> None:
    with pytest.raises(UsageError, match=f"named {name}"):
        Codec("odd", 9, made("Odd", "first", name))


@pytest.mark.parametrize("name", ["len", "int", "LENGTHS", "DecodeError", "write", "pack_first"])
def test_no_message_is_called_what_its_code_calls_something_else(name: str) -> None:
    with pytest.raises(UsageError, match=f"named {name}"):
        Codec("odd", 9, made(name, "first"))


def test_no_field_is_called_what_packs_another() -> None:
    with pytest.raises(UsageError, match="named pack_first"):
        Codec("odd", 9, made("Odd", "first", "pack_first"))
