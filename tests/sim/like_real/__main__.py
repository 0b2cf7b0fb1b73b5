"""Print the comparison: `python -m tests.sim.like_real [family or case]`."""

from __future__ import annotations

import sys
from itertools import zip_longest
from typing import Any

from tests.interop.namespace import why_no_namespace
from tests.sim.like_real.compare import in_simulator, on_linux
from tests.sim.like_real.differences import DIFFERENCES


def main() -> int:
    """Compare, print a row a case, and under each that differs what differs; 1 if one is not in the list."""
    reason = why_no_namespace()
    if reason is not None:
        print(f"nothing to compare with: {reason}")
        return 1
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    linux, simulator = on_linux(only), in_simulator(only)
    unlisted = 0
    for name, real in linux.items():
        simulated = simulator[name]
        known = DIFFERENCES.get(name)
        word = "same" if real == simulated else "known" if known else "DIFFERENT"
        unlisted += word == "DIFFERENT"
        print(f"{word:10} {name}{'  ' + known if known else ''}")
        if real != simulated or only:
            for line in side_by_side(real, simulated):
                print(f"           {line}")
    different = sum(linux[name] != simulator[name] for name in linux)
    print(
        f"{len(linux)} cases, {len(linux) - different} the same, {different} different, {unlisted} not listed"
    )
    return int(unlisted > 0)


def side_by_side(real: list[Any], simulated: list[Any]) -> list[str]:
    """Show the observations of both, a line each; two lines where they differ."""
    lines = []
    for number, (one, other) in enumerate(zip_longest(real, simulated, fillvalue="(no more)")):
        if one == other:
            lines.append(f"{number:2}           {one!r}")
        else:
            lines += [f"{number:2} linux     {one!r}", f"{number:2} simulator {other!r}"]
    return lines


if __name__ == "__main__":
    sys.exit(main())
