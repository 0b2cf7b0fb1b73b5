"""Ids: one key in six forms, published ids of libp2p and the W3C, and wrong ones refused with the reason."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError, WeakKey, WrongPeer
from p2plib.identity import ids, proquint
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.wire import cid, multibase, multicodec, multihash, protobuf, varint
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField

# RFC 8032's first key in all six forms. What the bytes in them are is checked by hand below.
KEY = PublicKey(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
FORMS = {
    "hex": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "proquint": "titip-nobad-mapud-bopul-tijar-zurig-sojoh-bisup-"
    "burod-larug-topok-fasoj-pusaf-donom-zisal-jahip",
    "peer-id": "12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV",
    "peer-id-cid": "bafzaajaiaejcbv22taayfmikw7kux7wtzfsaooqo4fzphwvgems26aq2nd3qoui2",
    "did:key": "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw",
    "ssb-feed": "@11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=.ed25519",
}


def test_one_key_in_six_forms() -> None:
    assert tuple(FORMS) == ids.FORMS
    for form, text in FORMS.items():
        assert ids.render(KEY, form) == text
        assert ids.recognise(text) == (form, KEY)
        assert ids.parse(text) == KEY


def test_the_layouts_by_hand() -> None:
    inner = bytes.fromhex("08011220") + KEY.raw
    assert ids.encode_public_key(KEY) == inner
    assert ids.decode_public_key(inner) == KEY
    assert ids.peer_id_bytes(KEY) == b"\x00\x24" + inner
    assert multibase.base58btc_decode(FORMS["peer-id"]) == b"\x00\x24" + inner
    assert multibase.decode(FORMS["peer-id-cid"]) == ("base32", b"\x01\x72\x00\x24" + inner)
    assert multibase.decode(FORMS["did:key"].removeprefix("did:key:")) == ("base58btc", b"\xed\x01" + KEY.raw)


KEYS = st.binary(min_size=32, max_size=32).map(lambda seed: SecretKey.from_seed(seed).public)


@settings(deadline=None)
@given(KEYS, st.sampled_from(ids.FORMS))
def test_round_trip(key: PublicKey, form: str) -> None:
    text = ids.render(key, form)
    assert ids.recognise(text) == (form, key)
    ids.expect(text, key)


CID_BASES = tuple(
    base.name for base in multibase.BASES if base.name not in ("base2", "base8", "base10", "base45")
)


@settings(deadline=None)
@given(KEYS, st.sampled_from(CID_BASES))
def test_cids_in_other_bases(key: PublicKey, base: str) -> None:
    assert ids.recognise(ids.peer_id_cid(key, base)) == ("peer-id-cid", key)


# Published ids


def test_libp2p_specifications_ed25519_key() -> None:
    """libp2p specification, "Peer Ids and Keys", test vectors: the Ed25519 private and public key."""
    private = bytes.fromhex(
        "080112407e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d"
        "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
    )
    public = bytes.fromhex("080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e")
    both = protobuf.content(protobuf.decode(private), 2)
    secret = SecretKey.from_seed(both[:32])
    assert secret.public.raw == both[32:]
    assert ids.encode_public_key(secret.public) == public
    assert ids.decode_public_key(public) == secret.public


def test_libp2p_specifications_peer_ids() -> None:
    """The same document's examples: an Ed25519 id is read, the hash of an RSA key is not, in either form."""
    form, key = ids.recognise("12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")
    assert form == "peer-id"
    assert ids.peer_id(key) == "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
    for text in HASHES:
        with pytest.raises(DecodeError, match="the hash of a key"):
            ids.parse(text)


# The specification's two texts of one id, and IPFS's bootstrap nodes as its programs list them.
HASHES = (
    "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
    "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe",
)
BOOTSTRAP = (
    "QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
    "QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa",
    "QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb",
    "QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt",
    "QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ",
)


@pytest.mark.finding("W11")
def test_ids_that_are_hashes_name_peers() -> None:
    assert {ids.canonical(text) for text in HASHES} == {HASHES[0]}
    assert [ids.canonical(text) for text in BOOTSTRAP] == list(BOOTSTRAP)


