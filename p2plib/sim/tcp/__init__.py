"""TCP, segment by segment: the machine (`connection`), and the transport, server and streams on it."""
