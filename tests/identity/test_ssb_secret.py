"""Scuttlebutt's secret files: one that ssb-keys wrote, and files whose parts disagree."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import KeyFileCorrupt, KeyFileError, KeyFileExists, KeyFileMissing, KeyFilePermissions
from p2plib.identity import ssb_secret
from p2plib.identity.keys import SecretKey
from tests.identity.reports import library_locals

ALICE = SecretKey.from_seed(hashlib.sha256(b"alice").digest())
BOB = SecretKey.from_seed(hashlib.sha256(b"bob").digest())

# The fields that ssb-keys 8.5.0 gives for the seed SHA-256("alice").
ALICE_FIELDS = {
    "curve": "ed25519",
    "public": "1b9KP8znF7A4i8wnSevBSK2ZabI/Re4bYF/Vh3hXasQ=.ed25519",
    "private": (
        "K9gGyX8OAK8aH8Myj6djqSaXI8jbj6xPk69x2xhtbpDVv0o/zOcXsDiLzCdJ68FIrZlpsj9F7htgX9WHeFdqxA==.ed25519"
    ),
    "id": "@1b9KP8znF7A4i8wnSevBSK2ZabI/Re4bYF/Vh3hXasQ=.ed25519",
}


def text_of(**changes: object) -> str:
    fields: dict[str, object] = {**ALICE_FIELDS, **changes}
    return (
        "# a comment\n" + json.dumps({k: v for k, v in fields.items() if v is not None}, indent=2) + "\n#\n"
    )


def with_suffix(raw: bytes) -> str:
    return base64.b64encode(raw).decode() + ".ed25519"


def test_the_fields_of_ssb_keys() -> None:
    assert ssb_secret.decode(text_of()) == ALICE
    written = "".join(line for line in ssb_secret.encode(ALICE).splitlines() if not line.startswith("#"))
    assert json.loads(written) == ALICE_FIELDS
    assert list(json.loads(written)) == list(ALICE_FIELDS)


@given(st.binary(min_size=32, max_size=32))
def test_what_is_encoded_is_decoded(seed: bytes) -> None:
    secret = SecretKey.from_seed(seed)
    assert ssb_secret.decode(ssb_secret.encode(secret)) == secret


def test_what_ssb_keys_does_to_a_file_leaves_ours_whole() -> None:
    """It cuts every `#` and all up to the line's end, joins the lines and parses what is left."""
    joined = re.sub(r"\s*#[^\n]*", "", ssb_secret.encode(ALICE)).replace("\n", "")
    assert json.loads(joined) == ALICE_FIELDS


def test_comments_and_line_ends_are_free() -> None:
    text = text_of()
    body = text.split("\n", 1)[1]
    assert ssb_secret.decode(body) == ALICE
    assert ssb_secret.decode(text.replace("\n", "\r\n")) == ALICE
    assert ssb_secret.decode("   # indented\n\n\n" + text + "\n# last line without an end") == ALICE
    assert ssb_secret.decode(json.dumps(ALICE_FIELDS)) == ALICE


@pytest.mark.fault("F007")
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"curve": "k256"}, "curve is not ed25519"),
        ({"public": with_suffix(BOB.public.raw)}, "public and private belong to different keys"),
        ({"private": with_suffix(BOB.expose_seed() + BOB.public.raw)}, "belong to different keys"),
        ({"private": with_suffix(ALICE.expose_seed() + BOB.public.raw)}, "second half of private"),
        ({"private": with_suffix(BOB.expose_seed() + ALICE.public.raw)}, "second half of private"),
        ({"private": with_suffix(ALICE.expose_seed())}, "private is not base64 of 64 bytes"),
        ({"private": "x"}, "private is not base64"),
        ({"public": ALICE_FIELDS["public"].removesuffix(".ed25519")}, "public is not base64"),
        ({"public": "AB" + ALICE_FIELDS["public"][:-11] + "=.ed25519"}, "public is not base64"),
        ({"public": "é"}, "public is not base64"),
        ({"id": ALICE_FIELDS["public"]}, "id is not '@' and public"),
        ({"id": "@" + with_suffix(BOB.public.raw)}, "id is not"),
        ({"id": None}, "four strings"),
        ({"id": 5}, "four strings"),
        ({"more": "x"}, "four strings"),
        ({"more": 1}, "four strings"),
    ],
)
def test_files_that_contradict_themselves(changes: dict[str, object], says: str) -> None:
    with pytest.raises(KeyFileCorrupt, match=re.escape(says)):
        ssb_secret.decode(text_of(**changes))


@pytest.mark.fault("F007")
@pytest.mark.parametrize(
    "text", ["", "#", "[]", "null", '"x"', "{", text_of()[:-20], text_of().replace(":", "=")]
)
def test_texts_that_are_no_secret_file(text: str) -> None:
    with pytest.raises(KeyFileCorrupt, match="not a JSON object"):
        ssb_secret.decode(text)


def test_saved_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    ssb_secret.save(path, ALICE)
    assert path.stat().st_mode & 0o777 == 0o400
    assert os.listdir(tmp_path) == ["secret"]
    assert ssb_secret.load(path) == ALICE
    with pytest.raises(KeyFileExists):
        ssb_secret.save(path, BOB)
    assert ssb_secret.load(path) == ALICE


@pytest.mark.fault("F006")
@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o620])
def test_a_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    ssb_secret.save(path, ALICE)
    path.chmod(mode)
    with pytest.raises(KeyFilePermissions):
        ssb_secret.load(path)


def test_files_that_cannot_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(KeyFileMissing, match="no key file"):
        ssb_secret.load(path)
    path.touch(0o600)
    for raw, says in [(b"", "JSON object"), (b"\xff", "not UTF-8"), (b"#" * 20_000, "more than 16384")]:
        path.write_bytes(raw)
        with pytest.raises(KeyFileCorrupt, match=says) as caught:
            ssb_secret.load(path)
        assert str(path) in str(caught.value)


@pytest.mark.fault("F011")
@pytest.mark.parametrize("changes", [{"id": "@x"}, {"curve": "k"}, {"public": "x"}, {"more": "x"}])
def test_no_error_shows_the_secret(tmp_path: Path, changes: dict[str, object]) -> None:
    text = text_of(**changes)
    path = tmp_path / "secret"
    path.write_text(text)
    path.chmod(0o600)
    for broken in (text, text.replace("{", "[")):
        for read in (lambda: ssb_secret.decode(broken), lambda: ssb_secret.load(path)):  # noqa: B023
            with pytest.raises(KeyFileError) as caught:
                read()
            shown = library_locals(caught.value)
            assert str(ALICE_FIELDS["private"])[:20] not in shown
            assert repr(ALICE.expose_seed())[2:-1] not in shown
        path.write_text(text.replace("{", "["))