# Keys of libp2p's specification and the ids that its libraries give them.
SPECIFIED = {
    "16Uiu2HAmLhLvBoYaoZfaMUKuibM6ac163GwKY74c5kiSLg5KvLpY": (
        "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99"
    ),
    "QmVMT29id3TUASyfZZ6k9hmNyc2nYabCo4uMSpDw4zrgDk": (
        "0803125b3059301306072a8648ce3d020106082a8648ce3d03010703420004de3d300fa36ae0e8f5d530899d83abab"
        "44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597fb4dcec034e9f77c409e62"
    ),
}


@pytest.mark.finding("W11")
@pytest.mark.parametrize(("text", "message"), SPECIFIED.items())
def test_ids_of_other_kinds_of_keys(text: str, message: str) -> None:
    key = ids.decode_peer_key(bytes.fromhex(message))
    assert ids.peer_id(key) == text
    assert ids.canonical(text) == ids.canonical(key) == ids.canonical(ids.peer_id_cid(key)) == text
    assert ids.canonical(ids.peer_id_cid(key, "base36").upper()) == text
    ids.expect(text, key)
    ids.expect(key, key)
    with pytest.raises(WrongPeer, match=f"expected {text}, but the peer that answered is 12D3KooW"):
        ids.expect(text, KEY)
    with pytest.raises(WrongPeer, match=f"the peer that answered is {text}"):
        ids.expect(KEY, key)
    with pytest.raises(DecodeError, match=r"the hash of a key|where only Ed25519 will do"):
        ids.parse(text)


@pytest.mark.parametrize("form", ids.FORMS)
def test_every_form_of_a_key_has_one_canonical_text(form: str) -> None:
    assert ids.canonical(FORMS[form]) == FORMS["peer-id"] == ids.canonical(KEY)


SECP256K1 = bytes.fromhex("08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99")
NO_IDS = {
    "a short hash": (multihash.Multihash(0x12, bytes(31)).encode(), "cut from 32 to 31 bytes"),
    "another hash": (
        multihash.Multihash(0x13, bytes(64)).encode(),
        "under sha2-512, which libp2p does not use",
    ),
    "no key": (b"\0\0", "begins with its type"),
    "a kind of key that nobody has": (b"\0\x24\x08\x09\x12\x20" + bytes(32), "a key of type 9, which libp2p"),
    "an RSA key that is short": (b"\0\x08\x08\0\x12\x04" + bytes(4), "RSA key: "),
    "a key of 43 bytes": (b"\0\x2b" + bytes(43), "43 bytes in a peer id, where 42 is the most"),
    "a third field": (b"\0\x27" + SECP256K1 + b"\x18\1", "2 fields"),
    "fields turned round": (b"\0\x25" + SECP256K1[2:] + SECP256K1[:2], "begins with its type"),
    "a field twice": (b"\0\4\x08\2\x08\2", "field 2 is there 0 times"),
}


@pytest.mark.fault("F018")
@pytest.mark.finding("W11")
@pytest.mark.parametrize(("raw", "rule"), NO_IDS.values(), ids=NO_IDS)
def test_no_id_of_any_kind_of_key(raw: bytes, rule: str) -> None:
    text = multibase.base58btc_encode(raw)
    if text.startswith(("1", "Qm")):
        with pytest.raises(DecodeError, match=rule):
            ids.canonical(text)
    text = multibase.encode("base32", b"\x01\x72" + raw)
    if len(text) > 40:
        with pytest.raises(DecodeError, match=rule):
            ids.canonical(text)


@pytest.mark.parametrize("text", ["", "alice", "Qm", "did:web:example.org"])
def test_what_is_no_id_is_not_expected(text: str) -> None:
    with pytest.raises(DecodeError):
        ids.expect(text, KEY)


@pytest.mark.fault("F017")
@pytest.mark.parametrize(("number", "kind"), [(0, "RSA"), (2, "Secp256k1"), (3, "ECDSA")])
def test_go_libp2ps_other_keys_are_refused(shared_vectors: Path, number: int, kind: str) -> None:
    raw = (shared_vectors / "libp2p-keys-go" / "test_data" / f"{number}.pub").read_bytes()
    with pytest.raises(DecodeError, match=f"type {number} \\({kind}\\)"):
        ids.decode_public_key(raw)


