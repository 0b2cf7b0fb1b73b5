"""A small log-structured store, written to be read: what LevelDB does, without its hurry.

From the outside in::

    store      the store: write, get, scan, flush, compact, check
    recovery   what is found when a directory is opened again
    wal        the write-ahead log: records that are whole or not there
    batch      the changes inside a record
    memtable   what the log says, in memory and in order
    table      a file of pairs in order, with an index and a Bloom filter
    bloom      "surely not here" in ten bits a key
    manifest   which files count, replaced as a whole
    merge      many walks in order made one, the newest value first
"""
