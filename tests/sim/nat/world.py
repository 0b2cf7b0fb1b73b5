"""What the tests of the NAT machine share: addresses, a NAT in few words, how to expect a refusal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from p2plib.sim.nat.behaviour import Filtering, Mapping, NatBehaviour
from p2plib.sim.nat.machine import Nat, Refused
from p2plib.sim.packet import Address, Flag

X = ("10.0.0.1", 4000)  # inside
X_OTHER_PORT = ("10.0.0.1", 4001)
W = ("10.0.0.2", 4000)  # another host inside, at the same port
Y = ("203.0.113.1", 53)  # remotes
Y_OTHER_PORT = ("203.0.113.1", 54)
Z = ("203.0.113.2", 53)
SYN = Flag.SYN
PUBLIC = "198.51.100.1"
PUBLIC_2 = "198.51.100.2"

EI_MAP, AD_MAP, APD_MAP = Mapping
EI_FILTER, AD_FILTER, APD_FILTER = Filtering


def nat(*external: str, preset: NatBehaviour | None = None, rng: Random | None = None, **changes: Any) -> Nat:
    """A NAT at PUBLIC, or at the addresses given, that differs from a preset (RFC 4787's wishes) as told."""
    return Nat(external or (PUBLIC,), replace(preset or NatBehaviour(), **changes), rng=rng or Random(1))


@contextmanager
def refusal(box: Nat, reason: str) -> Iterator[None]:
    """Expects one refusal for this reason, counted once."""
    before = box.refused[reason]
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.reason == reason
    assert str(caught.value) == f"refused by the NAT: {reason}"
    assert box.refused[reason] == before + 1


def passes(box: Nat, external: Address, remote: Address, now_s: float = 0.0) -> bool:
    """Whether a UDP packet from *remote* comes in."""
    try:
        box.inbound("udp", external, remote, now_s)
    except Refused:
        return False
    return True
