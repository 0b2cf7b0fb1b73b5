"""Data: structures that an unreliable network and untrusted peers cannot spoil."""
