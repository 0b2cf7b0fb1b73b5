"""Sockets: a program's own, asyncio's datagram transports, and the kernel of a host that serves both."""
