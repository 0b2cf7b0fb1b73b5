"""Hypercore 9: a log under one signed Merkle tree, so that any block proves itself.

The author appends blocks and signs the roots of the tree over all of them. Others take the blocks they like,
from whoever has them, and need to trust nobody but the author's key. The same bytes, files and messages as
npm's hypercore 9.12, which Dat and the first Hyperdrives were built on::

    flat_tree    the numbers of the nodes             rle, bitfield   which blocks are here
    tree         hashes, signed heads, proofs         storage, files  in memory, in a directory
    digest       what need not be sent                core            all of it: the feed
    messages     its wire                             machine, driver its replication
    remote       what a peer says that it has         wishes          what we want of it
    salsa20      the cipher of its connections        secure          their handshake

Append, prove, and verify as a stranger who has only the key::

    >>> from p2plib.data.hypercore import tree
    >>> from p2plib.data.hypercore.core import Hypercore
    >>> from p2plib.identity.keys import SecretKey
    >>> author = SecretKey.from_seed(bytes(32))
    >>> feed = Hypercore.create(author)
    >>> feed.append([b"moss", b"fern", b"reed", b"sedge", b"rush"])    # the number of the first
    0
    >>> [(root.index, root.size) for root in feed.head.roots]          # 4 blocks below node 3, one is node 8
    [(3, 17), (8, 4)]
    >>> tree.root_hash(feed.head.roots).hex()[:16]
    '4ea6267ed68789e7'
    >>> proof = feed.prove(3)
    >>> [node.index for node in proof.nodes]                  # sibling, uncle, the other root
    [4, 1, 8]
    >>> stranger = Hypercore(author.public)
    >>> stranger.put(3, b"sedge", proof)
    True
    >>> stranger.length, stranger.has(3), stranger.has(2)
    (5, True, False)
    >>> Hypercore(author.public).put(3, b"hedge", proof)
    Traceback (most recent call last):
    p2plib.errors.SignatureError: the author has not signed these roots: a block or a node was forged

The feed in a directory is `files.create_core` and `files.open_core`.
"""
