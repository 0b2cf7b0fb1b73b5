"""Multicodec: our few rows say what the registry says."""

from __future__ import annotations

from pathlib import Path

from p2plib.wire import multicodec


def test_names() -> None:
    assert multicodec.name(0xED) == "ed25519-pub"
    assert multicodec.name(0x72) == "libp2p-key"
    assert multicodec.name(0x7FFF) == "0x7fff"


def test_every_constant_has_its_name() -> None:
    constants = {value for key, value in vars(multicodec).items() if key.isupper() and key != "NAMES"}
    assert constants == set(multicodec.NAMES)


def test_against_the_registry(shared_vectors: Path) -> None:
    rows = [
        line.split(",") for line in (shared_vectors / "multicodec" / "table.csv").read_text().splitlines()[1:]
    ]
    registry = {int(row[2].strip(), 16): row[0].strip() for row in rows if len(row) > 2}
    assert {code: registry[code] for code in multicodec.NAMES} == multicodec.NAMES
