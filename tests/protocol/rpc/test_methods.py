"""Methods: their names, their limits on both sides, and codecs that raise what they like."""

from __future__ import annotations

import pytest

from p2plib.errors import DecodeError, UsageError
from p2plib.protocol.rpc import BYTES, TEXT, Call, Codec, Service, Subscription

KEEP = Call("keep", BYTES, BYTES, max_request_bytes=3, max_response_bytes=5)


@pytest.mark.parametrize("name", ["", "x" * 65, "ümlaut", "a\nb"])
def test_a_name_has_one_to_64_printable_characters(name: str) -> None:
    with pytest.raises(UsageError, match="a name has 1 to 64"):
        Call(name, TEXT, TEXT)
    with pytest.raises(UsageError, match="a name has 1 to 64"):
        Subscription(name, TEXT, TEXT)


def test_limits_hold_on_both_sides() -> None:
    assert KEEP.decode_request(KEEP.encode_request(b"abc")) == b"abc"
    assert KEEP.decode_response(KEEP.encode_response(b"abcde")) == b"abcde"
    for encode, size in ((KEEP.encode_request, 4), (KEEP.encode_response, 6)):
        with pytest.raises(UsageError, match=f"of {size} bytes, where {size - 1} is the most"):
            encode(bytes(size))
    for decode, size in ((KEEP.decode_request, 4), (KEEP.decode_response, 6)):
        with pytest.raises(DecodeError, match=f"of {size} bytes, where {size - 1} is the most"):
            decode(bytes(size))


@pytest.mark.finding("K6")
def test_a_codec_may_raise_what_it_likes_about_a_strangers_bytes() -> None:
    number = Call("number", Codec(lambda value: str(value).encode(), int), TEXT)
    assert number.decode_request(b"12") == 12
    with pytest.raises(DecodeError, match="not a request: its codec raised ValueError"):
        number.decode_request(b"twelve")
    with pytest.raises(DecodeError, match=r"not valid UTF-8 \(at offset 0\)"):
        number.decode_response(b"\xff")


def test_two_methods_of_one_name_are_one_too_many() -> None:
    async def handler(request: bytes, caller: object) -> bytes:
        return request

    service = Service("/x/1")
    service.add(KEEP, handler)
    with pytest.raises(UsageError, match="already has a method keep"):
        service.add(KEEP, handler)