def test_w3c_did_keys(shared_vectors: Path) -> None:
    examples = json.loads((shared_vectors / "did-key" / "ed25519-x25519.json").read_text())
    assert len(examples) == 5
    for did, example in examples.items():
        secret = SecretKey.from_seed(bytes.fromhex(example["seed"]))
        assert ids.did_key(secret.public) == did
        assert ids.recognise(did) == ("did:key", secret.public)
        assert published(example["verificationKeyPair"]) == secret.public.raw
        assert published(example["keyAgreementKeyPair"]) == secret.to_x25519().public
        assert published(example["keyAgreementKeyPair"]) == secret.public.to_x25519()


def published(pair: dict[str, Any]) -> bytes:
    """The public key of one of the examples, which write it in one of two ways."""
    if "publicKeyBase58" in pair:
        return multibase.base58btc_decode(pair["publicKeyBase58"])
    return multibase.decode("u" + pair["publicKeyJwk"]["x"])[1]


@pytest.mark.parametrize(
    ("file", "kinds"),
    [("x25519", "x25519-pub"), ("secp256k1", "secp256k1-pub"), ("nist-curves", "p256-pub|p384-pub|p521-pub")],
)
def test_w3c_did_keys_of_other_curves(shared_vectors: Path, file: str, kinds: str) -> None:
    text = (shared_vectors / "did-key" / f"{file}.json").read_text()
    found = json.loads(text)
    dids = found["didDocument"] if file == "x25519" else found
    assert len(dids) >= 4
    for did in dids:
        with pytest.raises(DecodeError, match=f"a did:key of type ({kinds}); this library takes ed25519-pub"):
            ids.parse(did)


# Wrong ones

OUTLINE_KEY = (
    "bazol-rikur-lijit-rudij-jilam-kikag-satik-sipim-nojuk-hojam-rapis-gubab-rajuz-hafoh-jogun-bihan"
)
SMALL = bytes([1]) + bytes(31)


def peer_id_of(message: bytes) -> str:
    return multibase.base58btc_encode(b"\x00" + varint.encode(len(message)) + message)


