"""The profiles of IPIP-499, as its two tables print them, and what differs because of them."""

from __future__ import annotations

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.unixfs.importing import add_file
from p2plib.data.dag.unixfs.profiles import (
    NPM_IMPORTER,
    PROFILES,
    UNIXFS_V0_2015,
    UNIXFS_V1_2025,
    SplitRule,
)
from p2plib.wire import cid as cids


def test_the_tables_of_ipip_499() -> None:
    old, new = UNIXFS_V0_2015, UNIXFS_V1_2025
    assert (old.chunk_bytes, old.width, old.cid_version, old.has_raw_leaves) == (256 * 1024, 174, 0, False)
    assert (new.chunk_bytes, new.width, new.cid_version, new.has_raw_leaves) == (1024 * 1024, 1024, 1, True)
    assert (old.split_rule, new.split_rule) == (SplitRule.LINKS_BYTES, SplitRule.BLOCK_BYTES)
    assert {profile.split_bytes for profile in PROFILES.values()} == {256 * 1024}
    assert {profile.fanout for profile in PROFILES.values()} == {256}
    assert list(PROFILES) == ["unixfs-v0-2015", "unixfs-v1-2025", "npm"]


def test_the_same_five_bytes_under_each() -> None:
    # What npm's importer printed for "hello"; the first is on many web pages.
    names = [
        cids.to_text(add_file(MemoryBlocks(), [b"hello"], profile).cid)
        for profile in (UNIXFS_V0_2015, UNIXFS_V1_2025, NPM_IMPORTER)
    ]
    assert names[0] == "QmWfVY9y3xjsixTgbd9AorQxH7VtMpzfx2HaWtsoUYecaX"
    assert names[1] == names[2] == "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"
