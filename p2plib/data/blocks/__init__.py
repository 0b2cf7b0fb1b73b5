"""Blocks on a disk and between peers: stores of content-addressed blocks, and their exchange.

store      what every block store can do
memory     blocks in memory
bitswap    their exchange between peers
"""
