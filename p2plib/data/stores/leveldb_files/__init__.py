"""LevelDB's own files, read without LevelDB: to look inside, and to rescue.

From the outside in::

    reader    a directory: which files count, and what they say together
    edits     the manifest: a log of changes to the set of files
    tables    a sorted file: blocks, index, footer
    records   the framing of logs and manifests, and the batches in a log
    snappy    the compression of blocks
    mask      what LevelDB puts over a checksum

The format is LevelDB's `doc/log_format.md`, `doc/table_format.md` and `db/version_edit.cc`. Nothing is locked
and nothing is written: read a directory that no program has open.
"""
