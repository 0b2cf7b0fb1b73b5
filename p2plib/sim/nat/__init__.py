"""NATs: how they behave (RFC 4787), what they remember, and the machine that translates."""
