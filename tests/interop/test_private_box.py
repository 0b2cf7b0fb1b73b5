"""Our sealed messages and npm's private-box and ssb-keys, live: we open theirs, they open ours."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import NotForUs
from p2plib.identity import sealed
from p2plib.identity.keys import SecretKey
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

PEOPLE = [SecretKey.from_seed(bytes([number]) * 32) for number in range(1, 8)]
OUTSIDER = SecretKey.from_seed(bytes([99]) * 32)
MESSAGE = "Grüße, 世界 😀".encode()
COUNTS = range(1, sealed.DEFAULT_MAX_RECIPIENTS + 1)


@pytest.fixture(scope="module")
def private_box() -> Iterator[ForeignPeer]:
    with ForeignPeer("private_box.js") as peer:
        yield peer


@pytest.fixture(scope="module")
def ssb_keys() -> Iterator[ForeignPeer]:
    with ForeignPeer("ssb_keys.js") as peer:
        yield peer


def exchange_secret(secret: SecretKey) -> str:
    """The X25519 secret that private-box wants, in hex: RFC 8032's first half of SHA-512 of the seed."""
    import hashlib

    return hashlib.sha512(secret.expose_seed()).digest()[:32].hex()


def ssb_name(secret: SecretKey) -> str:
    return b64encode(secret.public.raw).decode() + ".ed25519"


@pytest.mark.parametrize("count", COUNTS)
def test_we_open_what_private_box_seals(private_box: ForeignPeer, count: int) -> None:
    to = [person.public.to_x25519().hex() for person in PEOPLE[:count]]
    raw = bytes.fromhex(private_box.ask("seal", message=MESSAGE.hex(), recipients=to))
    assert [sealed.open_sealed(raw, person) for person in PEOPLE[:count]] == [MESSAGE] * count
    for other in (*PEOPLE[count:], OUTSIDER):
        with pytest.raises(NotForUs):
            sealed.open_sealed(raw, other)


@pytest.mark.parametrize("count", COUNTS)
def test_private_box_opens_what_we_seal(private_box: ForeignPeer, count: int) -> None:
    raw = sealed.seal(MESSAGE, [person.public for person in PEOPLE[:count]]).hex()
    opened = [private_box.ask("open", sealed=raw, secret=exchange_secret(person)) for person in PEOPLE]
    assert opened == [MESSAGE.hex()] * count + [None] * (len(PEOPLE) - count)
    assert private_box.ask("open", sealed=raw, secret=exchange_secret(OUTSIDER)) is None


@settings(max_examples=30, deadline=None)
@given(message=st.binary(max_size=300), count=st.integers(1, 7))
def test_any_message_both_ways(private_box: ForeignPeer, message: bytes, count: int) -> None:
    people = PEOPLE[:count]
    to = [person.public.to_x25519().hex() for person in people]
    theirs = bytes.fromhex(private_box.ask("seal", message=message.hex(), recipients=to))
    ours = sealed.seal(message, [person.public for person in people])
    assert len(ours) == len(theirs)
    assert sealed.open_sealed(theirs, people[-1]) == message
    assert private_box.ask("open", sealed=ours.hex(), secret=exchange_secret(people[-1])) == message.hex()


@pytest.mark.parametrize("count", COUNTS)
def test_scuttlebutts_text_form_both_ways(ssb_keys: ForeignPeer, count: int) -> None:
    content = {"type": "post", "text": MESSAGE.decode(), "recps": ["@" + ssb_name(one) for one in PEOPLE]}
    text = json.dumps(content, ensure_ascii=False)
    theirs = ssb_keys.ask("box", json=text, recipients=[ssb_name(person) for person in PEOPLE[:count]])
    ours = sealed.to_text(sealed.seal(text.encode(), [person.public for person in PEOPLE[:count]]))
    for person in PEOPLE[:count]:
        assert json.loads(sealed.open_sealed(sealed.from_text(theirs), person)) == content
        assert json.loads(ssb_keys.ask("unbox", boxed=ours, seed=person.expose_seed().hex())) == content
    for other in (*PEOPLE[count:], OUTSIDER):
        assert ssb_keys.ask("unbox", boxed=ours, seed=other.expose_seed().hex()) is None
        with pytest.raises(NotForUs):
            sealed.open_sealed(sealed.from_text(theirs), other)


def test_the_same_random_bytes_give_the_bytes_that_they_open(private_box: ForeignPeer) -> None:
    """Sealing is a function of its randomness, so a test can fix it; the other side opens it all the same."""

    def counting(size: int) -> bytes:
        return bytes(range(1, size + 1))

    to = [PEOPLE[0].public]
    raw = sealed.seal(MESSAGE, to, random=counting)
    assert raw == sealed.seal(MESSAGE, to, random=counting)
    assert private_box.ask("open", sealed=raw.hex(), secret=exchange_secret(PEOPLE[0])) == MESSAGE.hex()


def test_both_refuse_an_eighth_recipient(private_box: ForeignPeer) -> None:
    from p2plib.errors import UsageError
    from tests.interop.peers import PeerRefused

    eight = [*PEOPLE, OUTSIDER]
    with pytest.raises(PeerRefused, match="max recipients"):
        private_box.ask("seal", message="00", recipients=[one.public.to_x25519().hex() for one in eight])
    with pytest.raises(UsageError):
        sealed.seal(b"\0", [one.public for one in eight])


def test_both_notice_every_changed_byte(private_box: ForeignPeer) -> None:
    raw = sealed.seal(b"whole", [PEOPLE[0].public])
    secret = exchange_secret(PEOPLE[0])
    assert private_box.ask("open", sealed=raw.hex(), secret=secret) == b"whole".hex()
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        assert private_box.ask("open", sealed=changed.hex(), secret=secret) is None
        with pytest.raises((NotForUs, ValueError)):
            sealed.open_sealed(bytes(changed), PEOPLE[0])
