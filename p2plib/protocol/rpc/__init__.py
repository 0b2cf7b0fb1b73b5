"""Calls and subscriptions over a connection's streams: a `Service` at one peer, a `Client` at the other.

A peer that adds numbers, and another that asks it to, as a whole program::

    >>> import asyncio
    >>> from p2plib.identity.keys import SecretKey
    >>> from p2plib.protocol.node import Node
    >>> from p2plib.protocol.rpc import JSON, Call, Client, Service
    >>> ADD = Call("add", request=JSON, response=JSON)
    >>> async def add(numbers, caller):
    ...     return sum(numbers)
    >>> async def main():
    ...     calculator = Service("/calculator/1.0.0")
    ...     calculator.add(ADD, add)
    ...     async with Node(SecretKey.generate(), {calculator.protocol: calculator.handle}) as one:
    ...         address = await one.listen("/ip4/127.0.0.1/tcp/0")
    ...         async with Node(SecretKey.generate()) as other, await other.dial(address) as connection:
    ...             client = Client(connection, "/calculator/1.0.0")
    ...             return await client.call(ADD, [2, 3])
    >>> asyncio.run(main())
    5

A `Call` has one response, a `Subscription` has responses as long as there are any. Its handler is an async
generator::

    COUNT = Subscription("count", request=JSON, response=JSON)

    async def count(last, caller):
        for number in range(last):
            yield number

    calculator.add_subscription(COUNT, count)                       # at the service

    async with client.subscribe(COUNT, 3) as numbers:               # at the caller
        async for number in numbers:
            print(number)

The `caller` that a handler gets is the connection; `caller.remote_id` says which peer is calling. A codec
makes bytes of values: `BYTES`, `TEXT`, `JSON` and `CBOR` are ready (`codecs`). The messages on the wire are
those of `messages`. A handler refuses a request by raising `Refusal`, with a code and a sentence; its caller
gets `CallFailed` with the same.
"""

from p2plib.errors import CallFailed, Refusal
from p2plib.protocol.rpc.client import Client
from p2plib.protocol.rpc.codecs import BYTES, CBOR, JSON, TEXT, Codec
from p2plib.protocol.rpc.methods import Call, Subscription
from p2plib.protocol.rpc.service import Service

__all__ = [
    "BYTES",
    "CBOR",
    "JSON",
    "TEXT",
    "Call",
    "CallFailed",
    "Client",
    "Codec",
    "Refusal",
    "Service",
    "Subscription",
]