WRONG = {
    "empty": ("", "looks like none of", 0),
    "a word": ("alice", "looks like none of", 0),
    "space in front": (" " + FORMS["hex"], "' ' is in no form", 0),
    "line feed behind": (FORMS["hex"] + "\n", r"'\\n' is in no form", 64),
    "invisible": (FORMS["hex"][:10] + "\u200b" + FORMS["hex"][10:], "is in no form", 10),
    "full-width digits": ("\uff11" * 64, "is in no form", 0),
    "too long": ("1" * 513, "no form of a key has 513", 512),
    "hex, short": (FORMS["hex"][:-2], "64 hexadecimal digits, not 62", None),
    "hex, long": (FORMS["hex"] + "00", "64 hexadecimal digits, not 66", None),
    "hex, other letter": (FORMS["hex"][:-1] + "g", "looks like none of", 0),
    "hex, not a point": ("02" + "00" * 31, "no point of the curve", None),
    "proquint, short": (FORMS["proquint"][:-6], "16 proquint words, not 15", None),
    "proquint, long": (FORMS["proquint"] + "-babab", "16 proquint words, not 17", None),
    "peer id, letter": (FORMS["peer-id"][:-1] + "0", "'0' is not a letter of base58btc", 51),
    "peer id, letter O": (FORMS["peer-id"][:20] + "O" + FORMS["peer-id"][21:], "'O' is not a letter", 20),
    "peer id, short": (FORMS["peer-id"][:-1], "where its size says|a libp2p", None),
    "peer id, long": (FORMS["peer-id"] + "1", "where its size says|is the most|a libp2p", None),
    "peer id, secp256k1": (
        peer_id_of(bytes.fromhex("08021221") + b"\x02" + bytes(32)),
        r"type 2 \(Secp256k1\)",
        None,
    ),
    "peer id, unknown type": (peer_id_of(bytes.fromhex("08091220") + KEY.raw), r"type 9 \(unknown\)", None),
    "peer id, fields turned round": (
        peer_id_of(b"\x12\x20" + KEY.raw + b"\x08\x01"),
        "begins with its type",
        None,
    ),
    "peer id, long varint": (peer_id_of(b"\x08\x81\x00\x12\x20" + KEY.raw), "needs fewer", None),
    "peer id, short key": (peer_id_of(bytes.fromhex("0801121f") + bytes(31)), "36 bytes, not 35", None),
    "peer id, field 3": (peer_id_of(bytes.fromhex("08011a20") + KEY.raw), "field 3 is unknown", None),
    "did, other method": ("did:web:example.org", "did:key: alone", 0),
    "did, other base": ("did:key:u7QE", "a 'z' follows", 8),
    "did, letter": (FORMS["did:key"][:-1] + "I", "'I' is not a letter", 55),
    "did, fragment": (FORMS["did:key"] + "#z6Mk", "leave that part off", 56),
    "did, x25519": (
        "did:key:" + multibase.encode("base58btc", b"\xec\x01" + KEY.raw),
        "of type x25519-pub",
        None,
    ),
    "did, short": (
        "did:key:" + multibase.encode("base58btc", b"\xed\x01" + KEY.raw[:-1]),
        "32 bytes, not 31",
        None,
    ),
    "did, long": (
        "did:key:" + multibase.encode("base58btc", b"\xed\x01" + KEY.raw + b"\0"),
        "32 bytes, not 33",
        None,
    ),
    "ssb, message": ("%" + FORMS["ssb-feed"][1:], "a message id", 0),
    "ssb, blob": ("&" + FORMS["ssb-feed"][1:], "a blob id", 0),
    "ssb, without @": (FORMS["ssb-feed"][1:], "is '@', base64, a dot", None),
    "ssb, without curve": (FORMS["ssb-feed"][:45], "is '@', base64, a dot", None),
    "ssb, other curve": (
        FORMS["ssb-feed"].replace("ed25519", "k256"),
        "'k256'; this library takes ed25519",
        46,
    ),
    "ssb, another format": (FORMS["ssb-feed"].replace(".ed25519", ".bbfeed-v1"), "'bbfeed-v1'", 46),
    "ssb, short": ("@11qYAYKxCrc=.ed25519", "32 bytes, not 8", None),
    "ssb, no padding": (FORMS["ssb-feed"].replace("=", ""), "not base64", 1),
    "ssb, url alphabet": (FORMS["ssb-feed"].replace("/", "_"), "not base64", 1),
    "ssb, bits left over": (FORMS["ssb-feed"].replace("Ro=", "Rp="), "not canonical", 44),
    "cid of content": (
        cid.to_text(cid.Cid(1, multicodec.RAW, multihash.sha2_256(b""))),
        "a CID of raw, which names content",
        None,
    ),
    "cid of version 0": ("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn", "the hash of a key", None),
}


@pytest.mark.fault("F018")
@pytest.mark.parametrize(("text", "rule", "offset"), WRONG.values(), ids=WRONG)
def test_wrong_ids(text: str, rule: str, offset: int | None) -> None:
    with pytest.raises(DecodeError, match=rule) as caught:
        ids.parse(text)
    assert caught.value.offset == offset


@pytest.mark.fault("F002")
@pytest.mark.parametrize(
    "text",
    [
        SMALL.hex(),
        proquint.encode(SMALL),
        peer_id_of(bytes.fromhex("08011220") + SMALL),
        "did:key:" + multibase.encode("base58btc", b"\xed\x01" + SMALL),
        "@AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=.ed25519",
    ],
)
def test_weak_keys_are_refused_in_every_form(text: str) -> None:
    with pytest.raises(WeakKey):
        ids.parse(text)


@pytest.mark.fault("F018")
def test_identity_hashes_over_the_limit() -> None:
    for size in (43, 64, 128):
        with pytest.raises(DecodeError, match=f"{size} bytes in a peer id, where 42 is the most"):
            ids.decode_peer_id(b"\x00" + varint.encode(size) + bytes(size))
    with pytest.raises(DecodeError, match="128 is the most"):
        ids.decode_peer_id(b"\x00" + varint.encode(129) + bytes(129))


@pytest.mark.fault("F018")
@pytest.mark.parametrize(("code", "name"), [(0x11, "sha1"), (0x13, "sha2-512"), (0x999, "0x999")])
def test_unknown_multihashes(code: int, name: str) -> None:
    with pytest.raises(DecodeError, match=f"under {name}, which libp2p does not use"):
        ids.decode_peer_id(multihash.Multihash(code, bytes(20)).encode())


