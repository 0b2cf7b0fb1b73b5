"""Cutting a stream of bytes into chunks, so that equal parts of files have equal names.

fixed        every chunk has the same size
fastcdc      the content says where a chunk ends, so an insertion moves only the boundaries near it
gear         the table of FastCDC's hash, and tables that only the holder of a secret can make
gear_arrays  FastCDC's boundaries with numpy, several times as fast
sharing      how much the versions of a file have in common
"""
