"""Wire: the formats that every role writes on. Bytes in, values out, and nothing else.

A codec here is pure: it has no clock, no socket and no randomness. It is strict: what its specification
forbids raises `p2plib.errors.DecodeError` with the rule and the offset, and sizes are checked before anything
is allocated.
"""
