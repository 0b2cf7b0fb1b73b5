"""UnixFS: files and directories as graphs of blocks, the way IPFS does it.

data         what a dag-pb node says it is
nodes        one block, whose links are checked against what it says
profiles     the settings that decide which identifier a file gets
layouts      which nodes lead to the leaves of a file
importing    a file becomes blocks, as it streams in
directories  directories and symbolic links become blocks
hamt         a directory too large for one block
murmur3      the hash that spreads the names over the shards
scanning     files and folders of a disk become blocks
extracting   blocks become files and folders of a disk, wherever the blocks came from
reading      files, ranges of bytes, directories and paths
selecting    the same, for a walk over blocks that are not here yet

    root = add_tree(store, {"album/cat.jpg": picture, "album/notes.txt": b"hello"})
    cid = resolve(store, root.cid, "album/notes.txt")
    b"".join(read(store, cid, 1, 4))                      # b"ell"
"""
