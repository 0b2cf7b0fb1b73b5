"""Blocks on disk and between peers: stores of content-addressed blocks, and the exchange of blocks.

::

    store        what every block store can do
    conformance  the suite that every block store passes
    base         what all of them have in common
    memory       blocks in memory
    ordered      blocks in any ordered store, their keys under a prefix
    files        one file a block, in the layout of Kubo's flatfs or of npm's blockstore-fs
    quota        a limit on what a store may hold
    pins         which graphs are wanted, and the removal of all other blocks
    pin_records  the pins as records of an ordered store
    marks        how far a walk over graphs has come
    recent       what was put a short while ago
    counted      how much was put, and how much of that was new
    bitswap      the exchange of blocks between peers

`quota`, `pins` and `counted` wrap any other store, and pass the same suite::

    within = QuotaBlocks(FileBlocks(DiskFolder("blocks")), 10**9)
    with PinnedBlocks(within, pins) as blocks:
        with blocks.adding():
            blocks.put(graph)
            blocks.pin(root, "my album")
"""
