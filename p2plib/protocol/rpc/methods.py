"""Methods: what a peer can be asked, by name, and how requests and responses become bytes.

::

    Call           one response: what an async function returns
    Subscription   responses as long as there are any: what an async generator yields
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from p2plib.errors import DecodeError, UsageError
from p2plib.protocol.framing import VarintFrames
from p2plib.protocol.rpc.codecs import Codec
from p2plib.protocol.rpc.messages import OVERHEAD_BYTES, check_name

MAX_BODY_BYTES = 1024 * 1024

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


@dataclass(frozen=True, slots=True)
class Method(Generic[RequestT, ResponseT]):
    """A name, and what goes there and back.

    Args:
        name: what a request calls it, 1 to 64 printable ASCII characters.
        request: the codec of requests.
        response: the codec of responses.
        max_request_bytes: how large a request may be, encoded.
        max_response_bytes: how large a response may be, encoded.

    Raises:
        UsageError: the name is something else.
    """

    name: str
    request: Codec[RequestT]
    response: Codec[ResponseT]
    max_request_bytes: int = MAX_BODY_BYTES
    max_response_bytes: int = MAX_BODY_BYTES

    def __post_init__(self) -> None:
        check_name(self.name, UsageError)

    @property
    def request_frames(self) -> VarintFrames:
        """The framing of requests, with their limit."""
        return VarintFrames(self.max_request_bytes + OVERHEAD_BYTES)

    @property
    def response_frames(self) -> VarintFrames:
        """The framing of responses, with their limit."""
        return VarintFrames(self.max_response_bytes + OVERHEAD_BYTES)

    def encode_request(self, request: RequestT) -> bytes:
        """The body of a request; UsageError if it is too large."""
        return _checked(self.request.encode(request), self.max_request_bytes, "request", UsageError)

    def decode_request(self, body: bytes) -> RequestT:
        """What a stranger asks; DecodeError if it asks nothing that we understand."""
        return _decoded(self.request, body, self.max_request_bytes, "request")

    def encode_response(self, response: ResponseT) -> bytes:
        """The body of a response; UsageError if it is too large."""
        return _checked(self.response.encode(response), self.max_response_bytes, "response", UsageError)

    def decode_response(self, body: bytes) -> ResponseT:
        """What a stranger answers; DecodeError if it is no response."""
        return _decoded(self.response, body, self.max_response_bytes, "response")


class Call(Method[RequestT, ResponseT]):
    """A method with one response."""

    __slots__ = ()


class Subscription(Method[RequestT, ResponseT]):
    """A method with responses as long as there are any."""

    __slots__ = ()


def _checked(body: bytes, most: int, what: str, error: type[UsageError] | type[DecodeError]) -> bytes:
    if len(body) > most:
        raise error(f"a {what} of {len(body)} bytes, where {most} is the most")
    return body


def _decoded(codec: Codec[RequestT], body: bytes, most: int, what: str) -> RequestT:
    _checked(body, most, what, DecodeError)
    try:
        return codec.decode(body)
    except DecodeError:
        raise
    except Exception as error:  # a stranger chose the bytes, so this is no sign of a bug of ours
        raise DecodeError(f"not a {what}: its codec raised {type(error).__name__}") from error
