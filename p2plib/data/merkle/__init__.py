"""Merkle trees: one hash for a large thing, and a short proof for any part of it.

::

    tree          a tree of hashes that grows at one end (RFC 6962, RFC 9162)
    proofs        that a leaf is in it, and that it only grew
    checkpoint    the signed head of a log, and a proof that travels with it (C2SP)
    witness       peers that remember heads, and catch a log that shows two histories
    chain         by contrast: a hash chain, and a chain of work
    blake3        the hash that is a tree inside; blake3_lanes and blake3_arrays hash many chunks at once
    bao, bao_verifier    a file every kilobyte of which is proven as it arrives
    bep52         the trees over the files of BitTorrent v2
"""
