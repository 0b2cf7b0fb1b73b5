"""Our keys, signatures and `secret` files and npm's ssb-keys 8.5.0, live, in both directions."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import KeyFileExists, SignatureError
from p2plib.identity import ids, ssb_secret
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.wire import canonical_json
from tests.interop import ssb
from tests.interop.peers import ForeignPeer, PeerRefused

pytestmark = pytest.mark.interop

HMAC_KEY = base64.b64encode(bytes(range(32))).decode()
SECRET = SecretKey.from_seed(bytes(range(32)))
OBJECT = {"b": 1, "10": "é 🚀 \ud83d", "a": [1.5, 1e21, -0.0, {}], "nested": {"2": 1, "1": None}}

seeds = st.binary(min_size=32, max_size=32)
hmac_keys = st.one_of(st.none(), seeds.map(lambda raw: base64.b64encode(raw).decode()))
# Not "signature" (it is the signature's place) and not "__proto__" (see the last test).
names = st.text(max_size=8).filter(lambda name: name not in ("signature", "__proto__"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=10,
)  # fmt: skip
objects = st.dictionaries(names, values, min_size=1, max_size=6)


@pytest.fixture(scope="module")
def node() -> Iterator[ForeignPeer]:
    with ForeignPeer("ssb_keys.js") as peer:
        yield peer


def node_verdict(node: ForeignPeer, author: str, value: object, hmac_key: str | None = None) -> bool | str:
    [verdict] = node.ask(
        "verifyObjects", cases=[{"author": author, "hmac": hmac_key, "json": json.dumps(value)}]
    )
    return verdict


# -- keys and ids
# ------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_the_same_seed_is_the_same_key_and_id(node: ForeignPeer, seed: bytes) -> None:
    theirs, ours = node.ask("keys", seed=seed.hex()), SecretKey.from_seed(seed)
    assert theirs["curve"] == "ed25519"
    assert theirs["id"] == ids.ssb_feed_id(ours.public) == ssb.author_of(ours.public)
    assert base64.b64decode(theirs["private"].removesuffix(".ed25519")) == seed + ours.public.raw
    assert ids.parse(theirs["id"]) == ours.public


# -- signatures of text
# ------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seed=seeds, text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1), hmac_key=hmac_keys)
def test_texts_both_ways(node: ForeignPeer, seed: bytes, text: str, hmac_key: str | None) -> None:
    ours = SecretKey.from_seed(seed)
    message = ssb.signed_bytes(text, hmac_key)
    signature = ssb.signature_text(ours.sign_raw(message))
    author = ids.ssb_feed_id(ours.public)
    assert node.ask("verify", author=author, signature=signature, hmac=hmac_key, text=text) is True
    assert node.ask("verify", author=author, signature=signature, hmac=hmac_key, text=text + "!") is False
    theirs = node.ask("sign", seed=seed.hex(), hmac=hmac_key, text=text)
    ours.public.verify_raw(message, ssb.canonical_base64(theirs.removesuffix(".sig.ed25519")))
    assert theirs == signature  # Ed25519 is deterministic: the very same bytes


def test_a_changed_signature_is_refused_by_both(node: ForeignPeer) -> None:
    author = ids.ssb_feed_id(SECRET.public)
    for place in range(64):
        raw = bytearray(SECRET.sign_raw(b"pay 1"))
        raw[place] ^= 1
        assert node.ask("verify", author=author, signature=ssb.signature_text(raw), text="pay 1") is False
        with pytest.raises(SignatureError):
            SECRET.public.verify_raw(b"pay 1", bytes(raw))


def test_an_hmac_key_separates_networks(node: ForeignPeer) -> None:
    """Signed for one network, not valid in another: Scuttlebutt's way of separating domains."""
    author = ids.ssb_feed_id(SECRET.public)
    signature = node.ask("sign", seed=SECRET.expose_seed().hex(), hmac=HMAC_KEY, text="hello")
    raw = ssb.canonical_base64(signature.removesuffix(".sig.ed25519"))
    SECRET.public.verify_raw(ssb.signed_bytes("hello", HMAC_KEY), raw)
    with pytest.raises(SignatureError):
        SECRET.public.verify_raw(ssb.signed_bytes("hello"), raw)
    assert node.ask("verify", author=author, signature=signature, text="hello") is False


# -- signatures of objects
# ---------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(seed=seeds, value=objects, hmac_key=hmac_keys)
def test_objects_both_ways(node: ForeignPeer, seed: bytes, value: dict, hmac_key: str | None) -> None:
    secret = SecretKey.from_seed(seed)
    ours = ssb.sign_object(secret, value, hmac_key)
    theirs = canonical_json.parse(
        node.ask("signObject", seed=seed.hex(), hmac=hmac_key, json=canonical_json.encode(value))
    )
    assert canonical_json.encode(theirs) == canonical_json.encode(ours)
    author = ids.ssb_feed_id(secret.public)
    assert node_verdict(node, author, ours, hmac_key) is True
    assert node_verdict(node, author, {**ours, "one more": 1}, hmac_key) is False