@pytest.mark.fault("F017")
def test_huge_rsa_keys_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """16,384 bits of RSA: refused by its type, before its bytes are looked at and before any arithmetic."""

    def never(*_: object) -> None:
        raise AssertionError("it was looked at")

    monkeypatch.setattr(protobuf, "decode", never)
    monkeypatch.setattr(ids, "PublicKey", never)
    rsa = ProtoField(1, VARINT, 0).encode() + ProtoField(2, BYTES, bytes(2048 + 38)).encode()
    with pytest.raises(DecodeError, match=r"type 0 \(RSA\)"):
        ids.decode_public_key(rsa)
    start = time.process_time()
    with pytest.raises(DecodeError, match="36 bytes, not"):
        ids.decode_public_key(bytes.fromhex("080112") + varint.encode(10_000_000) + bytes(10_000_000))
    assert time.process_time() - start < 5


@pytest.mark.fault("F015")
def test_the_mirrored_dialect_is_recognised_where_it_can_be() -> None:
    told = read = 0
    for number in range(64):
        key = SecretKey.from_seed(bytes([number]) * 32).public
        text = proquint.encode(key.raw, "npm-mirrored")
        try:
            assert ids.parse(text) != key
            read += 1
        except DecodeError as error:
            told += "this looks like the mirrored dialect" in error.rule
            assert ids.parse(proquint.mirror(text)) == key
    assert told + read == 64
    assert (
        20 < told < 44
    )  # every second number is the y of a point, so that half of the mistakes go unnoticed


def test_the_outlines_key() -> None:
    """The key that the handbook's outline prints as words is in the mirrored dialect of the npm module."""
    raw = proquint.decode(OUTLINE_KEY, "npm-mirrored")
    assert raw.hex().startswith("7bc0bd9b")
    assert proquint.mirror(OUTLINE_KEY).startswith("lozab-rukir")


# Forms in use


def test_upper_case_digits_are_read() -> None:
    assert ids.parse(FORMS["hex"].upper()) == KEY
    assert ids.parse(FORMS["peer-id-cid"].upper()) == KEY


def test_unknown_forms() -> None:
    with pytest.raises(UsageError, match="no form 'npub'; there are hex, proquint"):
        ids.render(KEY, "npub")


@pytest.mark.fault("F014")
@pytest.mark.parametrize("form", ids.FORMS)
def test_the_peer_that_answers_is_the_one_that_was_promised(form: str) -> None:
    other = SecretKey.from_seed(bytes(32)).public
    ids.expect(ids.render(KEY, form), KEY)
    with pytest.raises(WrongPeer, match="but the peer that answered is"):
        ids.expect(ids.render(other, form), KEY)


def test_dissect_peer_id() -> None:
    fields = ids.dissect_peer_id(FORMS["peer-id"])
    assert [(f.name, f.raw.hex()) for f in fields] == [
        ("hash function", "00"),
        ("size", "24"),
        ("type: tag", "08"),
        ("type", "01"),
        ("key: tag", "12"),
        ("key: size", "20"),
        ("key", KEY.hex()),
    ]
    assert b"".join(f.raw for f in fields) == ids.peer_id_bytes(KEY)
    longer = ids.dissect_peer_id(FORMS["peer-id-cid"])
    assert [f.name for f in longer[:2]] == ["version", "codec"]
    assert b"".join(f.raw for f in longer) == multibase.decode(FORMS["peer-id-cid"])[1]


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_a_decode_error(text: str) -> None:
    try:
        ids.parse(text)
    except (DecodeError, WeakKey):
        return


@settings(deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_one_changed_character_never_gives_the_same_key(form: str, data: st.DataObject) -> None:
    text = FORMS[form]
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    changed = text[:place] + letter + text[place + 1 :]
    try:
        key = ids.parse(changed)
    except (DecodeError, WeakKey):
        return
    assert (key == KEY) == (changed == text or (form in ("hex", "peer-id-cid") and changed.lower() == text))


@pytest.mark.parametrize("base", ["base2", "base8", "base10", "base45"])
def test_no_id_is_written_that_would_not_be_read(base: str) -> None:
    with pytest.raises(UsageError, match=f"not written in {base}"):
        ids.peer_id_cid(SecretKey.from_seed(bytes(32)).public, base)
