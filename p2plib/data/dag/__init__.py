"""Blocks that name each other by their content: directed acyclic graphs.

::

    hashes              the hash functions that a content identifier may name
    block               bytes, and the identifier made from them
    values              what blocks hold, whatever the codec: what JSON has, and bytes, and links
    dag_cbor            values as compact bytes
    dag_json            values as text
    dag_pb              some bytes and a list of links: what the files of IPFS are made of
    codecs              the codecs by number, and the links of a block
    walk                which blocks are needed next, and when to stop
    unixfs              files and directories as graphs of blocks
    car                 many blocks in one file
    search_node         a node of a Merkle search tree, as a block
    search_walk         reading such trees
    merkle_search_tree  an ordered map in blocks, the same whatever the order in which it was made
    search_diff         comparing two of them, with work in proportion to their differences
"""
