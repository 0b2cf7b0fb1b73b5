"""A disk that dies on purpose: the system calls of `private_files`, with a crash or an error at a chosen one.

A crash is not an exception that a program may tidy up after. From the chosen call on, every call does nothing
and raises; what was written but not fsynced is cut in half, as a loss of power may do; and every descriptor
is closed, with the locks on it.
"""

from __future__ import annotations

import os
from typing import Any

# The calls that change something, or that what was changed depends on.
COUNTED = ("open", "write", "fsync", "fchmod", "close", "link", "unlink", "replace")


class Crash(BaseException):
    """The machine stops here. Not an Exception, so that nothing catches it by accident."""


class FaultyDisk:
    """Stands in for the module `os`.

    Args:
        at: the number of the counted call, from 0, at which it happens.
        after: whether the call is done before the machine stops.
        error: an errno to raise once, with the machine going on; None to crash.
    """

    def __init__(self, at: int, *, after: bool = False, error: int | None = None) -> None:
        self.at, self.after, self.error = at, after, error
        self.calls: list[str] = []
        self.dead = False
        self.descriptors: set[int] = set()
        self.not_synced: dict[int, str] = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(os, name)
        if name not in COUNTED:
            return value

        def call(*arguments: Any, **options: Any) -> Any:
            if self.dead:
                raise Crash(f"{name} after the crash")
            number = len(self.calls)
            self.calls.append(name)
            if number == self.at and self.error is not None:
                raise OSError(self.error, os.strerror(self.error))
            if number == self.at and not self.after:
                self.crash(name, arguments)
            result = value(*arguments, **options)
            self.note(name, arguments, result)
            if number == self.at:
                self.crash("", ())
            return result

        return call

    def note(self, name: str, arguments: tuple[Any, ...], result: Any) -> None:
        if name == "open":
            self.descriptors.add(result)
        elif name == "close":
            self.descriptors.discard(arguments[0])
        elif name == "write":
            self.not_synced[arguments[0]] = os.readlink(f"/proc/self/fd/{arguments[0]}")
        elif name == "fsync":
            self.not_synced.pop(arguments[0], None)

    def crash(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.dead = True
        if name == "write":
            os.write(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        for path in self.not_synced.values():
            if os.path.exists(path):
                os.truncate(path, os.path.getsize(path) // 2)
        for descriptor in self.descriptors:
            os.close(descriptor)
        raise Crash(f"at call {self.at}")
