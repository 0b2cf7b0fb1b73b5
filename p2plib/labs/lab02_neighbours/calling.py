"""Lab 2, task 1: whom to call first, and how long to wait before the next call.

A peer that comes back knows addresses from the last time. Those come first, because a peer that answered an
hour ago is likelier to be there than one whose address was compiled in two years ago, and because thousands
of newcomers ask the compiled-in ones already. The pauses double, as in `p2plib.machine.retries`, and each is
drawn at random, so that peers that were cut off together do not come back together.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.machine.addresses import Address, network_of

FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
PER_NETWORK = 2

Plan = Callable[..., Any]  # a reader's function


def call_plan(
    cached: list[Address], built_in: list[Address], rng: random.Random, per_network: int = PER_NETWORK
) -> list[tuple[float, Address]]:
    """Whom to call, and how many seconds to wait before each call.

    Args:
        cached: addresses of peers that answered us before; the one that answered last at the end.
        built_in: addresses that came with the program.
        rng: draws the pauses.
        per_network: how many addresses of one network may be called.
    """
    addresses, near = dict[Address, None](), Counter[object]()
    for address in [*reversed(cached), *built_in]:
        network = network_of(address[0])
        if address not in addresses and near[network] < per_network:
            addresses[address] = None
            near[network] += 1
    plan, pause_s = [], FIRST_PAUSE_S
    for number, address in enumerate(addresses):
        plan.append((rng.uniform(pause_s / 2, pause_s) if number else 0.0, address))
        if number:
            pause_s = min(2 * pause_s, MAX_PAUSE_S)
    return plan


# Probes


def at(short: str) -> Address:
    """An address from its short form: "1.7" is 10.0.1.7, port 4000, and "1.7:5000" has another port."""
    host, _, port = short.partition(":")
    return f"10.0.{host}", int(port or 4000)


def _many(text: str) -> list[Address]:
    return [at(short) for short in text.split()]


def _short(addresses: list[Address]) -> str:
    return " ".join(
        host.removeprefix("10.0.") + ("" if port == 4000 else f":{port}") for host, port in addresses
    )


def planned(
    yours: Plan, cached: list[Address], built_in: list[Address], seed: int = 1, *rest: int
) -> list[tuple[float, Address]]:
    """A reader's plan, if it is one.

    Raises:
        Wrong: it is something else, or the lists that it was given have changed.
    """
    before = list(cached), list(built_in)
    got = yours(cached, built_in, random.Random(seed), *rest)
    if (cached, built_in) != before:
        raise Wrong("it changed a list that it was given", "the lists are the caller's: work on copies")
    if got is None:
        raise Wrong("it returned None", "is a return missing?")
    if not isinstance(got, list) or not all(_is_call(call) for call in got):
        raise Wrong(f"it returned {describe(got)}", "a list of pairs: seconds to wait, and an address")
    return got


def _is_call(call: Any) -> bool:
    return (
        isinstance(call, tuple)
        and len(call) == 2
        and isinstance(call[0], int | float)
        and isinstance(call[1], tuple)
        and len(call[1]) == 2
    )


def calls(cached: str, built_in: str, expected: str, hint: str, *rest: int) -> Case:
    """A probe: whom a plan calls, in which order.

    Args:
        cached, built_in: what is known, such as "1.7 2.9".
        expected: who is called.
        hint: for whoever calls others.
        rest: how many of one network, where it is not 2.
    """

    def probe(yours: Plan) -> None:
        got = _short([address for _, address in planned(yours, _many(cached), _many(built_in), 1, *rest)])
        if got != expected:
            limit = "".join(f", {most} of a network" for most in rest)
            known = f"cached {cached or 'nobody'}, built in {built_in or 'nobody'}{limit}"
            raise Wrong(f"{known}: it calls {got or 'nobody'}, expected {expected or 'nobody'}", hint)

    return probe


def any_lists(seed: int) -> Case:
    """A probe: long lists of few networks, called in the order in which the library calls them."""

    def probe(yours: Plan) -> None:
        rng = random.Random(seed)
        cached, built_in = (
            [at(f"{rng.randrange(6)}.{rng.randrange(4)}:{rng.choice((4000, 4001))}") for _ in range(12)]
            for _ in range(2)
        )
        most = rng.randrange(1, 4)
        got = [address for _, address in planned(yours, list(cached), list(built_in), 1, most)]
        want = [address for _, address in call_plan(cached, built_in, rng, most)]
        if got != want:
            place = next(
                (i for i, (a, b) in enumerate(zip(got, want, strict=False)) if a != b),
                min(len(got), len(want)),
            )
            raise Wrong(
                f"of two long lists its call number {place + 1} goes to the wrong address", CALL_PLAN.hint
            )

    return probe


def _ipv6(yours: Plan) -> None:
    hosts = [f"2001:db8:1:{i}::1" for i in range(3)]
    got = planned(yours, [], [(host, 4000) for host in hosts])
    if len(got) != PER_NETWORK:
        hint = "network_of knows IPv6, too: there a network is a /48"
        raise Wrong(f"of three addresses in one IPv6 network it calls {len(got)}, expected 2", hint)


def _pauses_of(yours: Plan, seeds: int = 120, count: int = 9) -> list[list[float]]:
    """The pauses of several plans, by place."""
    addresses = [at(f"{i}.1") for i in range(count)]
    plans = [planned(yours, [], addresses, seed) for seed in range(seeds)]
    return [[plan[place][0] for plan in plans] for place in range(min(map(len, plans)))]


def _only_calls_count(yours: Plan) -> None:
    """Pauses double from call to call, whoever was skipped between them."""
    cached, built_in = _many("1.1 1.1 1.1"), _many("1.2 1.3 1.4 2.1 3.1")
    longest = [
        max(pauses) for pauses in zip(*(_pauses(yours, cached, built_in, s) for s in range(40)), strict=False)
    ]
    if any(pause_s > 2.0 ** (place - 1) for place, pause_s in enumerate(longest[1:], 1)):
        what = "where some addresses are left out, it waits longer before the next call"
        raise Wrong(what, "the pause doubles with each call: an address that is not called does not count")


def _pauses(yours: Plan, cached: list[Address], built_in: list[Address], seed: int) -> list[float]:
    return [pause_s for pause_s, _ in planned(yours, list(cached), list(built_in), seed)]


def _very_long(yours: Plan) -> None:
    hosts = [(f"10.{i >> 8}.{i & 255}.1", 4000) for i in range(1030)]
    try:
        got = planned(yours, [], hosts)
    except OverflowError:
        hint = "2.0 ** 1024 is too large for a float: cut the exponent first, or double step by step"
        raise Wrong("with 1030 addresses it raised OverflowError", hint) from None
    if len(got) != len(hosts) or not MAX_PAUSE_S / 2 <= got[-1][0] <= MAX_PAUSE_S:
        raise Wrong("of 1030 addresses in as many networks it does not call all", CALL_PLAN.hint)


def _at_once(yours: Plan) -> None:
    first = planned(yours, [], _many("1.1 2.1"))[0][0]
    if first != 0:
        raise Wrong(
            "it waits before the first call", "nothing has failed yet: the first call waits 0 seconds"
        )


def _doubles(yours: Plan) -> None:
    pauses = _pauses_of(yours)
    for place, seconds in enumerate(pauses[1:7], 1):
        whole = 2.0 ** (place - 1)
        where = f"before call {place + 1} it waits {min(seconds):.2f} to {max(seconds):.2f} s"
        wanted = f"expected {whole / 2:g} to {whole:g}"
        if max(seconds) > whole or min(seconds) < whole / 2:
            raise Wrong(f"{where}, {wanted}", _range_hint(seconds, whole, place))


def _range_hint(seconds: list[float], whole: float, place: int) -> str:
    if place == 1 and max(seconds) == 0:
        return "the first pause comes before the second call"
    if place == 1 and min(seconds) < whole / 2 and 0.8 * whole < max(seconds) <= whole:
        return "draw between half and the whole: a pause of almost nothing is no pause"
    if place == 1:
        return "the pause before the second call is 1 second, of which you wait between half and the whole"
    doubles = "a pause doubles with each call: 1, 2, 4, 8 seconds, before the part is drawn"
    if max(seconds) <= whole / 2 or max(seconds) <= 1:
        return doubles
    if min(seconds) < 0.45 * max(seconds):
        return "double the whole pause, and not the part that was drawn"
    if max(seconds) > whole:
        return f"{doubles}; and each is counted from the call before, not from the first"
    return f"{doubles}, up to 60"


def _ends(yours: Plan) -> None:
    seconds = _pauses_of(yours)[8]
    if max(seconds) > MAX_PAUSE_S:
        raise Wrong(
            f"before call 9 it waits up to {max(seconds):.0f} s", "a pause stops growing at 60 seconds"
        )
    if min(seconds) < MAX_PAUSE_S / 2:
        raise Wrong(
            f"before call 9 it waits only {min(seconds):.0f} s",
            "at 60 seconds, too: between half and the whole",
        )


def _scatters(yours: Plan) -> None:
    """A thousand peers that were cut off together."""
    seconds = _pauses_of(yours)[5]
    if max(seconds) - min(seconds) < 6:
        hint = "peers that were cut off together would all come back together: draw each pause at random"
        raise Wrong("120 peers wait (almost) the same time before call 6", hint)
    mean, inner = sum(seconds) / len(seconds), sum(10 <= one <= 14 for one in seconds)
    if abs(mean - 12) > 1 or not 40 <= inner <= 80:
        raise Wrong(
            f"before call 6, of 120 peers {inner} wait 10 to 14 s, and all {mean:.1f} on average",
            "evenly between half and the whole: rng.uniform",
        )


def _apart(yours: Plan) -> None:
    """Two pauses of one plan are drawn one by one."""
    pauses = _pauses_of(yours)
    shares = [{round(pauses[place][seed] / 2 ** (place - 1), 6) for place in (2, 3, 4)} for seed in range(20)]
    if any(len(share) == 1 for share in shares):
        raise Wrong("all pauses of a plan are the same part of the whole", "draw anew for every pause")


def _by_its_rng(yours: Plan) -> None:
    addresses = _many("1.1 2.1 3.1 4.1")
    one, other = (planned(yours, [], list(addresses), 5) for _ in range(2))
    if one != other:
        raise Wrong(
            "two plans with the same rng are different", "draw from rng, so that a run can be repeated"
        )


_DUPLICATE = "an address that is in both lists, or in one of them twice, is called once"
_NETWORK = "one owner, few calls: of one network_of(host) at most per_network, cached and built in together"

CALL_PLAN = Task(
    "call_plan",
    call_plan,
    cases=[
        calls("", "1.1 2.1 3.1", "1.1 2.1 3.1", "the built-in addresses keep their order"),
        calls("", "", "", "nobody is known, so nobody is called: return []"),
        calls(
            "1.1 2.1 3.1",
            "",
            "3.1 2.1 1.1",
            "the last in cached answered last, so it is the likeliest to be there: begin at the end",
        ),
        calls("1.1", "2.1 3.1", "1.1 2.1 3.1", "cached addresses come before the built-in ones"),
        calls("1.1 2.1", "3.1 1.1 4.1", "2.1 1.1 3.1 4.1", _DUPLICATE),
        calls("2.1 1.1 2.1", "", "2.1 1.1", _DUPLICATE),
        calls("1.1", "1.1:5000", "1.1 1.1:5000", "another port is another address"),
        calls("", "1.1 1.2 1.3 2.1", "1.1 1.2 2.1", _NETWORK),
        calls("1.1", "1.2 1.3 2.1", "1.1 1.2 2.1", _NETWORK),
        calls(
            "1.1 1.2 2.1 1.3",
            "",
            "1.3 2.1 1.2",
            "of those in one network the first in the order of calling are called",
        ),
        calls("1.1 1.1", "1.2 1.3", "1.1 1.2", "an address that is not called takes no place in its network"),
        calls("", "1.1 1.2 2.1", "1.1 2.1", "per_network says how many: it is not always 2", 1),
        calls("", "1.1 11.1 111.1", "1.1 11.1 111.1", "a network is three bytes: network_of tells"),
        _ipv6,
        _at_once,
        _doubles,
        _only_calls_count,
        _ends,
        _scatters,
        _apart,
        _by_its_rng,
        _very_long,
    ],
    hint="first the order, then each once and two of a network, then the pauses",
)
