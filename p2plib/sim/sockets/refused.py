"""What the simulated loop refuses, each call with a sentence on what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn

from p2plib.errors import Unsupported


def refuse(call: str, instead: str) -> NoReturn:
    """Refuse a call.

    Args:
        call: what a program has called.
        instead: why it is refused, and what to do instead.

    Raises:
        Unsupported: always.
    """
    raise Unsupported(f"{call} is not part of the simulated internet: {instead}")


PROCESSES = "a host is not a computer with programs of its own; start a coroutine with host.start"
DESCRIPTORS = (
    "it belongs to a file, a pipe, or a socket that code in C has opened past Python, and the simulated "
    "internet does not know when it is ready; use sockets that Python makes, or streams"
)
FILES = "a host has no file descriptors but those of its sockets; use streams, or host.disk to keep data"


class RefusedCalls:
    """The calls of an asyncio loop that a simulated internet does not have."""

    async def subprocess_exec(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: no processes."""
        refuse("subprocess_exec", PROCESSES)

    async def subprocess_shell(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: no processes."""
        refuse("subprocess_shell", PROCESSES)

    async def sock_sendfile(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: no files."""
        refuse("sock_sendfile", FILES)

    async def sendfile(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: no files."""
        refuse("sendfile", FILES)

    async def connect_read_pipe(self, *args: Any) -> NoReturn:
        """Refuse: no pipes."""
        refuse("connect_read_pipe", FILES)

    async def connect_write_pipe(self, *args: Any) -> NoReturn:
        """Refuse: no pipes."""
        refuse("connect_write_pipe", FILES)

    async def create_unix_connection(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: no Unix sockets."""
        refuse("create_unix_connection", "hosts speak over the network alone; use create_connection")

    async def create_unix_server(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: no Unix sockets."""
        refuse("create_unix_server", "hosts speak over the network alone; use create_server")
