"""Captures: every packet of a run and what became of it, and the same as a file that Wireshark opens."""
