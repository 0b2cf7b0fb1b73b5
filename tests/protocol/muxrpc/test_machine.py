"""The rules, through pairs of machines and through frames written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from p2plib.errors import CallFailed, Closed, DecodeError, Truncated, UsageError
from p2plib.protocol.muxrpc import frames
from p2plib.protocol.muxrpc.events import (
    MuxrpcAnswered,
    MuxrpcCalled,
    MuxrpcEnded,
    MuxrpcEvent,
    MuxrpcGoodbye,
    MuxrpcItem,
)
from p2plib.protocol.muxrpc.frames import Frame
from p2plib.protocol.muxrpc.machine import MuxrpcMachine


def pair(**options: Any) -> tuple[MuxrpcMachine, MuxrpcMachine]:
    return MuxrpcMachine(**options), MuxrpcMachine(**options)


def carry(near: MuxrpcMachine, far: MuxrpcMachine) -> list[MuxrpcEvent]:
    return far.receive(near.to_send())


def opened(kind: str) -> tuple[MuxrpcMachine, MuxrpcMachine]:
    near, far = pair()
    near.call(("x",), kind)
    assert carry(near, far) == [MuxrpcCalled(-1, ("x",), kind, ())]
    return near, far


def said(machine: MuxrpcMachine) -> list[Frame | None]:
    """The frames that a machine has to send."""
    raw, found = machine.to_send(), []
    while raw:
        size = 9 + int.from_bytes(raw[1:5], "big")
        found.append(frames.decode(raw[:size]))
        raw = raw[size:]
    return found


def item(value: Any, id: int = 1) -> MuxrpcItem:
    return MuxrpcItem(id, value, len(frames.encode(Frame(1, value))))


TRUE_END = [MuxrpcEnded(1, None)], [MuxrpcEnded(-1, None)]


def test_async_well_and_badly() -> None:
    near, far = opened("async")
    far.answer(-1, {"id": "@x"})
    assert carry(far, near) == [MuxrpcAnswered(1, {"id": "@x"}, None)]
    near.call(("y",), "async", (1, "two"))
    assert carry(near, far) == [MuxrpcCalled(-2, ("y",), "async", (1, "two"))]
    far.answer(-2, CallFailed("Error", "no"))
    (event,) = carry(far, near)
    assert isinstance(event, MuxrpcAnswered)
    assert str(event.error) == "Error: no"
    assert near.open_ids == far.open_ids == ()


def test_a_source_to_its_end() -> None:
    near, far = opened("source")
    for value in (b"\x00", "text", {"a": [1]}):
        far.send(-1, value)
    far.end(-1)
    assert carry(far, near) == [item(b"\x00"), item("text"), item({"a": [1]}), MuxrpcEnded(1, None)]
    assert carry(near, far) == [MuxrpcEnded(-1, None)]
    assert near.open_ids == far.open_ids == ()


def test_a_source_that_is_dropped() -> None:
    near, far = opened("source")
    far.send(-1, "under way")
    near.end(1)
    assert carry(far, near) == []
    assert near.open_ids == (1,)
    assert carry(near, far) == [MuxrpcEnded(-1, None)]
    assert carry(far, near) == [MuxrpcEnded(1, None)]
    assert near.open_ids == far.open_ids == ()
    assert near.strays == 0


def test_a_source_that_fails() -> None:
    near, far = opened("source")
    far.end(-1, CallFailed("Error", "gone"))
    (event,) = carry(far, near)
    assert isinstance(event, MuxrpcEnded)
    assert str(event.error) == "Error: gone"
    carry(near, far)
    assert near.open_ids == far.open_ids == ()


def test_a_sink() -> None:
    near, far = opened("sink")
    near.send(1, b"abc")
    near.end(1)
    assert carry(near, far) == [item(b"abc", -1), MuxrpcEnded(-1, None)]
    assert far.open_ids == (-1,)  # it may still say how it went
    far.end(-1, CallFailed("Error", "disk full"))
    (event,) = carry(far, near)
    assert isinstance(event, MuxrpcEnded)
    assert event.error is not None
    assert near.open_ids == far.open_ids == ()


def test_a_sink_that_has_enough() -> None:
    near, far = opened("sink")
    far.end(-1)
    assert carry(far, near) == [MuxrpcEnded(1, None)]
    with pytest.raises(Closed):
        near.send(1, b"more")
    carry(near, far)
    assert near.open_ids == far.open_ids == ()


def test_a_duplex_ends_in_each_direction_alone() -> None:
    near, far = opened("duplex")
    near.end(1)
    assert carry(near, far) == [MuxrpcEnded(-1, None)]
    far.send(-1, "still")
    far.end(-1)
    assert carry(far, near) == [item("still"), MuxrpcEnded(1, None)]
    assert near.open_ids == far.open_ids == ()


def test_an_error_ends_both_directions() -> None:
    near, far = opened("duplex")
    near.end(1, CallFailed("Error", "no"))
    carry(near, far)
    with pytest.raises(Closed):
        far.send(-1, "too late")
    carry(far, near)
    assert near.open_ids == far.open_ids == ()


def test_calls_in_both_directions_have_their_own_numbers() -> None:
    near, far = pair()
    near.call(("a",), "async")
    far.call(("b",), "async")
    assert carry(near, far) == [MuxrpcCalled(-1, ("a",), "async", ())]
    assert carry(far, near) == [MuxrpcCalled(-1, ("b",), "async", ())]
    far.answer(-1, 1)
    near.answer(-1, 2)
    assert carry(near, far) == [MuxrpcAnswered(1, 2, None)]
    assert carry(far, near) == [MuxrpcAnswered(1, 1, None)]


# Goodbye


def test_goodbye_both_ways() -> None:
    near, far = pair()
    near.goodbye()
    near.goodbye()
    assert carry(near, far) == [MuxrpcGoodbye()]
    with pytest.raises(Closed):
        far.call(("x",), "async")
    with pytest.raises(Closed):
        near.call(("x",), "async")
    far.goodbye()
    assert carry(far, near) == [MuxrpcGoodbye()]
    assert near.is_done
    with pytest.raises(DecodeError, match="after the goodbye"):
        near.receive(frames.encode(Frame(1, True)))


def test_what_comes_after_our_goodbye_is_not_answered() -> None:
    near, far = opened("source")
    near.goodbye()
    far.end(-1)
    far.call(("x",), "async")
    assert carry(far, near) == [MuxrpcEnded(1, None)]
    assert said(near) == [None]


def test_the_end_below() -> None:
    near, _ = pair()
    near.end_of_stream()
    near.receive(b"\x02\x00")
    with pytest.raises(Truncated):
        near.end_of_stream()


# A liar on the other side

CALL: Any = {"name": ["x"], "args": []}
SOURCE: Any = {"name": ["x"], "args": [], "type": "source"}
STREAM: dict[str, bool] = {"is_stream": True}
END: dict[str, bool] = {"is_stream": True, "is_end": True}


@pytest.mark.parametrize(
    "sent",
    [
        [Frame(-7, True)],  # an answer to a call that nobody made
        [Frame(-7, True, **END)],
        [Frame(7, True, **END)],  # the end of a stream that nobody opened
        [Frame(7, True, is_end=True)],
        [Frame(1, CALL), Frame(1, CALL)],  # a call twice
        [Frame(1, SOURCE, **STREAM), Frame(1, "item", **STREAM)],  # an item for a source that they called
        [Frame(1, SOURCE, **STREAM), Frame(1, CALL)],
        [Frame(5, CALL), Frame(4, CALL)],  # numbers that fall
        [Frame(1, SOURCE, **STREAM), Frame(1, True, **END), Frame(1, True, **END)],
        [Frame(1, SOURCE, **STREAM), Frame(1, True, **END), Frame(1, SOURCE, **STREAM)],
    ],
)
def test_strays_are_counted_and_dropped(sent: list[Frame]) -> None:
    machine = MuxrpcMachine()
    events = [event for frame in sent for event in machine.receive(frames.encode(frame))]
    assert machine.strays == 1
    assert len([event for event in events if isinstance(event, MuxrpcCalled)]) <= 1


def test_an_answer_twice_is_heard_once() -> None:
    near, far = opened("async")
    far.answer(-1, 1)
    raw = far.to_send()
    assert near.receive(raw + raw) == [MuxrpcAnswered(1, 1, None)]
    assert near.strays == 1
    with pytest.raises(Closed):
        far.answer(-1, 2)


def test_an_answer_of_the_wrong_kind_is_no_answer() -> None:
    near, _ = opened("async")
    assert near.receive(frames.encode(Frame(-1, True, **STREAM))) == []
    assert near.open_ids == (1,)
    near, _ = opened("source")
    assert near.receive(frames.encode(Frame(-1, True))) == []
    assert near.strays == 1


def test_many_strays_are_a_lie() -> None:
    machine = MuxrpcMachine(max_strays=5)
    raw = frames.encode(Frame(-7, True))
    machine.receive(raw * 5)
    with pytest.raises(DecodeError, match="6 frames about no open call"):
        machine.receive(raw)


def test_a_call_that_makes_no_sense_is_answered_with_an_error() -> None:
    machine = MuxrpcMachine()
    assert machine.receive(frames.encode(Frame(1, "what?"))) == []
    (answer,) = said(machine)
    assert answer is not None
    assert (answer.request, answer.is_end, answer.is_stream) == (-1, True, False)
    assert "invalid request" in str(answer.body)
    assert machine.receive(frames.encode(Frame(2, {"name": ["x"], "args": [], "type": "?"}, **STREAM))) == []
    (answer,) = said(machine)
    assert answer is not None
    assert (answer.request, answer.is_stream) == (-2, True)


def test_open_calls_are_bounded() -> None:
    machine = MuxrpcMachine(max_calls=3)
    events = [machine.receive(frames.encode(Frame(number, CALL))) for number in range(1, 6)]
    assert [len(event) for event in events] == [1, 1, 1, 0, 0]
    assert len(said(machine)) == 2
    machine.answer(-1, True)
    assert len(machine.receive(frames.encode(Frame(6, CALL)))) == 1


def test_the_arguments_of_open_calls_are_bounded() -> None:
    machine = MuxrpcMachine()
    large = {**CALL, "args": ["x" * 200_000]}
    events = [machine.receive(frames.encode(Frame(number, large))) for number in range(1, 8)]
    assert [len(event) for event in events] == [1, 1, 1, 1, 1, 0, 0]
    refused = said(machine)
    assert [answer.request for answer in refused if answer] == [-6, -7]
    assert "bytes of calls" in str(refused[0])
    machine.answer(-1, True)
    assert len(machine.receive(frames.encode(Frame(8, large)))) == 1


@pytest.mark.parametrize(
    "raw", ["02 00000003 00000001 7b7b7b", "02 ffffffff 00000001", "ff 00000001 00000001 00"]
)
def test_bytes_that_are_no_frames_end_it(raw: str) -> None:
    machine = MuxrpcMachine()
    with pytest.raises(DecodeError):
        machine.receive(bytes.fromhex(raw))


def test_our_own_mistakes_are_ours() -> None:
    near, far = opened("source")
    with pytest.raises(UsageError):
        near.send(1, "x")
    with pytest.raises(UsageError):
        near.call(("x",), "sync")
    with pytest.raises(UsageError):
        far.answer(-1, 1)
    with pytest.raises(UsageError):
        far.send(-1, b"")
    with pytest.raises(Closed):
        near.send(5, "x")
    far.end(-1)
    far.end(-1)
    with pytest.raises(Closed):
        far.send(-1, "x")
    with pytest.raises(UsageError):
        near.call(("x",), "async", (float("inf"),))
    assert near.call(("x",), "async") == 2
