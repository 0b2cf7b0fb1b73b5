"""Secrets and authenticators are compared in constant time, or not at all."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2plib.errors import HandshakeFailed
from p2plib.protocol.scuttlebutt.secret_handshake import ServerHandshake, authenticator
from tests.conftest import ROOT
from tests.protocol.scuttlebutt.test_secret_handshake import BOB, NETWORK

MODULES = sorted((ROOT / "p2plib" / "protocol").rglob("*.py"))
# What a secret or an authenticator is called in these modules. The size of one is no secret.
SECRET = ("secret", "proof", "psk", "expose", "authenticator", "_agreed", "_key", "_tag", "chain", "private")
PUBLIC = ("remote_key", "identity_key", "has_key", "_tag is None", "token == 'psk'")


def comparisons(path: Path) -> Iterator[str]:
    """The source of every comparison that stops at the first difference."""
    for node in ast.walk(ast.parse(path.read_text("utf8"))):
        if isinstance(node, ast.Compare) and any(
            isinstance(operator, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for operator in node.ops
        ):
            yield ast.unparse(node)


def compares_a_secret(source: str) -> bool:
    for harmless in PUBLIC:
        source = source.replace(harmless, "")
    return any(name in source for name in SECRET) and "len(" not in source


@pytest.mark.fault("F159")
@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_comparison_of_a_secret_stops_at_the_first_difference(path: Path) -> None:
    assert [source for source in comparisons(path) if compares_a_secret(source)] == []


def test_the_search_finds_one() -> None:
    assert compares_a_secret("proof == authenticator(self.network, public)")
    assert compares_a_secret("psk.expose() in known")
    assert not compares_a_secret("len(psk) != PSK_BYTES")
    assert sum(1 for path in MODULES for _ in comparisons(path)) > 20


@pytest.mark.fault("F159")
def test_the_proof_of_the_network_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr("hmac.compare_digest", compare)
    public = bytes([9]) + bytes(31)
    with pytest.raises(HandshakeFailed):
        ServerHandshake(BOB, network=NETWORK).receive(bytes(32) + public)
    assert (bytes(32), authenticator(NETWORK, public)) in compared
