"""CAR: many blocks in one file or one stream, with the identifiers of those to begin with.

format   the header, the sections, and the outer header of version 2
index    where in a file a block is
reader   reads a stream of either version, in pieces of any size, and checks every block
writer   writes either version
file     single blocks from a file, by its index
"""
