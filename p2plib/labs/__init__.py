"""The engine under the labs: it looks at what a reader wrote, says one line about it, and lets the lab go on.

A lab's module declares what the reader is asked to write (the lines below are a whole one)::

    from p2plib.labs import Lab, Mistake, Task, Wrong

    def double(number: int) -> int:
        '''The reference: what the lab goes on with while the reader's own is not right yet.'''
        return number + number

    def _square(number: int) -> int:
        return number * number

    def _takes_any_size(double) -> None:
        if double(10**30) != 2 * 10**30:
            raise Wrong("it lost digits of a large number", "stay with whole numbers")

    LAB = Lab(
        "arithmetic",
        Task(
            "double",
            double,
            cases=[(2,), (5,), _takes_any_size],
            mistakes=[Mistake(_square, "that is the number times itself, not twice the number")],
        ),
    )
    check, judge, keep, mine = LAB.check, LAB.judge, LAB.keep, LAB.mine

and the lab's notebook says, under the cell in which the reader writes `double`::

    from p2plib.labs.lab00_arithmetic import check, keep
    double = check("double", double)        # prints one line; gives back the reader's, or the library's
    keep(double=double)                     # at the end: writes my_peer/arithmetic.py

The line is one of three. Nothing else is ever printed, and no traceback, whatever the reader's code does::

    [ ] double: not written yet; the lab goes on with the library's
    [x] double, case 2 of 3: double(5) gave 25, expected 10; that is the number times itself, ...
    [v] double: 3 of 3 cases; the lab goes on with yours

What a reader's function prints is hidden while it is being checked; to debug, call it in a cell of its own.
Under nbgrader (the environment variable NBGRADER_EXECUTION is set) nothing is replaced: the line is raised
as an AssertionError, or an empty submission would be marked on the library's work.

A later lab takes up what was kept: `from p2plib.labs import lab00_arithmetic as arithmetic`, then `double =
arithmetic.mine("double")`. Kept functions lie in `my_peer` beside the notebook, or where P2PLIB_LABS_HOME
says.

Vocabulary: the *reference* is the library's function (or class) for a task; a *case* is a tuple of
arguments, or a *probe*, a function that is given the reader's function and raises `Wrong`; an *outcome* is
what a function did in a case; a *verdict* is the state and the line.
"""

from __future__ import annotations

from p2plib.labs.engine.feedback import Verdict
from p2plib.labs.engine.lab import Lab
from p2plib.labs.engine.tasks import Case, Mistake, Probe, Task, Wrong
from p2plib.labs.engine.words import describe

__all__ = ["Case", "Lab", "Mistake", "Probe", "Task", "Verdict", "Wrong", "describe"]
