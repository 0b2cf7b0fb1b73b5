"""Hypercore 9: a log under one signed Merkle tree, so that any block proves itself."""
