"""Blob stores in memory; what they share with all others is in test_conformance."""

from __future__ import annotations

import hashlib

import pytest

from p2plib.data.stores.blobs.memory import MemoryBlobs, MemoryContent
from p2plib.errors import NotFound, UsageError


def test_the_caller_names_or_the_content_does() -> None:
    with MemoryBlobs() as named, MemoryContent() as content:
        with named.write("a") as writer:
            writer.write(b"hello")
            assert writer.finish().key == "a"
        with content.write() as writer:
            writer.write(b"hello")
            assert writer.finish().key == hashlib.sha256(b"hello").hexdigest()
        with pytest.raises(UsageError, match="needs a key"):
            named.write()
        with pytest.raises(UsageError, match="SHA-256"):
            content.write("a")
        with pytest.raises(NotFound, match="'b'"):
            named.size("b")


def test_names_are_those_of_the_call() -> None:
    with MemoryBlobs() as store:
        for key in "ba":
            with store.write(key) as writer:
                writer.finish()
        names = store.keys()
        store.remove("a")
        assert list(names) == ["a", "b"]
