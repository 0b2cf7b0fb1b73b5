"""Sweep: one simulation under many settings and seeds, here or on a cluster; and means with their error.

Any `concurrent.futures.Executor` does the work: a `ProcessPoolExecutor` on this machine; on a cluster, Dask's
(`Client(...).get_executor()`) or mpi4py's (`MPIPoolExecutor`). Without one, it is done here, one setting
after another. The function must be one that another process can import. Results come back in the order of the
settings, so they do not depend on which worker was faster. Write a seed into every setting: equal settings
may be computed only once.

On a cluster, install p2plib and numpy on every machine; the program is the same except for one line::

    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1") as here, Client(here) as client:
        loads = sweep(load, settings, executor=client.get_executor(), progress=print)

This was tried with dask and distributed 2026.8.0 and two worker processes on one machine: their executor is a
`concurrent.futures.Executor`; the results for twelve settings of `p2plib.population.chord.load` equalled
those computed here; both processes worked; progress was reported for each setting; and a setting that fails
raises the same `UsageError` here as without them, with a line in Dask's log. mpi4py has not been tried.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from typing import Any, TypeVar

from p2plib.errors import UsageError

_T = TypeVar("_T")

# Student's t for a two-sided 95 % interval, by degrees of freedom; from 31 on the normal distribution's 1.96.
STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def sweep(
    function: Callable[..., _T],
    settings: Iterable[Mapping[str, Any]],
    *,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[_T]:
    """The results of a function for several settings, in the order of the settings.

    Args:
        function: called with each setting as keyword arguments.
        settings: for example `[{"k": k, "seed": s} for k in (8, 20) for s in range(5)]`.
        executor: what does the work; None to do it here.
        progress: called with (settings done, settings).

    Raises:
        Exception: whatever the function raises, for the first setting that fails; the others are cancelled.
    """
    todo = [dict(setting) for setting in settings]
    results: list[Any] = [None] * len(todo)
    if executor is None:
        for i, setting in enumerate(todo):
            results[i] = function(**setting)
            if progress:
                progress(i + 1, len(todo))
        return results
    futures = {executor.submit(function, **setting): i for i, setting in enumerate(todo)}
    try:
        for done, future in enumerate(as_completed(futures), 1):
            results[futures[future]] = future.result()
            if progress:
                progress(done, len(todo))
    finally:
        for future in futures:
            future.cancel()
    return results


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean of independent runs, and how far the true mean may be from it, at 95 % confidence.

    Raises:
        UsageError: there are fewer than two runs, and one says nothing about the error.
    """
    if len(values) < 2:
        raise UsageError("an interval needs at least two runs")
    freedom = len(values) - 1
    t = STUDENT[freedom - 1] if freedom <= len(STUDENT) else 1.96
    return statistics.fmean(values), t * statistics.stdev(values) / math.sqrt(len(values))
