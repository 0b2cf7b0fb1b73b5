"""What travels: addresses, TCP segments, and the record of one packet.

Vocabulary: an *address* is what a socket calls one, an IP address as text and a port; a *packet* is one UDP
datagram or one TCP segment under way; its *fate* says why it never arrived, and is empty when it did.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Literal

# (IP address as text, port), such as ("10.0.0.1", 4000) or ("2001:db8::1", 4000).
Address = tuple[str, int]

Kind = Literal["udp", "tcp"]

NO_ROUTE, NOT_LISTENING = "no route", "nobody listens"  # fates


class Flag(IntFlag):
    """The control bits of a TCP segment, at their places in the header (RFC 9293, 3.1)."""

    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10


@dataclass(slots=True, unsafe_hash=True)
class Segment:
    """A TCP segment without its ports (RFC 9293, 3.1). It is never changed; for speed it is not frozen.

    Args:
        flags: its control bits.
        seq: number of its first byte, modulo 2**32.
        ack: the next byte that the sender of this segment expects; 0 without the ACK bit.
        window: how many bytes beyond `ack` the sender of this segment has room for.
        data: its bytes.
    """

    flags: Flag
    seq: int
    ack: int
    window: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as the trace remembers it.

    Args:
        number: its place in the trace, from 0; packets are numbered as they are sent.
        sent_s: virtual time at which it left, in seconds.
        arrives_s: virtual time at which it arrives; None if it never does.
        sender: name of the host that sent it.
        receiver: name of the host that it reached, or would have; "" where nobody has that address.
        source: the sender's address, as the sender's own socket knows it.
        destination: the address that it was sent to.
        kind: "udp" or "tcp".
        data: the datagram's payload, or the segment's bytes.
        segment: the segment, of a TCP packet; None for UDP.
        fate: why it was dropped, such as "lost", "cut off" or "refused by the NAT"; "" if it arrives.
        seen_source: the source address as the receiver sees it, where a NAT on the way has changed it.
        seen_destination: the address at which it arrives, where a NAT on the way has changed it.
    """

    number: int
    sent_s: float
    arrives_s: float | None
    sender: str
    receiver: str
    source: Address
    destination: Address
    kind: Kind
    data: bytes
    segment: Segment | None = None
    fate: str = ""
    seen_source: Address | None = None
    seen_destination: Address | None = None
