"""What a side of a muxrpc connection can be asked for::

    methods = {
        "whoami": asynchronous(whoami),                  # async def whoami(rpc): return {"id": ...}
        "blobs.get": source(get, is_public=True),        # async def get(rpc, id): yield b"..."
    }

Handlers get the connection first, sinks and duplexes then their stream, and then the arguments of the call,
which are whatever the other side sent. What they raise as `Refusal` is told to the other side; anything
else is answered with "failed" and nothing more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from p2plib.protocol.muxrpc.frames import Body
from p2plib.wire.canonical_json import Value

if TYPE_CHECKING:
    from p2plib.protocol.muxrpc.driver import Muxrpc


@dataclass(frozen=True, slots=True)
class MuxrpcMethod:
    """One method. The functions of this module make them.

    Args:
        kind: "async", "source", "sink" or "duplex".
        handler: what is called.
        is_public: whether strangers may call it.
    """

    kind: str
    handler: Callable[..., Any]
    is_public: bool = False


def asynchronous(handler: Callable[..., Awaitable[Body]], *, is_public: bool = False) -> MuxrpcMethod:
    """A method with one answer: `handler(rpc, *args)` is awaited."""
    return MuxrpcMethod("async", handler, is_public)


def source(handler: Callable[..., AsyncIterator[Body]], *, is_public: bool = False) -> MuxrpcMethod:
    """A method that sends a stream: `handler(rpc, *args)` is iterated, no faster than it is read."""
    return MuxrpcMethod("source", handler, is_public)


def sink(handler: Callable[..., Awaitable[None]], *, is_public: bool = False) -> MuxrpcMethod:
    """A method that reads a stream: `handler(rpc, stream, *args)` is awaited."""
    return MuxrpcMethod("sink", handler, is_public)


def duplex(handler: Callable[..., Awaitable[None]], *, is_public: bool = False) -> MuxrpcMethod:
    """A method with a stream each way: `handler(rpc, stream, *args)` is awaited."""
    return MuxrpcMethod("duplex", handler, is_public)


def manifest_of(methods: Mapping[str, MuxrpcMethod]) -> dict[str, Value]:
    """The tree that `manifest` answers with: {"blobs": {"get": "source"}, "whoami": "async"}."""
    tree: dict[str, Value] = {}
    for name, method in methods.items():
        *above, last = name.split(".")
        place = tree
        for part in above:
            inner = place.setdefault(part, {})
            assert isinstance(inner, dict), f"{name} is below a method"
            place = inner
        place[last] = method.kind
    return tree


async def answer_manifest(rpc: Muxrpc) -> Body:
    """The handler of `manifest`, which every connection has."""
    return manifest_of(rpc.methods)
