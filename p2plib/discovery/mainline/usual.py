"""The usual: the messages of which nearly all datagrams are, read and written in one piece. A codec.

`krpc` can read every message, key by key. But nearly all are pings, the three questions for a target, and
their responses, and these have one form each, because the keys of a dict are in order. So each has a pattern
here. What fits one is read at once, in a fifth of the time; for what does not, `krpc` does all the work.

Rules
    1. What is read here means the same as `krpc` would have it mean. So in a pattern each string stands with
       its length, and where the length is not fixed it is compared afterwards. A pattern that takes its parts
       one after the other, each as long as is said before it, cuts the bytes as a decoder of bencode does.
    2. What `krpc` would refuse does not fit: it says what is wrong.
    3. What is written here is what `krpc` would write.
"""

from __future__ import annotations

import re

from p2plib.discovery.mainline.compact import (
    IPV4_CONTACT_BYTES,
    id_bytes,
    pack_contacts,
    pack_peer,
    unpack_contacts,
    unpack_peer,
)
from p2plib.discovery.mainline.messages import (
    AnyKrpc,
    FindNodeQuery,
    GetPeersQuery,
    GetQuery,
    KrpcQuery,
    KrpcResponse,
    PingQuery,
)
from p2plib.errors import DecodeError
from p2plib.machine.addresses import is_ipv6

_TRANSACTION = rb"1:t(?:8:(.{8})|2:(.{2})|4:(.{4}))"
_VERSION = rb"(?:1:v4:(.{4}))?"
_TOKEN = rb"(?:5:token(?:8:(.{8})|20:(.{20})|4:(.{4})))?"
_QUERY = re.compile(
    rb"d1:ad2:id20:(.{20})(?:(9:info_hash|6:target)20:(.{20}))?e1:q(4:ping|9:find_node|9:get_peers|3:get)%b%b1:y1:qe"
    % (_TRANSACTION, _VERSION),
    re.DOTALL,
)
_RESPONSE = re.compile(
    rb"d(?:2:ip6:(.{6}))?1:rd2:id20:(.{20})(?:5:nodes([0-9]{1,4}):((?:.{26})*?))?%be%b%b1:y1:re"
    % (_TOKEN, _TRANSACTION, _VERSION),
    re.DOTALL,
)
_TARGETED = {
    (b"6:target", b"9:find_node"): FindNodeQuery,
    (b"9:info_hash", b"9:get_peers"): GetPeersQuery,
    (b"6:target", b"3:get"): GetQuery,
}
_NAMES = {kind: name for name, kind in _TARGETED.items()}


def decode(data: bytes) -> AnyKrpc | None:
    """The message in a datagram, if it is a usual one.

    Args:
        data: whatever has arrived.
    """
    found = _RESPONSE.fullmatch(data)
    if found is not None:
        return _response(found)
    found = _QUERY.fullmatch(data)
    return None if found is None else _query(found)


def _query(found: re.Match[bytes]) -> AnyKrpc | None:
    raw_sender, key, target, method, eight, two, four, version = found.groups()
    transaction, sender = eight or two or four, int.from_bytes(raw_sender, "big")
    if key is None:
        return PingQuery(transaction, sender, version=version or b"") if method == b"4:ping" else None
    kind = _TARGETED.get((key, method))
    if kind is None:
        return None
    return kind(transaction, sender, int.from_bytes(target, "big"), version=version or b"")


def _response(found: re.Match[bytes]) -> AnyKrpc | None:
    ip, sender, length, nodes, token8, token20, token4, eight, two, four, version = found.groups()
    if nodes is not None and length != b"%d" % len(nodes):
        return None
    try:
        return KrpcResponse(
            eight or two or four,
            int.from_bytes(sender, "big"),
            None if nodes is None else unpack_contacts(nodes, IPV4_CONTACT_BYTES),
            token=token8 or token20 or token4,
            observed=None if ip is None else unpack_peer(ip),
            version=version or b"",
        )
    except DecodeError:
        return None  # rule 2


def encode(message: AnyKrpc) -> bytes | None:
    """The datagram of a message, if it is a usual one.

    Args:
        message: any.

    Raises:
        UsageError: an id or an address cannot be one.
    """
    if type(message) is KrpcResponse:
        return _encode_response(message)
    if isinstance(message, KrpcQuery) and not message.is_read_only:
        return _encode_query(message)
    return None


def _encode_query(query: KrpcQuery) -> bytes | None:
    if type(query) is PingQuery:
        return b"d1:ad2:id20:%be1:q4:ping%b1:y1:qe" % (id_bytes(query.sender), _tail(query))
    if type(query) is FindNodeQuery or (type(query) is GetQuery and query.seq is None):
        target = query.target
    elif type(query) is GetPeersQuery:
        target = query.info_hash
    else:
        return None
    if query.want:
        return None
    key, method = _NAMES[type(query)]
    return b"d1:ad2:id20:%b%b20:%be1:q%b%b1:y1:qe" % (
        id_bytes(query.sender),
        key,
        id_bytes(target),
        method,
        _tail(query),
    )


def _encode_response(response: KrpcResponse) -> bytes | None:
    observed, nodes, token = response.observed, response.nodes, response.token
    unusual = response.value, response.seq, response.samples, response.nodes6, response.total
    if unusual != (None, None, None, None, None) or response.peers or response.key is not None:
        return None
    if response.interval is not None or response.signature is not None:
        return None
    if observed is None:
        ip = b""
    elif is_ipv6(observed):
        return None
    else:
        ip = b"2:ip6:" + pack_peer(observed)
    named = b""
    if nodes is not None:
        packed = pack_contacts(nodes)
        named = b"5:nodes%d:%b" % (len(packed), packed)
    shown = b"5:token%d:%b" % (len(token), token) if token else b""
    parts = ip, id_bytes(response.sender), named, shown, _tail(response)
    return b"d%b1:rd2:id20:%b%b%be%b1:y1:re" % parts


def _tail(message: KrpcQuery | KrpcResponse) -> bytes:
    """The transaction and the version."""
    transaction, version = message.transaction, message.version
    if version:
        return b"1:t%d:%b1:v%d:%b" % (len(transaction), transaction, len(version), version)
    return b"1:t%d:%b" % (len(transaction), transaction)
