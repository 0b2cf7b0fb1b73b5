"""Randomart is OpenSSH's, square for square, with ssh-keygen as the judge; and the coloured picture."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib import figures
from p2plib.errors import UsageError


def ssh_string(raw: bytes) -> bytes:
    """RFC 4251, section 5: four bytes of length, then the bytes."""
    return len(raw).to_bytes(4, "big") + raw


def blob(key: bytes) -> bytes:
    """An Ed25519 public key as SSH writes it (RFC 8709, section 4)."""
    return ssh_string(b"ssh-ed25519") + ssh_string(key)


@pytest.mark.parametrize(
    "key",
    [bytes(32), bytes(range(32)), b"\xff" * 32, *(hashlib.sha256(bytes([i])).digest() for i in range(9))],
)
def test_ssh_keygen_draws_the_same(key: bytes, tmp_path: Path) -> None:
    keygen = shutil.which("ssh-keygen")
    if keygen is None:
        pytest.skip("ssh-keygen, the judge of randomart, is not installed")
    file = tmp_path / "key.pub"
    file.write_text(f"ssh-ed25519 {base64.b64encode(blob(key)).decode()} test\n")
    said = subprocess.run([keygen, "-lv", "-f", str(file)], capture_output=True, text=True, check=True).stdout
    ours = figures.randomart(hashlib.sha256(blob(key)).digest(), title="ED25519 256", footer="SHA256")
    assert said.splitlines()[1:] == ours.splitlines()


def test_a_walk_done_by_hand() -> None:
    # Lowest pair first: left up, right up, left down, right down. He stands twice on the square left above
    # the middle, once two above it, and ends where he began, so that the E covers the S.
    rows = figures.randomart(bytes([0b11_10_01_00])).splitlines()
    empty = f"|{' ' * 17}|"
    assert rows == [
        f"+{'-' * 17}+",
        *[empty] * 2,
        "|        .        |",
        "|       o         |",
        "|        E        |",
        *[empty] * 4,
        f"+{'-' * 17}+",
    ]


def test_walls_hold_him() -> None:
    rows = figures.randomart(b"\x00" * 8).splitlines()  # always up and left
    assert rows[1][1] == "E"
    assert rows[5][9] == "S"
    rows = figures.randomart(b"\xff" * 8).splitlines()  # always down and right
    assert rows[9][17] == "E"


def test_many_visits_stop_at_the_last_sign() -> None:
    # Right-down and left-up in turn: two squares take all visits but the first step's.
    assert "^" in figures.randomart(bytes([0b00_11_00_11]) * 64)


@given(st.binary(min_size=1, max_size=64))
def test_the_board_is_always_17_by_9(data: bytes) -> None:
    rows = figures.randomart(data).splitlines()
    assert [len(row) for row in rows] == [19] * 11
    assert sum(row.count("E") for row in rows) == 1


def test_borders() -> None:
    assert figures.randomart(b"a", title="ED25519 256").splitlines()[0] == "+--[ED25519 256]--+"
    assert figures.randomart(b"a", footer="SHA256").splitlines()[10] == "+----[SHA256]-----+"
    with pytest.raises(UsageError, match="does not fit"):
        figures.randomart(b"a", title="x" * 16)
    with pytest.raises(UsageError, match="at least one byte"):
        figures.randomart(b"")


@settings(max_examples=30)
@given(st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=40))
def test_different_keys_have_different_pictures(a: bytes, b: bytes) -> None:
    one, other = figures.key_picture(a), figures.key_picture(b)
    assert (one.html == other.html) == (a == b)
    assert (one.alt == other.alt) == (a == b), "who cannot see the picture is told the difference too"


def test_a_key_picture_is_symmetric() -> None:
    circles = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)"', figures.key_picture(b"Ada").svg)
    mirrored = {(f"{160 - float(x):g}", y, r) for x, y, r in circles}
    assert circles
    assert mirrored == {(f"{float(x):g}", y, r) for x, y, r in circles}


def test_a_key_picture_is_told_and_refuses_nothing() -> None:
    assert figures.key_picture(b"Ada").alt.startswith(
        "A symmetric picture of a key; left half to the middle, row 1: "
    )
    assert figures.key_picture(b"Ada", alt="Ada's key").alt == "Ada's key"
    with pytest.raises(UsageError):
        figures.key_picture(b"")
