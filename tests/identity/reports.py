"""What an error reporter would send home: the local variables of every frame of a traceback."""

from __future__ import annotations

import traceback


def library_locals(error: BaseException) -> str:
    """The local variables of the library's own frames (and of what it calls), for an error and all errors
    before it.

    The caller's frames are left out: what a caller keeps in its variables is its own affair.
    """
    shown: list[str] = []
    report: traceback.TracebackException | None
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    while report is not None:
        for frame in report.stack:
            if "/tests/" not in frame.filename and frame.locals:
                shown += frame.locals.values()
        shown.append(str(report))
        report = report.__cause__ or report.__context__
    return "\n".join(shown)
