"""Lab 10: right answers pass, every mistake meets its own hint, memorised answers fail in hidden cases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from p2plib.errors import DecodeError, NoCommonProtocol, Tampered
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.keys import SecretKey
from p2plib.labs import Wrong
from p2plib.labs.lab10_protocols import LAB
from p2plib.labs.lab10_protocols.agreeing import at_random
from p2plib.labs.lab10_protocols.frames import Frames, cut_anywhere, cut_at_random, framed
from p2plib.labs.lab10_protocols.mux import Mux, holds, read_frame
from p2plib.labs.lab10_protocols.negotiation import Negotiation, meets
from p2plib.labs.lab10_protocols.transcript import NN, Transcript, channel, decrypt, encrypt
from p2plib.labs.lab10_protocols.window import FIRST_BYTES, ROADS, Road, Window, carry, keeps_budget
from p2plib.protocol.noise.crypto import CipherState, SessionSecret
from p2plib.protocol.noise.handshake import HandshakeState, Session
from p2plib.protocol.noise.libp2p import NoiseOpener, NoiseSealer
from p2plib.protocol.secure import SecureStream
from p2plib.protocol.stream import memory_pair
from tests.labs.lab10_protocols.learners import cutting, shaking, sharing, speaking, windows, written
from tests.labs.proving import disguised, kept_and_taken_up, printed_in

TASKS = list(LAB.tasks.values())
MISTAKES = [(task, mistake) for task in TASKS for mistake in task.mistakes]


RIGHT = {
    "Frames": cutting.right(),
    "Transcript": shaking.right(),
    "Mux": sharing.right(),
    "Negotiation": speaking.right(),
    "Window": windows.right(),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_the_learners_changed_was_right_before(name: str) -> None:
    assert LAB.verdict(name, written(name, RIGHT[name])).state == "[v]"


METHODS = [
    ("Frames", "next_frame"),
    ("Transcript", "mix_key"),
    ("Transcript", "open"),
    ("Transcript", "split"),
    ("Mux", "credit"),
    ("Negotiation", "answer"),
]


@pytest.mark.parametrize(("name", "method"), METHODS)
def test_a_method_that_is_missing_is_not_written_yet(name: str, method: str) -> None:
    """A class of which all but one method is written."""

    def stub(*arguments: Any) -> Any:
        raise NotImplementedError

    half = type(name, (LAB.tasks[name].reference,), {"__module__": "notebook", method: stub})
    verdict = LAB.verdict(name, half)
    assert verdict.state == "[ ]"
    assert "not written yet" in verdict.line


# Hidden cases


def _versions(rng: Random) -> tuple[Any, ...]:
    return ([f"/x/{rng.randrange(3)}.{rng.randrange(20)}.{rng.randrange(20)}" for _ in range(9)],)


def _met(rng: Random) -> Any:
    names = [f"/x/{number}" for number in rng.sample(range(99), 5)]
    return meets(names, [name for name in names if rng.random() < 0.3])


HIDDEN: dict[str, Callable[[Random], list[Any]]] = {
    "Frames": lambda rng: [cut_at_random(rng.getrandbits(16)), cut_anywhere([rng.randbytes(130), b""])],
    "Transcript": lambda rng: [at_random(rng.getrandbits(16))],
    "Mux": lambda rng: [holds(rng.getrandbits(16))],
    "newest_first": lambda rng: [_versions(rng)],
    "Negotiation": lambda rng: [_met(rng), _met(rng), _met(rng)],
    "Window": lambda rng: [keeps_budget(_longer(road, rng.choice([2, 3]))) for road in ROADS],
}


def _longer(road: Road, times: int) -> Road:
    return replace(road, size=times * road.size, seconds=times * road.seconds, credits=times * road.credits)


@pytest.mark.parametrize("seed", range(2, 7))
@pytest.mark.parametrize("name", HIDDEN)
def test_cases_of_any_seed_accept_the_reference(name: str, seed: int) -> None:
    LAB.judge(name, disguised(LAB.tasks[name].reference), *HIDDEN[name](Random(seed)))


class OnlyChats:
    """What the public cases want to hear from a negotiation of chats, and no other."""

    chosen: str | None = None
    TWO = ("/chat/2.0.0", "/chat/1.10.0")

    def __init__(self, names: list[str]) -> None:
        self.inner = Negotiation(self.TWO if len(names) == 2 else names)

    def begin(self) -> bytes:
        return self.inner.begin()

    def answer(self, line: bytes) -> bytes:
        sent = self.inner.answer(line)
        self.chosen = self.inner.chosen
        return sent


def test_a_memorised_negotiation_fails_in_hidden_cases() -> None:
    assert LAB.verdict("Negotiation", OnlyChats).state == "[v]"
    with pytest.raises(AssertionError, match="with a peer that speaks"):
        LAB.judge("Negotiation", OnlyChats, meets(["/x/2", "/x/1"], ["/x/1"]))


def test_a_choice_that_is_not_the_others_is_seen() -> None:
    class Stubborn(Negotiation):
        """Says that its first name was taken, whatever was."""

        @property
        def chosen(self) -> str | None:
            return "/x/2" if super().chosen else None

    with pytest.raises(Wrong, match="it chose '/x/2', expected '/x/1'"):
        meets(["/x/2", "/x/1"], ["/x/1"])(Stubborn)  # type: ignore[operator]


# The parts


@pytest.mark.fault("F033")
def test_frames_are_the_librarys_varint_frames() -> None:
    frames = Frames(1000)
    frames.receive(framed(b"", b"x" * 300, b"y")[:-1])
    assert [frames.next_frame(), frames.next_frame(), frames.next_frame()] == [b"", b"x" * 300, None]
    frames.receive(b"y\xe9\x07")
    assert frames.next_frame() == b"y"
    with pytest.raises(DecodeError):
        frames.next_frame()


def test_a_transcript_shakes_hands_with_the_library() -> None:
    """NN, from both sides, and the keys of the session."""
    for ours_first in (True, False):
        key = ExchangeKey.from_bytes(b"\1" * 32)
        other = HandshakeState(NN, initiator=not ours_first, random=lambda size: b"\2" * size)
        transcript = Transcript(NN)
        transcript.mix_hash(b"")
        theirs = b"" if ours_first else other.write_message(b"one")
        if not ours_first:
            transcript.mix_hash(theirs[:32])
            assert transcript.open(theirs[32:]) == b"one"
        transcript.mix_hash(key.public)
        if ours_first:
            assert other.read_message(key.public + transcript.seal(b"one")) == b"one"
            theirs = other.write_message(b"two")
            transcript.mix_hash(theirs[:32])
        transcript.mix_key(key.shared_secret(theirs[:32]))
        if ours_first:
            assert transcript.open(theirs[32:]) == b"two"
        else:
            assert other.read_message(key.public + transcript.seal(b"two")) == b"two"
        assert transcript.hash == other.session.handshake_hash
        first, second = transcript.split()
        mine, its = (first, second) if ours_first else (second, first)
        assert other.session.decrypt(encrypt(mine, 0, b"", b"three")) == b"three"
        assert decrypt(its, 0, b"", other.session.encrypt(b"four")) == b"four"


def test_a_channel_of_a_transcript_is_a_stream() -> None:
    async def main() -> tuple[bytes, bytes]:
        here, there = memory_pair()
        transcript = Transcript(NN)
        transcript.mix_key(b"s" * 32)
        key = SecretKey.from_seed(b"\1" * 32).public
        first, second = (CipherState(SessionSecret.from_bytes(key)) for key in transcript.split())
        session = Session(second, first, transcript.hash, None)
        other = SecureStream(there, NoiseSealer(session), NoiseOpener(session), key)
        mine = channel(here, transcript, key)
        async with mine, other:
            await mine.write(b"there")
            await other.write(b"and back")
            return await other.read(), await mine.read()

    assert asyncio.run(asyncio.wait_for(main(), 100)) == (b"there", b"and back")


@pytest.mark.parametrize("wrong", [b"", b"short", b"x" * 40])
def test_what_does_not_decrypt_is_tampered(wrong: bytes) -> None:
    with pytest.raises(Tampered):
        decrypt(b"k" * 32, 0, b"", wrong)


@pytest.mark.parametrize("raw", [b"", b"\1\0", b"\1\0\2x", b"\1\0\1xy"])
def test_what_is_no_frame_of_the_mux_is_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        read_frame(raw)


def test_a_mux_gives_back_what_was_written() -> None:
    mux = Mux(100, 7)
    mux.write(1, bytes(range(50)))
    mux.write(255, b"z" * 9)
    got: dict[int, bytes] = {}
    while raw := mux.next_frame():
        stream, payload = read_frame(raw)
        got[stream] = got.get(stream, b"") + payload
    assert got == {1: bytes(range(50)), 255: b"z" * 9}


def test_a_negotiation_says_what_the_protocol_says() -> None:
    """The bytes of multistream's specification, written by hand."""
    talk = Negotiation(["/x/2"])
    assert talk.begin() == b"\x13/multistream/1.0.0\n\x05/x/2\n"
    assert talk.answer(b"/multistream/1.0.0\n") == b""
    with pytest.raises(NoCommonProtocol):
        talk.answer(b"na\n")


