"""The traceback of a failure as a program's author wants it: without the simulator's lines and asyncio's."""

from __future__ import annotations

import asyncio
import contextlib
import os
import traceback

LEFT_OUT = (  # of tracebacks
    os.path.dirname(__file__),
    os.path.dirname(asyncio.__file__),
    contextlib.__file__,
    "<frozen ",
)


def is_the_scripts(error: BaseException) -> bool:
    """Whether an error was raised by a line of the script, and not by the command before one ran."""
    return any(not _left_out(frame) for frame in traceback.extract_tb(error.__traceback__)[1:])


def _left_out(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(LEFT_OUT)


def trimmed(error: BaseException) -> str:
    """Return an error's traceback as text, without the lines of the simulator and of asyncio."""
    told = traceback.TracebackException.from_exception(error)
    _trim(told)
    return "".join(told.format()).rstrip()


def _trim(told: traceback.TracebackException) -> None:
    kept = [frame for frame in told.stack if not _left_out(frame)]
    told.stack = traceback.StackSummary.from_list(kept) if kept else None  # type: ignore[assignment]
    for inner in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if inner is not None:
            _trim(inner)
