"""Blocks on a disk and between peers: stores of content-addressed blocks, and their exchange.

::

    store        what every block store can do
    conformance  the suite that every block store passes
    base         what all of them do alike
    memory       blocks in memory
    ordered      blocks in any ordered store, under a prefix
    files        one file a block, in the layout of Kubo's flatfs or of npm's blockstore-fs
    quota        a limit on what a store may hold
    pins         which graphs are wanted, and the removal of all other blocks
    counted      what was put, and what of it was new
    bitswap      their exchange between peers

`quota`, `pins` and `counted` wrap any other store, and pass the same suite::

    within = QuotaBlocks(FileBlocks(DiskFolder("blocks")), 10**9)
    with PinnedBlocks(within, pins) as blocks:
        with blocks.adding():
            blocks.put(graph)
            blocks.pin(root, "my album")
"""
