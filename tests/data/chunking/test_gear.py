"""The gear table, made again from its rule, and tables of one's own."""

from __future__ import annotations

import pytest
from fastcdc import fastcdc_py as pypi

from p2plib.data.chunking import gear
from p2plib.errors import UsageError


def test_the_table_is_what_aes_makes_of_zeros() -> None:
    ciphers = pytest.importorskip("cryptography.hazmat.primitives.ciphers")
    cipher = ciphers.Cipher(ciphers.algorithms.AES(bytes(32)), ciphers.modes.CTR(bytes(16)))
    stream = cipher.encryptor().update(bytes(1024))
    words = [int.from_bytes(stream[at : at + 4], "big") for at in range(0, 1024, 4)]
    assert list(gear.GEAR) == [word % 2**31 for word in words]


def test_the_table_is_that_of_the_package() -> None:
    assert list(gear.GEAR) == list(pypi.GEAR)


def test_a_secret_table() -> None:
    mine, yours = gear.secret_gear(bytes(32)), gear.secret_gear(bytes(31) + b"\x01")
    assert mine == gear.secret_gear(bytes(32))
    assert not {*mine} & {*yours}
    assert gear.checked(mine) is mine
    # Every bit of an entry is about as often 1 as 0: a table of small numbers would have few boundaries.
    for bit in range(31):
        assert 90 <= sum(entry >> bit & 1 for entry in mine) <= 166


@pytest.mark.parametrize("size", [0, 31, 33])
def test_the_size_of_a_secret(size: int) -> None:
    with pytest.raises(UsageError, match=f"32 bytes, not {size}"):
        gear.secret_gear(bytes(size))


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        (gear.GEAR[:-1], "256 entries, not 255"),
        ((*gear.GEAR[1:], 2**31), r"0 to 2\*\*31 - 1"),
        ((*gear.GEAR[1:], -1), r"0 to 2\*\*31 - 1"),
    ],
)
def test_what_is_no_table(table: tuple[int, ...], rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        gear.checked(table)
