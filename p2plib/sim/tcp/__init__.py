"""TCP, segment by segment: the machine (`connection`), a kernel (`endpoint`, `listener`), asyncio on it."""
