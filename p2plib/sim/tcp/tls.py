"""TLS in the simulated internet: Python's own, over simulated connections. A driver.

The layer that asyncio puts over a real socket, `asyncio.sslproto.SSLProtocol`, runs unchanged over our
transports; the cryptography is OpenSSL's. This module does what `create_connection`, `create_server` and
`connect_accepted_socket` do with their `ssl` arguments.

Rules
    1. Bytes differ from run to run: OpenSSL draws its own random numbers, and nothing here can seed them.
       Times, sizes and the order of packets repeat, as long as the certificate's signatures all have the same
       length: those of RSA and Ed25519 do, those of ECDSA vary by a few bytes.
    2. Whether a certificate has expired is judged by this machine's real clock: OpenSSL asks the C library,
       which no host's clock reaches. Give a certificate for tests a hundred years.
    3. Errors are asyncio's: a client's `create_connection` raises what went wrong in the handshake, a server
       drops the connection without a word.
    4. Time-outs (`ssl_handshake_timeout`, 60 s; `ssl_shutdown_timeout`, 30 s) are in virtual time.
    5. asyncio imports the module `ssl` if there is one. In Pyodide, which comes without it, the rest of the
       simulated internet works, and asking for TLS raises RuntimeError.

One end of a TLS connection takes 300 kB of memory, most of it a buffer of asyncio's, as on a real socket.
"""

from __future__ import annotations

import asyncio
from asyncio import sslproto
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Factory = Callable[[], asyncio.BaseProtocol]


@dataclass(frozen=True, slots=True)
class Tls:
    """The TLS arguments of one call.

    Attributes:
        context: an `ssl.SSLContext`; None for Python's default, which only a client can use.
        server_side: whether this end is the server, which shows its certificate.
        server_hostname: the name that the other end's certificate must be for; "" for any.
        handshake_timeout_s: how long the handshake may take, in seconds; None for asyncio's 60.
        shutdown_timeout_s: how long a closing connection waits for the other end's goodbye, in seconds; None
            for asyncio's 30.
    """

    context: Any
    server_side: bool
    server_hostname: str | None
    handshake_timeout_s: float | None
    shutdown_timeout_s: float | None

    def over(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.BaseProtocol,
        waiter: asyncio.Future[None] | None = None,
    ) -> asyncio.BufferedProtocol:
        """Return the protocol for a connection over which *protocol* is to speak TLS.

        Args:
            loop: the loop of both.
            protocol: the program's protocol; its `connection_made` comes after the handshake.
            waiter: done when the handshake is, or failed with what went wrong.

        Raises:
            RuntimeError: this Python has no `ssl`.
            ValueError: a time-out is not positive, a server has no context, or the name is not valid.
        """
        timeouts: dict[str, Any] = {
            "ssl_handshake_timeout": self.handshake_timeout_s,
            "ssl_shutdown_timeout": self.shutdown_timeout_s,
        }
        told: Any = waiter
        return sslproto.SSLProtocol(
            loop, protocol, self.context, told, self.server_side, self.server_hostname, **timeouts
        )

    def factory(self, loop: asyncio.AbstractEventLoop, protocol_factory: Factory) -> Factory:
        """Return the factory that a server needs in place of *protocol_factory*."""
        return lambda: self.over(loop, protocol_factory())


def for_client(
    ssl: Any,
    host: Any,
    server_hostname: str | None,
    ssl_handshake_timeout: float | None,
    ssl_shutdown_timeout: float | None,
) -> Tls | None:
    """Return the TLS arguments of `create_connection`; None for a connection without TLS.

    Raises:
        ValueError: an argument needs `ssl`, or `ssl` needs a name to check.
    """
    if server_hostname is not None and not ssl:
        raise ValueError("server_hostname is only meaningful with ssl")
    if server_hostname is None and ssl and not host:
        raise ValueError("You must set server_hostname when using ssl without a host")
    _no_timeouts_without(bool(ssl), ssl_handshake_timeout, ssl_shutdown_timeout)
    if not ssl:
        return None
    name = host if server_hostname is None else server_hostname
    return Tls(_context(ssl), False, name, ssl_handshake_timeout, ssl_shutdown_timeout)


def for_server(
    ssl: Any, ssl_handshake_timeout: float | None, ssl_shutdown_timeout: float | None
) -> Tls | None:
    """Return the TLS arguments of `create_server`; None for connections without TLS.

    Raises:
        TypeError: `ssl` is True or False, but a server needs a certificate, and so a context of its own.
        ValueError: there is a time-out and no `ssl`.
    """
    if isinstance(ssl, bool):
        raise TypeError("ssl argument must be an SSLContext or None")
    return for_accepted(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)


def for_accepted(
    ssl: Any, ssl_handshake_timeout: float | None, ssl_shutdown_timeout: float | None
) -> Tls | None:
    """Return the TLS arguments of `connect_accepted_socket`; None for a connection without TLS.

    Raises:
        ValueError: there is a time-out and no `ssl`.
    """
    _no_timeouts_without(bool(ssl), ssl_handshake_timeout, ssl_shutdown_timeout)
    if not ssl:
        return None
    return Tls(_context(ssl), True, "", ssl_handshake_timeout, ssl_shutdown_timeout)


def is_tls(protocol: Any) -> bool:
    """Whether a connection's protocol is the TLS layer."""
    return isinstance(protocol, sslproto.SSLProtocol)


def transport_of(protocol: Any) -> asyncio.Transport:
    """Return the transport that the program writes to; the TLS layer drops it when the connection is lost."""
    secured: asyncio.Transport = protocol._app_transport
    return secured


def forget(protocol: Any) -> None:
    """Forget the TLS transport of a connection whose machine has crashed, so that it is not a leak."""
    if protocol._app_transport is not None:
        protocol._app_transport._closed = True  # or Python would warn of it when it is collected


def _context(ssl: Any) -> Any:
    return None if isinstance(ssl, bool) else ssl


def _no_timeouts_without(ssl: bool, handshake: float | None, shutdown: float | None) -> None:
    for name, timeout_s in (("ssl_handshake_timeout", handshake), ("ssl_shutdown_timeout", shutdown)):
        if timeout_s is not None and not ssl:
            raise ValueError(f"{name} is only meaningful with ssl")