class Fixed:
    """A window of one size."""

    def __init__(self, size: int) -> None:
        self.growth, self.unsaid = size - FIRST_BYTES, 0

    def read(self, size: int, now: float) -> int:
        self.unsaid += size
        if self.unsaid < FIRST_BYTES // 2:
            return 0
        credit, self.unsaid, self.growth = self.unsaid + self.growth, 0, 0
        return credit


@pytest.mark.parametrize("power", range(16, 24))
def test_no_window_of_one_size_keeps_all_budgets(power: int) -> None:
    failed = []
    for road in ROADS:
        try:
            keeps_budget(road)(lambda round_trip_s: Fixed(2**power))  # type: ignore[operator]
        except Wrong:
            failed.append(road.name)
    assert failed


def test_a_fixed_window_carries_one_window_in_a_round_trip() -> None:
    ocean = ROADS[2]
    cost = carry(replace(ocean, seconds=60.0), Fixed(2**17))
    assert cost.read == ocean.size
    assert cost.seconds == pytest.approx(ocean.size / 2**17 * ocean.round_trip_s, rel=0.15)


def test_a_line_is_not_faster_than_it_is() -> None:
    room, phone = ROADS[0], ROADS[1]
    assert carry(room, Window(room.round_trip_s)).seconds >= room.size / room.line
    assert carry(phone, Window(phone.round_trip_s)).seconds >= phone.size / phone.pace


def test_budgets_leave_room_and_costs_are_the_same_every_time() -> None:
    for road in ROADS:
        cost = carry(road, Window(road.round_trip_s))
        assert cost == carry(road, Window(road.round_trip_s))
        assert cost.promised <= 0.8 * road.promised
        assert cost.credits <= 0.8 * road.credits
        hurries = road.pace >= road.line
        assert cost.seconds <= (0.81 if hurries else 0.97) * road.seconds


# Keeping


def test_what_is_kept_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The solved notebook's answers and checks, run as a notebook does; then a later lab asks for them."""
    kept_and_taken_up(LAB, "lab10_protocols", tmp_path, monkeypatch, capsys)


def test_the_node_answers_in_its_own_version() -> None:
    assert "on a stream: /chat/1.10.0\nBen, 1.10.0, to " in printed_in("lab10_protocols")
