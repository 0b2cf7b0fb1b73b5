"""Profiles: the settings that decide which identifier a file gets. A table.

Two programs that cut the same file into different chunks give it different identifiers. IPIP-499 therefore
names two sets of settings: programs that use the same one get the same identifier for the same file.

profile           chunks    links a node   leaves   identifier   a directory is sharded when
unixfs-v0-2015    256 KiB   174            dag-pb   version 0    its names and identifiers are over 256 KiB
unixfs-v1-2025    1 MiB     1,024          raw      version 1    its block would be over 256 KiB
npm               256 KiB   174            raw      version 1    as unixfs-v0-2015

The last is what npm's ipfs-unixfs-importer does if it is not told which profile to use. All three lay files
out as balanced trees, and take a folder of a disk without its hidden entries, its modes and its times; to
have them, change a profile with `dataclasses.replace`, and it is no longer the one that others know.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class FileLayout(enum.Enum):
    """Which nodes lead to the leaves of a file: see `p2plib.data.dag.unixfs.layouts`."""

    BALANCED = "balanced"
    TRICKLE = "trickle"


class SplitRule(enum.Enum):
    """What is compared with the threshold above which a directory is sharded."""

    LINKS_BYTES = "links-bytes"
    """The bytes of all names and all identifiers."""
    BLOCK_BYTES = "block-bytes"
    """The bytes of the block that the directory would be."""


@dataclass(frozen=True, slots=True)
class UnixFsProfile:
    """How files and directories become blocks.

    Args:
        name: what people call it.
        chunk_bytes: how much of a file goes into one leaf, unless another chunker is used.
        width: the most links that a node of a file has, 2 or more; in a trickle tree, the most leaves.
        cid_version: of the identifiers of dag-pb nodes; those of raw leaves always have version 1.
        has_raw_leaves: whether leaves are raw blocks, and not wrapped in dag-pb.
        split_rule: what is compared with `split_bytes`.
        split_bytes: a directory is sharded when it has more than this.
        fanout: how many buckets a shard has, a power of two from 8 to 1024.
        layout: which nodes lead to the leaves of a file.
        has_hidden: whether entries of a disk's folder are added if their names begin with a dot.
        has_modes: whether the permissions of files and folders of a disk are added.
        has_times: whether their times of modification are added.
    """

    name: str
    chunk_bytes: int
    width: int
    cid_version: int
    has_raw_leaves: bool
    split_rule: SplitRule
    split_bytes: int = 262_144
    fanout: int = 256
    layout: FileLayout = FileLayout.BALANCED
    has_hidden: bool = False
    has_modes: bool = False
    has_times: bool = False


UNIXFS_V0_2015 = UnixFsProfile("unixfs-v0-2015", 262_144, 174, 0, False, SplitRule.LINKS_BYTES)
UNIXFS_V1_2025 = UnixFsProfile("unixfs-v1-2025", 1_048_576, 1024, 1, True, SplitRule.BLOCK_BYTES)
NPM_IMPORTER = UnixFsProfile("npm", 262_144, 174, 1, True, SplitRule.LINKS_BYTES)
PROFILES = {profile.name: profile for profile in (UNIXFS_V0_2015, UNIXFS_V1_2025, NPM_IMPORTER)}
