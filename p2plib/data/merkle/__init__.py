"""Merkle trees: one hash for a large thing, and a short proof for any part of it."""
