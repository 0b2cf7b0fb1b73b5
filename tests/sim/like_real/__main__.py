"""Print the comparison: `python -m tests.sim.like_real [family or case]`."""

from __future__ import annotations

import sys
from itertools import zip_longest
from typing import Any

from tests.sim.like_real.compare import in_simulator, on_linux, why_no_real_machines
from tests.sim.like_real.differences import listed

# By whether a case is the same on both sides, and whether differences.py has it.
WORDS = {(True, False): "same", (False, True): "known", (False, False): "DIFFERENT", (True, True): "GONE"}


def main() -> int:
    """Compare, print a row a case, and under each that differs what differs; 1 if the list is not right."""
    reason = why_no_real_machines()
    if reason is not None:
        print(f"nothing to compare with: {reason}")
        return 1
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    linux, simulator = on_linux(only), in_simulator(only)
    wrong = 0
    for name, real in linux.items():
        simulated = simulator[name]
        known = listed().get(name)
        word = WORDS[real == simulated, known is not None]
        wrong += word.isupper()
        print(f"{word:10} {name}{'  ' + known if known else ''}")
        if real != simulated or only:
            for line in side_by_side(real, simulated):
                print(f"           {line}")
    different = sum(linux[name] != simulator[name] for name in linux)
    print(
        f"{len(linux)} cases, {len(linux) - different} the same, {different} different, {wrong} not as listed"
    )
    return int(wrong > 0)


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
