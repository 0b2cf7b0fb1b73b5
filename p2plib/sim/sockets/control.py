"""`fcntl.fcntl` within a run, for the descriptors of simulated sockets: libraries close them on exec with it.

Rules:

* A simulated descriptor is not inherited by anybody, whatever is asked.
* It shows itself as one that does not block; whether a socket does is what its `setblocking` said.
* All else is refused: a simulated socket is nothing that a kernel could do it to.
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
    """Do what `fcntl.fcntl` does.

    Args:
        fd: the descriptor of a simulated socket.
        command: F_GETFD and the like.
        argument: its argument.

    Raises:
        OSError: EBADF.
        Unsupported: any other command.
    """
    descriptor(fd)
    if command == fcntl.F_GETFD:
        return fcntl.FD_CLOEXEC
    if command == fcntl.F_GETFL:
        return os.O_RDWR | os.O_NONBLOCK
    if command == fcntl.F_SETFD or (command == fcntl.F_SETFL and argument & os.O_NONBLOCK):
        return 0
    return refuse(f"fcntl({command}) of a socket", "use the socket's own methods, as setblocking")
