"""KRPC: the messages of the Mainline DHT as datagrams. A codec, driven by tables.

Follows BEP 5, and for what was added 32, 42, 43, 44 and 51. Each message is a dict in bencode with keys of a
letter or two, and travels alone in one UDP datagram::

    t   the transaction                    every message
    y   q, r or e: what kind it is         every message
    q   the name of the query              a query
    a   its arguments, a dict              a query
    r   what is answered, a dict           a response
    e   a code and a sentence, a list      an error
    v   which program sent it              if it says so
    ro  1 if its sender only asks          a query of a read-only node (BEP 43)
    ip  where the query came from          a response or an error (BEP 42)

Rules
    1. What is not bencode in its one form is refused (`p2plib.wire.bencode`), and so is a message of more
       than `MAX_BYTES`, or one without `t` and `y`.
    2. A query whose arguments are wrong is refused with a `BadQuery`, which knows what to answer: its sender
       may have a bug and would like to hear of it. A response or an error that is wrong is refused silently.
    3. Keys that we do not know are skipped: later specifications may add some.
    4. A query that we do not know is an `UnknownQuery`, with its target if it has one.

`ARGUMENTS` and `ANSWERS` say which keys there are, what stands under each, and which must be there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

from p2plib.discovery.mainline import usual
from p2plib.discovery.mainline.compact import (
    IPV4_CONTACT_BYTES,
    IPV6_CONTACT_BYTES,
    id_bytes,
    id_of,
    pack_contacts,
    pack_peer,
    unpack_contacts,
    unpack_peer,
)
from p2plib.discovery.mainline.messages import (
    PROTOCOL,
    WANT_IPV4,
    WANT_IPV6,
    AnnounceQuery,
    AnyKrpc,
    AnyQuery,
    FindNodeQuery,
    GetPeersQuery,
    GetQuery,
    KrpcError,
    KrpcQuery,
    KrpcResponse,
    PingQuery,
    PutQuery,
    SampleQuery,
    UnknownQuery,
)
from p2plib.errors import DecodeError
from p2plib.machine.addresses import MAX_PORT, Address
from p2plib.wire import bencode
from p2plib.wire.bencode import Value
from p2plib.wire.fields import Field

MAX_BYTES = 2048  # an item of 1,000 bytes with its signature and contacts of both families has about 1,700
MAX_TRANSACTION_BYTES = 32  # BEP 5 says that two are typical; what we repeat, we must carry
MAX_TOKEN_BYTES = 128
MAX_SENTENCE_BYTES = 256
MAX_INTEGER = 1 << 63  # sequence numbers and the like fit 64 bits

Dict = dict[bytes, Value]


class BadQuery(DecodeError):
    """A query that its sender should hear an error about.

    Args:
        rule: one sentence that names the rule.
        transaction: of the query.
    """

    def __init__(self, rule: str, transaction: bytes) -> None:
        super().__init__(rule)
        self.transaction, self.code = transaction, PROTOCOL


class Key(NamedTuple):
    """What may stand under one key of a dict.

    Args:
        key: on the wire.
        name: of the attribute of the message.
        read: makes the attribute from the value; raises DecodeError.
        write: makes the value from the attribute.
        is_required: whether it must be there; if not, the attribute's default means that it is absent.
    """

    key: bytes
    name: str
    read: Callable[[Value], Any]
    write: Callable[[Any], Value]
    is_required: bool = False


# What stands under a key --------------------------------------------------------------------------------


def _string(most: int, exactly: bool = False) -> Callable[[Value], bytes]:
    def read(value: Value) -> bytes:
        if not isinstance(value, bytes):
            raise DecodeError("no string")
        if len(value) > most or (exactly and len(value) != most):
            raise DecodeError(f"{len(value)} bytes, where {most} {'must be' if exactly else 'is the most'}")
        return value

    return read


def _integer(value: Value) -> int:
    if not isinstance(value, int) or not -MAX_INTEGER <= value < MAX_INTEGER:
        raise DecodeError("no whole number of 64 bits")
    return value


def _count(value: Value) -> int:
    if _integer(value) < 0:
        raise DecodeError("less than 0")
    return _integer(value)


def _port(value: Value) -> int:
    if not 0 <= _integer(value) <= MAX_PORT:
        raise DecodeError(f"no port, from 0 to {MAX_PORT}")
    return _integer(value)


def _flag(value: Value) -> bool:
    return _integer(value) != 0


def _id(value: Value) -> int:
    if not isinstance(value, bytes):
        raise DecodeError("no string")
    return id_of(value)


def _ids(value: Value) -> tuple[int, ...]:
    raw, size = _string(MAX_BYTES)(value), len(id_bytes(0))
    if len(raw) % size:
        raise DecodeError(f"{len(raw)} bytes, which is no multiple of {size}")
    return tuple(id_of(raw[at : at + size]) for at in range(0, len(raw), size))


def _want(value: Value) -> tuple[bytes, ...]:
    if not isinstance(value, list):
        raise DecodeError("no list")
    return tuple(family for family in (WANT_IPV4, WANT_IPV6) if family in value)


def _peers(value: Value) -> tuple[Address, ...]:
    if not isinstance(value, list) or not all(isinstance(item, bytes) for item in value):
        raise DecodeError("no list of strings")
    return tuple(unpack_peer(cast(bytes, item)) for item in value)


def _contacts(size: int) -> Callable[[Value], Any]:
    return lambda value: unpack_contacts(_string(MAX_BYTES)(value), size)


def _same(value: Any) -> Value:
    return cast(Value, value)


def _join_ids(idents: tuple[int, ...]) -> Value:
    return b"".join(map(id_bytes, idents))


WANT = Key(b"want", "want", _want, list)
TARGET = Key(b"target", "target", _id, id_bytes, True)
TOKEN = _string(MAX_TOKEN_BYTES)
SENDER = Key(b"id", "sender", _id, id_bytes, True)
VALUE = Key(b"v", "value", _same, _same)
MUTABLE = (
    Key(b"k", "key", _string(32, exactly=True), _same),
    Key(b"seq", "seq", _integer, _same),
    Key(b"sig", "signature", _string(64, exactly=True), _same),
)

ARGUMENTS: dict[type[KrpcQuery], tuple[Key, ...]] = {
    PingQuery: (SENDER,),
    FindNodeQuery: (SENDER, TARGET, WANT),
    GetPeersQuery: (SENDER, Key(b"info_hash", "info_hash", _id, id_bytes, True), WANT),
    AnnounceQuery: (
        SENDER,
        Key(b"info_hash", "info_hash", _id, id_bytes, True),
        Key(b"port", "port", _port, _same, True),
        Key(b"token", "token", TOKEN, _same, True),
        Key(b"implied_port", "implied_port", _flag, int),
    ),
    GetQuery: (SENDER, TARGET, Key(b"seq", "seq", _integer, _same), WANT),
    PutQuery: (
        SENDER,
        Key(b"token", "token", TOKEN, _same, True),
        VALUE._replace(is_required=True),
        *MUTABLE,
        Key(b"salt", "salt", _string(MAX_BYTES), _same),  # a salt of more than 64 has an error of its own
        Key(b"cas", "cas", _integer, _same),
    ),
    SampleQuery: (SENDER, TARGET, WANT),
}
METHODS = {query.METHOD: query for query in ARGUMENTS}

ANSWERS = (
    SENDER,
    Key(b"nodes", "nodes", _contacts(IPV4_CONTACT_BYTES), pack_contacts),
    Key(b"nodes6", "nodes6", _contacts(IPV6_CONTACT_BYTES), pack_contacts),
    Key(b"token", "token", TOKEN, _same),
    Key(b"values", "peers", _peers, lambda peers: [pack_peer(peer) for peer in peers]),
    VALUE,
    *MUTABLE,
    Key(b"samples", "samples", _ids, _join_ids),
    Key(b"interval", "interval", _count, _same),
    Key(b"num", "total", _count, _same),
)


# Messages to bytes --------------------------------------------------------------------------------------


def encode(message: AnyKrpc) -> bytes:
    """The datagram of a message.

    Raises:
        UsageError: an id, an address or a value cannot be one.
    """
    return usual.encode(message) or _encode(message)


def _encode(message: AnyKrpc) -> bytes:
    whole: Dict = {b"t": message.transaction}
    if message.version:
        whole[b"v"] = message.version
    if isinstance(message, KrpcResponse):
        whole |= {b"y": b"r", b"r": _written(message, ANSWERS)}
    elif isinstance(message, KrpcError):
        whole |= {b"y": b"e", b"e": [message.code, message.sentence.encode()]}
    else:
        whole |= {b"y": b"q", **_query_parts(message)}
        if message.is_read_only:
            whole[b"ro"] = 1
    if isinstance(message, KrpcResponse | KrpcError) and message.observed is not None:
        whole[b"ip"] = pack_peer(message.observed)
    return bencode.encode(whole)


def _query_parts(query: AnyQuery) -> Dict:
    if not isinstance(query, UnknownQuery):
        return {b"q": query.METHOD, b"a": _written(query, ARGUMENTS[type(query)])}
    keys = (SENDER, WANT) if query.target is None else (SENDER, TARGET, WANT)
    return {b"q": query.method, b"a": _written(query, keys)}


def _written(message: Any, keys: tuple[Key, ...]) -> Dict:
    written: Dict = {}
    for key, name, _, write, is_required in keys:
        value = getattr(message, name)
        # Absent are None, an empty tuple or string and False; a number, an empty list and so on are there.
        if is_required or (value is not None and value != () and value != b"" and value is not False):
            written[key] = write(value)
        elif value == () and name in ("nodes", "nodes6", "samples"):
            written[key] = b""  # none, which says more than nothing
        elif value == b"" and name == "value":
            written[key] = b""
    return written


# Bytes to messages --------------------------------------------------------------------------------------


def decode(data: bytes) -> AnyKrpc:
    """The message in a datagram.

    Raises:
        BadQuery: it is a query with wrong arguments.
        DecodeError: it is no message at all.
    """
    return usual.decode(data) or _decode(data)


def _decode(data: bytes) -> AnyKrpc:
    whole = _dict_of(data)
    transaction = _string(MAX_TRANSACTION_BYTES)(whole[b"t"])
    if not transaction:
        raise DecodeError("an empty transaction")
    version = whole.get(b"v", b"")
    if not isinstance(version, bytes):
        version = b""  # it is for people; nothing depends on it
    kind = whole[b"y"]
    if kind == b"q":
        return _query(whole, transaction, version)
    observed = _observed(whole.get(b"ip"))
    if kind == b"r":
        found = _read(whole.get(b"r"), ANSWERS, "a response")
        return KrpcResponse(transaction, **found, observed=observed, version=version)
    if kind == b"e":
        return KrpcError(transaction, *_error(whole.get(b"e")), observed=observed, version=version)
    raise DecodeError("y is none of q, r and e")


def _dict_of(data: bytes) -> Dict:
    if len(data) > MAX_BYTES:
        raise DecodeError(f"a datagram of {len(data)} bytes, where {MAX_BYTES} is the most")
    whole = bencode.decode(data)
    if not isinstance(whole, dict):
        raise DecodeError("a message is a dict, and this is none", 0)
    for key in (b"t", b"y"):
        if not isinstance(whole.get(key), bytes):
            raise DecodeError(f"a message has a string {key.decode()}, and this has none")
    return whole


def _query(whole: Dict, transaction: bytes, version: bytes) -> AnyQuery:
    method, arguments, is_read_only = whole.get(b"q"), whole.get(b"a"), whole.get(b"ro") == 1
    if not isinstance(method, bytes):
        raise BadQuery("a query has a name, q", transaction)
    kind = METHODS.get(method)
    try:
        if kind is None:
            found = _read(arguments, (SENDER, WANT), "a query")
            found |= {"method": method, "target": _target(cast(Dict, arguments))}
        else:
            found = _read(arguments, ARGUMENTS[kind], method.decode())
            if kind is AnnounceQuery and not found["port"] and not found.get("implied_port"):
                raise DecodeError("announce_peer: port 0, where no peer can be")
    except DecodeError as error:
        raise BadQuery(error.rule, transaction) from None
    kinds: Any = kind or UnknownQuery
    return cast(AnyQuery, kinds(transaction, version=version, is_read_only=is_read_only, **found))


def _target(arguments: Dict) -> int | None:
    """The target of a query that we do not know."""
    for key in (b"target", b"info_hash"):
        if key in arguments:
            return _id(arguments[key])
    return None


def _read(given: Value | None, keys: tuple[Key, ...], where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise DecodeError(f"{where} without its dict")
    found: dict[str, Any] = {}
    for key, name, read, _, is_required in keys:
        value = given.get(key)
        if value is not None:
            try:
                found[name] = read(value)
            except DecodeError as error:
                raise DecodeError(f"{where}: {key.decode()}: {error.rule}") from None
        elif is_required:
            raise DecodeError(f"{where} without {key.decode()}")
    return found


def _error(given: Value | None) -> tuple[int, str]:
    if not isinstance(given, list) or len(given) < 2:
        raise DecodeError("an error is a list of a code and a sentence")
    sentence = _string(MAX_BYTES)(given[1])[:MAX_SENTENCE_BYTES]
    return _integer(given[0]), sentence.decode(errors="replace")


def _observed(value: Value | None) -> Address | None:
    """What is not 6 or 18 bytes is left out: early programs sent the host alone."""
    try:
        return unpack_peer(value) if isinstance(value, bytes) else None
    except DecodeError:
        return None


# Bytes to a drawing -------------------------------------------------------------------------------------

KINDS = {b"q": "a query", b"r": "a response", b"e": "an error"}
INNER = {b"a": "the arguments", b"r": "what is answered"}


def dissect(data: bytes) -> tuple[Field, ...]:
    """The parts of a datagram, in order, for a drawing: each key together with its value.

    Raises:
        DecodeError: it is not a message's dict.
    """
    _dict_of(data)
    fields, at = [Field("message", data[:1], "a dict begins")], 1
    while data[at : at + 1] != b"e":
        key, after = _key_at(data, at)
        if key in INNER and data[after : after + 1] == b"d":
            inner, end = _dissect_inner(data, at, after + 1, key)
            fields += inner
        else:
            value, end = bencode.decode_prefix(data, after)
            fields.append(Field(_shown(key), data[at:end], _note(key, value)))
        at = end
    return (*fields, Field("end", data[at:], "of the message"))


def _dissect_inner(data: bytes, start: int, at: int, outer: bytes) -> tuple[list[Field], int]:
    """The fields of the dict under `a` or `r`, and where it ends."""
    name = _shown(outer)
    fields = [Field(name, data[start:at], f"{INNER[outer]}: a dict begins")]
    while data[at : at + 1] != b"e":
        key, after = _key_at(data, at)
        value, end = bencode.decode_prefix(data, after)
        fields.append(Field(f"{name}.{_shown(key)}", data[at:end], _note(key, value)))
        at = end
    return [*fields, Field("end", data[at : at + 1], f"of {name}")], at + 1


def _key_at(data: bytes, at: int) -> tuple[bytes, int]:
    """A key of a dict that was decoded before, and where its value begins."""
    key, after = bencode.decode_prefix(data, at)
    return cast(bytes, key), after


def _shown(key: bytes) -> str:
    return key.decode(errors="replace")


def _note(key: bytes, value: Value) -> str:
    """What a value means, in a few words."""
    match key, value:
        case b"y", bytes():
            return KINDS.get(value, "")
        case b"q", bytes():
            return value.decode(errors="replace")
        case b"id" | b"target" | b"info_hash", bytes():
            return f"{value.hex()[:8]}…"
        case b"nodes", bytes():
            return _counted(len(value) // IPV4_CONTACT_BYTES, "contact")
        case b"nodes6", bytes():
            return _counted(len(value) // IPV6_CONTACT_BYTES, "contact")
        case b"values", list():
            return _counted(len(value), "peer")
        case b"ip", bytes():
            address = _observed(value)
            return "" if address is None else f"{address[0]}, port {address[1]}"
        case b"e", [int(code), bytes(sentence), *_]:
            return f"{code}: {sentence.decode(errors='replace')}"
        case _, bytes():
            return value.hex() if len(value) <= 8 else f"{value[:6].hex()}…"
        case _, int():
            return str(value)
    return ""


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
