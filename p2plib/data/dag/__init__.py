"""Blocks that name each other by what is in them: directed acyclic graphs of content.

hashes     the hash functions that a content identifier may name
block      bytes, and the identifier that is made of them
dag_pb     some bytes and a list of links: what IPFS makes its files of
walk       which blocks are needed next, and when it is too much
unixfs     files and directories as graphs of blocks
"""