def test_the_order_of_keys_is_signed_but_not_that_of_array_indices(node: ForeignPeer) -> None:
    author = ids.ssb_feed_id(SECRET.public)
    signed = ssb.sign_object(SECRET, OBJECT)
    assert node_verdict(node, author, signed) is True
    # "10" is an array index to JavaScript and comes first wherever it stands; "a" before "b" is another text.
    indices_first = {"10": OBJECT["10"], **{name: value for name, value in signed.items() if name != "10"}}
    names_sorted = dict(sorted(signed.items()))
    assert node_verdict(node, author, indices_first) is True
    assert node_verdict(node, author, names_sorted) is False
    assert canonical_json.encode(indices_first) == canonical_json.encode(signed)
    assert canonical_json.encode(names_sorted) != canonical_json.encode(signed)


@pytest.mark.parametrize("text", ["plain", "é", "世界 🚀", "\u2028", '{\n  "a": 1\n}'])
def test_hashes_take_the_low_byte_of_each_utf16_unit(node: ForeignPeer, text: str) -> None:
    assert "%" + node.ask("hash", text=text) == ssb.id_of(text)


# -- secret files
# ------------------------------------------------------------------------------------------------------


def test_we_read_the_secret_file_that_node_writes(node: ForeignPeer, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    theirs = node.ask("create", path=str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    ours = ssb_secret.load(path)
    assert ids.ssb_feed_id(ours.public) == theirs["id"]
    assert ours.expose_seed() + ours.public.raw == base64.b64decode(
        theirs["private"].removesuffix(".ed25519")
    )


def test_node_reads_the_secret_file_that_we_write(node: ForeignPeer, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    ssb_secret.save(path, SECRET)
    assert node.ask("load", path=str(path)) == node.ask("keys", seed=SECRET.expose_seed().hex())
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_neither_writes_over_a_secret_file(node: ForeignPeer, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    ssb_secret.save(path, SECRET)
    before = path.read_bytes()
    with pytest.raises(PeerRefused, match="EEXIST"):
        node.ask("create", path=str(path))
    with pytest.raises(KeyFileExists):
        ssb_secret.save(path, SecretKey.from_seed(bytes(32)))
    assert path.read_bytes() == before


# -- where they differ
# -------------------------------------------------------------------------------------------------


def test_node_reads_base64_that_is_not_canonical_and_we_do_not(node: ForeignPeer) -> None:
    """Node's Buffer ignores unused bits: one signature, many spellings, and each makes another message id."""
    signature = ssb.signature_text(SECRET.sign_raw(b"hello"))
    body = signature.removesuffix("==.sig.ed25519")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = body[:-1] + alphabet[alphabet.index(body[-1]) | 1] + "==.sig.ed25519"
    author = ids.ssb_feed_id(SECRET.public)
    assert other != signature
    assert node.ask("verify", author=author, signature=other, text="hello") is True
    with pytest.raises(ValueError, match="not canonical"):
        ssb.canonical_base64(other.removesuffix(".sig.ed25519"))


def test_small_order_keys_get_no_signature_past_either(node: ForeignPeer) -> None:
    """The identity point as a key "signs" everything with R = identity, S = 0, unless the verifier looks."""
    identity = bytes([1]) + bytes(31)
    author = "@" + base64.b64encode(identity).decode() + ".ed25519"
    forged = ssb.signature_text(identity + bytes(32))
    assert node.ask("verify", author=author, signature=forged, text="anything") is False
    with pytest.raises(Exception, match="small order"):
        PublicKey(identity)


def test_a_member_called_proto_is_not_signed_by_node(node: ForeignPeer) -> None:
    """ssb-keys copies an object member by member, and copying "__proto__" sets a prototype instead.

    So it is lost from what is signed, and two different objects share a signature. Ours signs what is there.
    """
    plain, poisoned = '{"a":1}', '{"a":1,"__proto__":{"admin":true}}'
    seed = SECRET.expose_seed().hex()
    theirs = [json.loads(node.ask("signObject", seed=seed, json=text)) for text in (plain, poisoned)]
    assert theirs[0]["signature"] == theirs[1]["signature"]
    ours = [ssb.sign_object(SECRET, json.loads(text)) for text in (plain, poisoned)]
    assert ours[0]["signature"] == theirs[0]["signature"]
    assert ours[1]["signature"] != ours[0]["signature"]
