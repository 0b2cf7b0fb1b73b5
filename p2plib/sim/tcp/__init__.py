"""TCP, segment by segment: a machine (`connection`), a kernel's sockets on it, and asyncio's streams."""
