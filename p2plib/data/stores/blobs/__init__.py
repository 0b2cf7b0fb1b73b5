"""Blob stores: byte strings of any size, each written once and read many times, in pieces.

    store        what every blob store can do, and the objects that write and read one blob
    conformance  the suite that every blob store passes
    memory       two stores in memory: names given by the caller, and names made of the content
    keyed        plain files under the names that the caller gives: npm's fs-blob-store
    content      files named by the SHA-256 of what is in them: npm's content-addressable-blob-store
    folder       the operations on files that the last two are made of, so that a test can be the disk
    quota        a limit on what a store may hold
    pins         which blobs are wanted, and the removal of all others
    ids          the name of a blob in Scuttlebutt, `&....sha256`

`quota` and `pins` wrap any other store, and pass the same suite. A peer that keeps what strangers ask it to
keep puts one around the other::

    with PinnedBlobs(QuotaBlobs(ContentFiles(DiskFolder("blobs")), 10**9), pins) as blobs:
        with blobs.write(size_bytes=5, pin="my album") as writer:
            writer.write(b"hello")
            key = writer.finish().key
"""
