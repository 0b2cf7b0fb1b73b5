"""What happens in an exchange of blocks, and what the exchange may cost."""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.data.dag.block import MAX_BLOCK_BYTES, Block
from p2plib.errors import UsageError
from p2plib.wire.cid import Cid


@dataclass(frozen=True, slots=True)
class BlockCame:
    """Event: a block that we want came, and hashes to what we asked for.

    Args:
        block: under the CID that we asked for.
        peer: who sent it.
    """

    block: Block
    peer: str


@dataclass(frozen=True, slots=True)
class NobodyHas:
    """Event: every peer that there is has said that it does not have a block. We go on wanting it.

    Args:
        cid: of the block.
        peers: how many said so.
    """

    cid: Cid
    peers: int


@dataclass(frozen=True, slots=True)
class PeerBlamed:
    """Event: a peer sent what it must not.

    Args:
        peer: which.
        reason: what it was, as a sentence.
        strikes: how often it has done such a thing.
        is_given_up: whether that was once too often: we ask it for nothing any more.
    """

    peer: str
    reason: str
    strikes: int
    is_given_up: bool


BitswapEvent = BlockCame | NobodyHas | PeerBlamed


@dataclass(frozen=True, slots=True)
class BitswapLimits:
    """What an exchange may cost us, and how patient it is.

    Args:
        max_peers: how many peers there may be.
        max_wants_kept: how many wants of one peer we remember; those beyond are dropped.
        max_active: how many blocks we ask for at a time; at most as many as peers remember.
        message_bytes: how many bytes of blocks one message carries, at most as many as a block may have; a
            single block may be larger.
        inline_bytes: up to which size a block is sent where the peer only asked whether we have it.
        max_copies: how many peers may be at work on one block at the same time. More than one only when the
            first is late.
        first_spares: how many blocks may come twice, however few come:
            `p2plib.data.blocks.bitswap.copies`.
        blocks_per_spare: of how many blocks that come one more may come twice.
        max_strikes: after how many wrong or unasked blocks a peer is given up.
        max_window: how many blocks one peer may owe us.
        probes: how many peers are asked at once whether they have a block of which nothing is known.
        first_timeout_s: how long a peer of which nothing is known may take for a block.
        min_timeout_s: how long any peer may take.
        max_timeout_s: how long no peer may take.
        retry_s: after how long a peer that was late with a block may be asked for it again.
    """

    max_peers: int = 256
    max_wants_kept: int = 1024
    max_active: int = 512
    message_bytes: int = 256 * 1024
    inline_bytes: int = 1024
    max_copies: int = 2
    first_spares: int = 32
    blocks_per_spare: int = 16
    max_strikes: int = 3
    max_window: int = 64
    probes: int = 32
    first_timeout_s: float = 1.0
    min_timeout_s: float = 0.2
    max_timeout_s: float = 10.0
    retry_s: float = 5.0

    def __post_init__(self) -> None:
        counts = [self.max_peers, self.max_wants_kept, self.message_bytes, self.max_copies, self.max_strikes]
        counts += [self.first_spares, self.blocks_per_spare]
        if min(*counts, self.max_window, self.probes, self.max_active) < 1 or self.inline_bytes < 0:
            raise UsageError("every limit of an exchange is at least one")
        if self.message_bytes > MAX_BLOCK_BYTES:
            raise UsageError(f"a message carries at most {MAX_BLOCK_BYTES} bytes of blocks")
        if not 0 < self.min_timeout_s <= self.first_timeout_s <= self.max_timeout_s or self.retry_s <= 0:
            raise UsageError(
                "the times of an exchange are 0 < shortest <= first <= longest, and a retry after 0"
            )


DEFAULT_LIMITS = BitswapLimits()
