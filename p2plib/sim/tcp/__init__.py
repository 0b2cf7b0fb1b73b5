"""TCP, segment by segment: a machine (`connection`), the kernel's sockets on it, asyncio's streams on those."""
