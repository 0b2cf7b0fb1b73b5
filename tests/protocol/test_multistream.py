"""multistream-select: known bytes, both roles against each other, and peers that break its rules."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import (
    Closed,
    DecodeError,
    EndOfStream,
    NoCommonProtocol,
    P2PError,
    PeerTimeout,
    StreamReset,
    UsageError,
)
from p2plib.protocol import multistream
from p2plib.protocol.conformance import check_stream
from p2plib.protocol.multistream import HEADER, MAX_PROPOSALS, Proposer, Responder
from p2plib.protocol.stream import memory_pair
from tests.protocol import pairs

HEADER_RAW = b"\x13/multistream/1.0.0\n"


def feed(machine: Any, raw: bytes) -> tuple[bytes, bytes]:
    """Gives a machine bytes in the portions that it asks for: what it sends, and what it leaves unread."""
    sent = machine.to_send()
    while raw and not machine.is_finished:
        take = machine.need_bytes
        machine.receive(raw[:take])
        raw = raw[take:]
        sent += machine.to_send()
    return sent, raw


def test_known_bytes_of_who_opens() -> None:
    machine = Proposer(["/echo/2", "/echo/1"])
    assert feed(machine, b"") == (HEADER_RAW + b"\x08/echo/2\n", b"")
    assert feed(machine, HEADER_RAW) == (b"", b"")
    assert feed(machine, b"\x03na\n") == (b"\x08/echo/1\n", b"")
    assert not machine.is_finished
    assert feed(machine, b"\x08/echo/1\nfirst bytes") == (b"", b"first bytes")
    assert (machine.is_finished, machine.protocol, machine.need_bytes) == (True, "/echo/1", 0)
    with pytest.raises(UsageError, match="needs 0 bytes"):
        machine.receive(b"x")


def test_known_bytes_of_who_answers() -> None:
    machine = Responder(["/chat/1.0.0", "/echo/1.0.0"])
    assert feed(machine, b"") == (b"", b"")  # as js-libp2p: it does not speak first
    listing = b"\x1b\x0c/chat/1.0.0\n\x0c/echo/1.0.0\n\n"
    assert feed(machine, HEADER_RAW + b"\x03ls\n") == (HEADER_RAW + listing, b"")
    assert feed(machine, b"\x05/x/1\n") == (b"\x03na\n", b"")
    assert feed(machine, b"\x0c/echo/1.0.0\n\x00\xff") == (b"\x0c/echo/1.0.0\n", b"\x00\xff")
    assert machine.protocol == "/echo/1.0.0"


def test_dissect() -> None:
    fields = multistream.dissect(b"\x03na\n")
    assert [(field.name, field.raw) for field in fields] == [
        ("size", b"\x03"),
        ("line", b"na"),
        ("line feed", b"\n"),
    ]


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1), max_size=20
    )
)
def test_listings(names: list[str]) -> None:
    raw = multistream.encode_listing(names)
    payload = raw[1 if raw[0] < 128 else 2 :]
    assert multistream.decode_listing(payload) == tuple(names)
    for cut in (payload[:-1], payload + b"\n", payload + b"x"):
        with pytest.raises(DecodeError):
            multistream.decode_listing(cut)


@pytest.mark.finding("W10")
@pytest.mark.parametrize("name", ["two\nlines", "", "half a pair \ud83d", "x" * 1100])
def test_what_cannot_be_a_name(name: str) -> None:
    with pytest.raises(UsageError):
        multistream.encode(name)


WRONG = [
    ("8108", "a frame of 1025 bytes, where 1024 is the most"),
    ("ffffffff0f", "where 1024 is the most"),
    ("80808000", "a varint of 4 bytes for 0"),
    ("00", "ends with a line feed"),
    ("010a", "one line that says something"),
    ("026e61", "ends with a line feed"),
    ("03610a0a", "one line that says something"),
    ("04ff6e610a", "is UTF-8"),
]


@pytest.mark.fault("F052")
@pytest.mark.parametrize("machine", [Proposer, Responder])
@pytest.mark.parametrize(("raw", "rule"), WRONG)
@pytest.mark.parametrize("is_header_first", [True, False])
def test_lines_that_are_none(machine: Any, raw: str, rule: str, is_header_first: bool) -> None:
    one = machine(["/a"])
    with pytest.raises(DecodeError, match=rule):
        feed(one, HEADER_RAW * is_header_first + bytes.fromhex(raw))
    with pytest.raises(Closed, match="failed"):
        one.receive(b"x")


@pytest.mark.fault("F052")
@pytest.mark.parametrize("machine", [Proposer, Responder])
def test_another_version_is_refused(machine: Any) -> None:
    with pytest.raises(DecodeError, match=r"begins with /multistream/1\.0\.0, not with"):
        feed(machine(["/a"]), multistream.encode("/multistream/2.0.0"))


@pytest.mark.fault("F052")
@pytest.mark.parametrize("offered", ["/plaintext/2.0.0", "/noise/2", "/noise ", HEADER, "ls", "NA"])
def test_whoever_answers_does_not_choose_for_us(offered: str) -> None:
    machine = Proposer(["/noise", "/plaintext/2.0.0"])
    with pytest.raises(DecodeError, match="/noise was proposed, the answer is "):
        feed(machine, HEADER_RAW + multistream.encode(offered))
    assert machine.protocol is None


@pytest.mark.fault("F052")
def test_nothing_in_common() -> None:
    machine = Proposer(["/a", "/b"])
    with pytest.raises(NoCommonProtocol, match="speaks none of /a, /b"):
        feed(machine, HEADER_RAW + b"\x03na\n" * 2)
    with pytest.raises(UsageError, match="at least one protocol"):
        Proposer([])
    for wrong in ("", "a\nb", "x" * 1024):
        with pytest.raises(UsageError):
            multistream.encode(wrong)


@pytest.mark.fault("F052")
def test_proposals_without_end_are_refused() -> None:
    machine = Responder(["/a"])
    sent, _ = feed(machine, HEADER_RAW + multistream.encode("/b") * (MAX_PROPOSALS - 2) + b"\x03ls\n")
    assert sent.count(b"\x03na\n") == MAX_PROPOSALS - 2
    with pytest.raises(NoCommonProtocol, match="64 protocols were proposed"):
        feed(machine, b"\x03ls\n")


@pytest.mark.fault("F033")
def test_both_roles_over_a_stream_of_any_size() -> None:
    async def main() -> None:
        for limit in (1, 3, 65_536):
            a, b = memory_pair(limit_bytes=limit)
            taken = await asyncio.gather(
                multistream.select(a, ["/none", "/echo/1"]), multistream.answer(b, {"/echo/1", "/chat"})
            )
            assert taken == ["/echo/1", "/echo/1"]
            await asyncio.gather(a.write(b"then"), b.write(b"this"))
            assert await b.read_exactly(4) + await a.read_exactly(4) == b"thenthis"

    asyncio.run(main())


def test_list_protocols() -> None:
    async def main() -> None:
        a, b = memory_pair()
        names, _ = await asyncio.gather(
            multistream.list_protocols(a), multistream.answer(b, ["/chat", "/echo"]), return_exceptions=True
        )
        assert names == ("/chat", "/echo")
        a, b = memory_pair()
        await b.write(HEADER_RAW + b"\x03na\n")
        assert await multistream.list_protocols(a) == ()
        a, b = memory_pair()
        with pytest.raises(PeerTimeout, match="did not say what it speaks"):
            await multistream.list_protocols(a, timeout_s=0)
        assert a.is_closed

    asyncio.run(main())


@pytest.mark.fault("F052")
def test_a_failed_negotiation_resets_the_stream() -> None:
    async def fails(role: Any, said: bytes, error: type[P2PError], ends: bool = True) -> None:
        a, b = memory_pair()
        await b.write(said)
        if ends:
            await b.close_write()
        with pytest.raises(error):
            await role(a, ["/a"], timeout_s=10 if ends else 0)
        assert a.is_closed
        with pytest.raises(StreamReset):
            await b.read()

    async def main() -> None:
        for role in (multistream.select, multistream.answer):
            await fails(role, b"\x0eGET / HTTP/1.1\n", DecodeError)
            await fails(role, b"GET / HTTP/1.1\r\n", EndOfStream)  # "G" is a size of 71
            await fails(role, b"", EndOfStream)
            await fails(role, HEADER_RAW[:-1], EndOfStream)
            await fails(role, HEADER_RAW, EndOfStream)
            await fails(role, b"", PeerTimeout, ends=False)
        await fails(multistream.select, HEADER_RAW + b"\x03na\n", NoCommonProtocol)

    asyncio.run(main())


def test_a_proposal_travels_with_the_first_bytes() -> None:
    async def main() -> None:
        a, b = memory_pair()
        lazy = multistream.propose(a, "/echo/1")
        assert b.buffered_bytes == 0
        await lazy.write(b"hello")
        await lazy.write(b"!")
        assert b.buffered_bytes == len(HEADER_RAW) + 9 + 6
        assert await multistream.answer(b, ["/echo/1"]) == "/echo/1"
        await b.write(await b.read_exactly(6))
        assert await lazy.read() == b"hello!"
        await lazy.close()
        assert await b.read() == b""

    asyncio.run(main())


@pytest.mark.fault("F052")
@pytest.mark.parametrize(
    ("said", "error"),
    [
        (HEADER_RAW + b"\x03na\n", NoCommonProtocol),
        (HEADER_RAW + b"\x08/echo/2\n", DecodeError),
        (HEADER_RAW, EndOfStream),
        (b"\x05hello", DecodeError),
    ],
)
def test_a_proposal_that_is_not_taken(said: bytes, error: type[P2PError]) -> None:
    async def main() -> None:
        a, b = memory_pair()
        lazy = multistream.propose(a, "/echo/1")
        reading = asyncio.ensure_future(lazy.read())  # reading first proposes, too
        await asyncio.sleep(0)
        assert await b.read_exactly(len(HEADER_RAW) + 9) == HEADER_RAW + b"\x08/echo/1\n"
        await b.write(said)
        await b.close_write()
        with pytest.raises(error):
            await reading

    asyncio.run(main())


def test_the_end_goes_with_a_proposal_too() -> None:
    async def main() -> None:
        a, b = memory_pair()
        lazy = multistream.propose(a, "/echo/1")
        await lazy.close_write()
        assert await multistream.answer(b, ["/echo/1"]) == "/echo/1"
        assert await b.read() == b""
        await b.write(b"answer")
        assert await lazy.read_exactly(6) == b"answer"

    asyncio.run(main())


@pytest.mark.fault("F051")
def test_a_proposed_stream_conforms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2plib.protocol.conformance.QUIET_S", 0.003)
    asyncio.run(check_stream(pairs.proposed))
