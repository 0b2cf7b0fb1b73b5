"""Cutting a stream of bytes into chunks, so that equal parts of files have equal names.

fixed      every chunk has the same size
"""
