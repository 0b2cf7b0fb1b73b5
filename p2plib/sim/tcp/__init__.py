"""TCP, segment by segment: the machine (`connection`), a kernel (`endpoint`, `listener`), and asyncio on it."""
