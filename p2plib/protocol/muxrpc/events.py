"""What a muxrpc connection tells: one dataclass for each event."""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.errors import CallFailed
from p2plib.protocol.muxrpc.frames import Body
from p2plib.wire.canonical_json import Value


@dataclass(frozen=True, slots=True)
class MuxrpcCalled:
    """The other side makes a call.

    Args:
        id: by which it is answered.
        name: of the method, in its parts.
        kind: one of `KINDS`.
        args: its arguments.
    """

    id: int
    name: tuple[str, ...]
    kind: str
    args: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class MuxrpcAnswered:
    """An async call of ours was answered, well or not.

    Args:
        id: the call.
        value: the answer; None if it failed.
        error: why it failed; None if it did not.
    """

    id: int
    value: Body
    error: CallFailed | None


@dataclass(frozen=True, slots=True)
class MuxrpcItem:
    """Something came on a stream.

    Args:
        id: the call.
        value: what came.
        size_bytes: how large it was on the wire.
    """

    id: int
    value: Body
    size_bytes: int


@dataclass(frozen=True, slots=True)
class MuxrpcEnded:
    """The other side has ended its direction of a stream.

    Args:
        id: the call.
        error: why; None if it ended well.
    """

    id: int
    error: CallFailed | None


@dataclass(frozen=True, slots=True)
class MuxrpcGoodbye:
    """The other side has said that nothing follows."""


MuxrpcEvent = MuxrpcCalled | MuxrpcAnswered | MuxrpcItem | MuxrpcEnded | MuxrpcGoodbye
