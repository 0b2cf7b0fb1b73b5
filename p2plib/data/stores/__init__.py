"""Stores: ordered key-value stores and blob stores behind two small interfaces.

Which one to take::

    log_structured  files of its own, on Python alone; survives whatever the disk does, and says what it found
    sqlite          SQLite, which comes with Python: quicker to read, slower to write
    leveldb         LevelDB itself through plyvel: the quickest, where there is a wheel
    memory          forgets all; for tests
    blobs           for what is large: photos, films

and beside them::

    interfaces      the contract of an ordered store; `conformance` is its test, `base` what all share
    files           the few things that a store asks of a disk; `simulated_disk` is one that breaks on request
    leveldb_files   LevelDB's own files, read without LevelDB
"""
