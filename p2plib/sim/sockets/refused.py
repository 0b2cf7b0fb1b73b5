"""What the simulated loop refuses, each call with a sentence on what to do instead."""

from __future__ import annotations

from typing import Any, NoReturn

from p2plib.errors import Unsupported


def refuse(call: str, instead: str) -> NoReturn:
    """Raise `Unsupported` with one sentence."""
    raise Unsupported(f"{call} is not part of the simulated internet: {instead}")


PROCESSES = "a host is not a computer with programs of its own; start a coroutine with host.start"
SOCKETS = "use create_datagram_endpoint, open_connection or start_server: the simulated network is under them"
FILES = "there are no file descriptors in here; use streams, or host.disk for what is to be kept"


class RefusedCalls:
    """The calls of an asyncio loop that a simulated internet does not have."""

    async def subprocess_exec(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: no processes."""
        refuse("subprocess_exec", PROCESSES)

    async def subprocess_shell(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: no processes."""
        refuse("subprocess_shell", PROCESSES)

    def add_reader(self, *args: Any) -> NoReturn:
        """Refuse: no file descriptors."""
        refuse("add_reader", SOCKETS)

    def remove_reader(self, *args: Any) -> NoReturn:
        """Refuse: no file descriptors."""
        refuse("remove_reader", SOCKETS)

    def add_writer(self, *args: Any) -> NoReturn:
        """Refuse: no file descriptors."""
        refuse("add_writer", SOCKETS)

    def remove_writer(self, *args: Any) -> NoReturn:
        """Refuse: no file descriptors."""
        refuse("remove_writer", SOCKETS)

    async def sock_recv(self, *args: Any) -> NoReturn:
        """Refuse: no raw sockets."""
        refuse("sock_recv", SOCKETS)

    async def sock_recv_into(self, *args: Any) -> NoReturn:
        """Refuse: no raw sockets."""
        refuse("sock_recv_into", SOCKETS)

    async def sock_recvfrom(self, *args: Any) -> NoReturn:
        """Refuse: no raw sockets."""
        refuse("sock_recvfrom", SOCKETS)

    async def sock_recvfrom_into(self, *args: Any) -> NoReturn:
        """Refuse: no raw sockets."""
        refuse("sock_recvfrom_into", SOCKETS)

    async def sock_sendall(self, *args: Any) -> NoReturn:
        """Refuse: no raw sockets."""
        refuse("sock_sendall", SOCKETS)

    async def sock_sendto(self, *args: Any) -> NoReturn:
        """Refuse: no raw sockets."""
        refuse("sock_sendto", SOCKETS)

    async def sock_connect(self, *args: Any) -> NoReturn:
        """Refuse: no raw sockets."""
        refuse("sock_connect", SOCKETS)

    async def sock_accept(self, *args: Any) -> NoReturn:
        """Refuse: no raw sockets."""
        refuse("sock_accept", SOCKETS)

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

    async def connect_accepted_socket(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: no raw sockets."""
        refuse("connect_accepted_socket", SOCKETS)

    async def start_tls(self, *args: Any, **named: Any) -> NoReturn:
        """Refuse: no TLS."""
        refuse("start_tls", "TLS is not simulated; secure the stream with a protocol that runs above it")
