"""The usual: the messages of which nearly all datagrams are, read and written in one piece. A codec.

`krpc` can read every message, key by key. But nearly all are pings, the three questions for a target, puts,
and the responses to them, and these have one form each, because the keys of a dict are in order. So each has
a pattern here. What fits one is read at once, in a fifth of the time; for what does not, `krpc` does all the
work.

Rules
    1. What is read here means the same as `krpc` would have it mean. So in a pattern each string stands with
       its length, and where the length is not fixed it is compared afterwards. A pattern that takes its parts
       one after the other, each as long as is said before it, cuts the bytes as a decoder of bencode does.
    2. What `krpc` would refuse does not fit: it says what is wrong.
    3. What is written here is what `krpc` would write.
    4. A value is as deep in its message here as in `krpc`, so that both refuse one that is nested too deep.
    5. No datagram can make a pattern try many ways, so reading takes time in proportion to the length. There
       is an alternative for each number of contacts, and only one part of any length, the value at the end.
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
from p2plib.discovery.mainline.items import encoded_value
from p2plib.discovery.mainline.messages import (
    AnyKrpc,
    FindNodeQuery,
    GetPeersQuery,
    GetQuery,
    KrpcQuery,
    KrpcResponse,
    PingQuery,
    PutQuery,
)
from p2plib.errors import DecodeError
from p2plib.machine.addresses import is_ipv6
from p2plib.wire import bencode

MAX_BYTES = 2048  # as in `krpc`

_TAIL = rb"1:t(?:8:(.{8})|2:(.{2})|4:(.{4}))(?:1:v4:(.{4}))?"
_TOKEN = rb"5:token(?:8:(.{8})|20:(.{20})|4:(.{4}))"
_NODES = b"|".join(
    b"%d:.{%d}" % (size, size) for size in range(0, 9 * IPV4_CONTACT_BYTES, IPV4_CONTACT_BYTES)
)
_MUTABLE = rb"3:seqi(0|[1-9][0-9]{0,17})e3:sig64:(.{64})"
_QUERY = re.compile(
    rb"d1:ad2:id20:(.{20})(?:(9:info_hash|6:target)20:(.{20}))?"
    rb"e1:q(4:ping|9:find_node|9:get_peers|3:get)%b1:y1:qe" % _TAIL,
    re.DOTALL,
)
_PUT = re.compile(
    rb"d1:ad2:id20:(.{20})(?:1:k32:(.{32})(?:4:salt([0-9]{1,2}):(.{1,64}?))?%b)?%b1:v(.+)e1:q3:put%b1:y1:qe"
    % (_MUTABLE, _TOKEN, _TAIL),
    re.DOTALL,
)
_RESPONSE = re.compile(
    rb"d(?:2:ip6:(.{6}))?1:rd2:id20:(.{20})(?:1:k32:(.{32}))?(?:5:nodes(%b))?"
    rb"(?:%b)?(?:%b)?(?:1:v(.+))?(?:6:valuesl((?:6:.{6})+)e)?e%b1:y1:re" % (_NODES, _MUTABLE, _TOKEN, _TAIL),
    re.DOTALL,
)
_TARGETED: dict[tuple[bytes, bytes], type[FindNodeQuery] | type[GetPeersQuery] | type[GetQuery]] = {
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
    if len(data) > MAX_BYTES:
        return None
    found = _RESPONSE.fullmatch(data)
    try:
        if found is not None:
            return _response(found)
        found = _QUERY.fullmatch(data)
        if found is not None:
            return _query(found)
        found = _PUT.fullmatch(data)
        return None if found is None else _put(found)
    except DecodeError:
        return None  # rule 2


def _query(found: re.Match[bytes]) -> AnyKrpc | None:
    sender, key, target, method, eight, two, four, version = found.groups()
    transaction, own_id = eight or two or four, int.from_bytes(sender, "big")
    if key is None:
        return PingQuery(transaction, own_id, version=version or b"") if method == b"4:ping" else None
    kind = _TARGETED.get((key, method))
    if kind is None:
        return None
    return kind(transaction, own_id, int.from_bytes(target, "big"), version=version or b"")


def _put(found: re.Match[bytes]) -> AnyKrpc | None:
    sender, key, length, salt, seq, signature, *rest = found.groups()
    token8, token20, token4, value, eight, two, four, version = rest
    if salt is not None and length != b"%d" % len(salt):
        return None
    return PutQuery(
        eight or two or four,
        int.from_bytes(sender, "big"),
        token8 or token20 or token4,
        _value(value),
        key,
        salt or b"",
        None if seq is None else int(seq),
        signature,
        version=version or b"",
    )


def _response(found: re.Match[bytes]) -> AnyKrpc | None:
    ip, sender, key, nodes, seq, signature, *rest = found.groups()
    token8, token20, token4, value, peers, eight, two, four, version = rest
    return KrpcResponse(
        eight or two or four,
        int.from_bytes(sender, "big"),
        None if nodes is None else unpack_contacts(nodes[nodes.index(b":") + 1 :], IPV4_CONTACT_BYTES),
        None,
        token8 or token20 or token4,
        () if peers is None else tuple(unpack_peer(peers[at : at + 6]) for at in range(2, len(peers), 8)),
        None if value is None else _value(value),
        key,
        None if seq is None else int(seq),
        signature,
        observed=None if ip is None else unpack_peer(ip),
        version=version or b"",
    )


def _value(raw: bytes) -> bencode.Value:
    """The value in these bytes. Rule 4."""
    if raw[:1] not in (b"l", b"d"):
        return bencode.decode(raw)
    match bencode.decode(b"ll%bee" % raw):  # two lists, as the two dicts that it stands in
        case [[value]]:
            return value
    raise DecodeError("more than one value")


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
    if type(query) is PutQuery:
        return _encode_put(query)
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


def _encode_put(query: PutQuery) -> bytes | None:
    if query.cas is not None or not query.token:
        return None
    if not (query.key or query.salt or query.signature) and query.seq is None:
        mutable = b""
    elif not query.key or query.seq is None or not query.signature:
        return None
    else:
        salt = b"4:salt%d:%b" % (len(query.salt), query.salt) if query.salt else b""
        of_key = len(query.key), query.key, salt, query.seq, len(query.signature), query.signature
        mutable = b"1:k%d:%b%b3:seqi%de3:sig%d:%b" % of_key
    value, token = encoded_value(query.value), query.token
    parts = id_bytes(query.sender), mutable, len(token), token, value, _tail(query)
    return b"d1:ad2:id20:%b%b5:token%d:%b1:v%be1:q3:put%b1:y1:qe" % parts


def _encode_response(response: KrpcResponse) -> bytes | None:
    observed, nodes, token = response.observed, response.nodes, response.token
    unusual = response.samples, response.nodes6, response.total, response.interval
    if unusual != (None, None, None, None) or (observed is not None and is_ipv6(observed)):
        return None
    inner = [b"1:rd2:id20:", id_bytes(response.sender)]
    if observed is not None:
        inner.insert(0, b"2:ip6:" + pack_peer(observed))
    if response.key:
        inner.append(b"1:k%d:%b" % (len(response.key), response.key))
    if nodes is not None:
        packed = pack_contacts(nodes)
        inner.append(b"5:nodes%d:%b" % (len(packed), packed))
    if response.seq is not None:
        inner.append(b"3:seqi%de" % response.seq)
    if response.signature:
        inner.append(b"3:sig%d:%b" % (len(response.signature), response.signature))
    if token:
        inner.append(b"5:token%d:%b" % (len(token), token))
    if response.value is not None:
        inner.append(b"1:v" + encoded_value(response.value))
    if response.peers:
        packed_peers = map(pack_peer, response.peers)
        inner.append(b"6:valuesl%be" % b"".join(b"%d:%b" % (len(peer), peer) for peer in packed_peers))
    return b"d%be%b1:y1:re" % (b"".join(inner), _tail(response))


def _tail(message: KrpcQuery | KrpcResponse) -> bytes:
    """The transaction and the version."""
    transaction, version = message.transaction, message.version
    if version:
        return b"1:t%d:%b1:v%d:%b" % (len(transaction), transaction, len(version), version)
    return b"1:t%d:%b" % (len(transaction), transaction)
