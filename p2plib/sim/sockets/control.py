"""`fcntl.fcntl` within a run, for the descriptors of simulated sockets: libraries set FD_CLOEXEC with it.

Rules:

* No process ever inherits a simulated descriptor, whatever is set.
* A descriptor always reports O_NONBLOCK; whether its socket blocks is up to `setblocking`.
* All other commands are refused, for there is no kernel's descriptor that could carry them out.
"""

from __future__ import annotations

import os
from typing import Any

from p2plib.sim.sockets.opened import descriptor
from p2plib.sim.sockets.refused import refuse

try:
    import fcntl
except ImportError:  # there is none on Windows, and no program that calls it
    fcntl = None  # type: ignore[assignment]


def control(fd: int, command: int, argument: Any = 0) -> int:
    """Do what `fcntl.fcntl` does, for the few commands that libraries use on sockets.

    Args:
        fd: the descriptor of a simulated socket.
        command: F_GETFD and the like.
        argument: its argument.

    Raises:
        OSError: EBADF, it is not an open socket.
        Unsupported: it is another command.
    """
    descriptor(fd)
    if command == fcntl.F_GETFD:
        return fcntl.FD_CLOEXEC
    if command == fcntl.F_GETFL:
        return os.O_RDWR | os.O_NONBLOCK
    if command == fcntl.F_SETFD or (command == fcntl.F_SETFL and argument & os.O_NONBLOCK):
        return 0
    return refuse(f"fcntl({command}) of a socket", "use the socket's own methods, such as setblocking")
