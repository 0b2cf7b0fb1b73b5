"""A lab of two tasks that the tests of the engine use: small enough to see at a glance what must come out."""

from __future__ import annotations

import types
from pathlib import Path

# The lab's module as a text, because the notebooks made in a test import it from a folder of their own.
MODULE = """\
from p2plib.labs import Lab, Mistake, Task, Wrong


def double(number: int) -> int:
    return number + number


def _square(number: int) -> int:
    return number * number


def _keeps_digits(double) -> None:
    if double(10**30) != 2 * 10**30:
        raise Wrong("it lost digits of a large number", "stay with whole numbers")


def join(parts: list[bytes]) -> bytes:
    return b"".join(parts)


def _reversed(parts: list[bytes]) -> bytes:
    return b"".join(reversed(parts))


LAB = Lab(
    "arithmetic",
    Task(
        "double",
        double,
        cases=[(2,), (5,), _keeps_digits],
        mistakes=[Mistake(_square, "that is the number times itself")],
    ),
    Task(
        "join",
        join,
        cases=[([b"ab", b"cd"],), ([],)],
        mistakes=[Mistake(_reversed, "first part first")],
        hint="use join",
    ),
)
check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine
"""

TEXT = '''\
---
kernelspec: {display_name: Python 3 (ipykernel), language: python, name: python3}
handbook:
  role: identity
  minutes: 20
  needs: []
  able: [Double a number, Join some bytes, Tell both from each other]
---
(lab-arithmetic)=
# Lab 9: arithmetic

Two small functions.

```{code-cell} ipython3
from lab09_arithmetic_tasks import check, keep
```

```{code-cell} ipython3
:task: double
def double(number: int) -> int:
    """Twice *number*."""
    ### BEGIN SOLUTION
    return number + number
    ### END SOLUTION
```

```{code-cell} ipython3
:check: double
:points: 2
double = check("double", double)
### BEGIN HIDDEN TESTS
from lab09_arithmetic_tasks import judge

judge("double", double, (21,), (-1,))
### END HIDDEN TESTS
```

```{code-cell} ipython3
:task: join
def join(parts: list[bytes]) -> bytes:
    """All *parts* after each other."""
    whole = b""
    ### BEGIN SOLUTION
    for part in parts:
        whole += part
    return whole
    ### END SOLUTION
```

```{code-cell} ipython3
:check: join
:points: 3
join = check("join", join)
### BEGIN HIDDEN TESTS
from lab09_arithmetic_tasks import judge

judge("join", join, ([b"12", b"34"],))
### END HIDDEN TESTS
```

```{code-cell} ipython3
:check: join-more
:points: 1
### BEGIN HIDDEN TESTS
from lab09_arithmetic_tasks import judge

judge("join", join, ([b"1", b"2", b"3"],), ([b""],))
### END HIDDEN TESTS
```

```{code-cell} ipython3
print(double(21), join([b"a", b"b"]))
keep(double=double, join=join)
```

+++ {"task": "reflection", "points": 1}

<!-- BEGIN SOLUTION -->
They differ.
<!-- END SOLUTION -->

+++

The end.
'''


def load() -> types.ModuleType:
    """The lab's module, as if it were imported."""
    module = types.ModuleType("lab09_arithmetic_tasks")
    exec(compile(MODULE, "lab09_arithmetic_tasks.py", "exec"), module.__dict__)
    return module


def plant(root: Path, text: str = TEXT) -> Path:
    """A handbook with this one lab below `root`; the lab's text file."""
    (root / "lab09_arithmetic_tasks.py").write_text(MODULE, "utf-8")
    path = root / "labs" / "src" / "lab09_arithmetic.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path
