"""Merkle trees: one hash for a large thing, and a short proof for any part of it.

::

    blake3    the hash that is a tree inside; blake3_lanes and blake3_arrays do many chunks at once
    bao, bao_verifier    a file of which every kilobyte is proven as it arrives
    bep52     the trees of BitTorrent's files
"""
