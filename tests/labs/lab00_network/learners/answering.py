"""Learners' answers in lab 0: bytes, and the half that answers. See `tests.labs.lab00_network.learners`."""

from __future__ import annotations


def _decode(body: str) -> str:
    return f"def decode_ping(data):\n    {body}\n    return data[3], int.from_bytes(data[4:8], 'big')\n"


def _responder(body: str, before: str = "") -> str:
    lines = "\n        ".join(body.strip().split("\n"))
    return f"""
class Responder(asyncio.DatagramProtocol):
    {before or "count = 0"}
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        {lines}
"""


SAFE = "try:\n    kind, number = decode_ping(data)\nexcept DecodeError:\n    return\n"


# (task, what the learner did, the cell, words of the hint)
WIRE = [
    (
        "encode_ping",
        "struct without the order",
        "def encode_ping(kind, number):\n    return struct.pack('<3sBI', b'p2p', kind, number)\n",
        "most significant byte comes first",
    ),
    (
        "encode_ping",
        "native alignment",
        "def encode_ping(kind, number):\n    return MARK + struct.pack('@BI', kind, number)\n",
        "three bytes of mark, one of kind, four of number",
    ),
    (
        "encode_ping",
        "bytes(kind)",
        "def encode_ping(kind, number):\n    return MARK + bytes(kind) + number.to_bytes(4, 'big')\n",
        "one byte of value 2 is bytes([2])",
    ),
    (
        "encode_ping",
        "text",
        "def encode_ping(kind, number):\n    return b'p2p' + str(kind).encode() + str(number).encode()\n",
        "not digits",
    ),
    (
        "encode_ping",
        "cuts the number",
        "def encode_ping(kind, number):\n"
        "    return MARK + bytes([kind]) + (number & 0xFFFFFFFF).to_bytes(4, 'big')\n",
        "some other ping's number",
    ),
    (
        "encode_ping",
        "no return",
        "def encode_ping(kind, number):\n    MARK + bytes([kind])\n",
        "is a return missing?",
    ),
    ("decode_ping", "checks nothing", _decode("pass"), "compare the length with 8"),
    (
        "decode_ping",
        "only too short",
        _decode("if len(data) < 8: raise DecodeError('short')"),
        "longer ones alike",
    ),
    (
        "decode_ping",
        "no mark",
        _decode("if len(data) != 8: raise DecodeError('length')"),
        "of the mark",
    ),
    (
        "decode_ping",
        "mark in any case",
        _decode("if len(data) != 8 or data[:3].lower() != MARK: raise DecodeError('mark')"),
        "compare the mark exactly",
    ),
    (
        "decode_ping",
        "any kind",
        _decode("if len(data) != 8 or data[:3] != MARK: raise ValueError('mark')"),
        "anything else was not written by your protocol",
    ),
    (
        "decode_ping",
        "None for garbage",
        _decode("if len(data) != 8 or data[:3] != MARK or data[3] not in (1, 2): return None"),
        "a caller who forgets to check",
    ),
    ("decode_ping", "asserts", _decode("assert len(data) == 8 and data[:3] == MARK"), "python -O"),
    (
        "decode_ping",
        "struct.error",
        "def decode_ping(data):\n    mark, *rest = struct.unpack('>3sBI', data)\n    return tuple(rest)\n",
        "must not crash you",
    ),
    (
        "decode_ping",
        "little",
        "def decode_ping(data):\n    return data[3], int.from_bytes(data[4:], 'little')\n",
        "'big'",
    ),
    (
        "decode_ping",
        "kind as bytes",
        "def decode_ping(data):\n    return data[3:4], int.from_bytes(data[4:], 'big')\n",
        "data[3] is its value",
    ),
]

ANSWERING = [
    ("Responder", "does nothing", _responder("pass"), "sends the answer"),
    ("Responder", "echoes", _responder("self.transport.sendto(data, addr)"), "of kind PONG"),
    (
        "Responder",
        "answers with a ping",
        _responder(SAFE + "self.transport.sendto(encode_ping(PING, number + 1), addr)"),
        "of kind PONG",
    ),
    (
        "Responder",
        "numbers of its own",
        _responder(SAFE + "self.count += 1\nself.transport.sendto(encode_ping(PONG, self.count), addr)"),
        "with the number that was asked",
    ),
    (
        "Responder",
        "garbage raises",
        _responder(
            "kind, number = decode_ping(data)\nself.transport.sendto(encode_ping(PONG, number), addr)"
        ),
        "catch DecodeError",
    ),
    (
        "Responder",
        "answers answers",
        _responder(SAFE + "self.transport.sendto(encode_ping(PONG, number), addr)"),
        "answer only questions",
    ),
    (
        "Responder",
        "answers garbage",
        _responder(
            "try:\n    kind, number = decode_ping(data)\nexcept DecodeError:\n    kind, number = PING, 0\n"
            "self.transport.sendto(encode_ping(PONG, number), addr)"
        ),
        "ignore whatever decode_ping refuses",
    ),
    (
        "Responder",
        "remembers the first asker",
        _responder(
            SAFE + "self.friend = getattr(self, 'friend', addr)\n"
            "self.transport.sendto(encode_ping(PONG, number), self.friend)"
        ),
        "whoever sent this datagram",
    ),
    (
        "Responder",
        "async",
        _responder("self.transport.sendto(data, addr)").replace("def datagram", "async def datagram"),
        "a plain def",
    ),
    (
        "Responder",
        "hangs up on garbage",
        _responder(
            "try:\n    kind, number = decode_ping(data)\nexcept DecodeError:\n"
            "    self.transport.close()\n    return\n"
            "if kind == PING: self.transport.sendto(encode_ping(PONG, number), addr)"
        ),
        "may be from a friend",
    ),
    (
        "Responder",
        "answers twice to be sure",
        _responder(SAFE + "for _ in range(2): self.transport.sendto(encode_ping(PONG, number), addr)"),
        "one ping, one pong",
    ),
    (
        "Responder",
        "remembers numbers",
        _responder(
            SAFE + "if kind == PING and number not in self.seen:\n    self.seen.add(number)\n"
            "    self.transport.sendto(encode_ping(PONG, number), addr)",
            before="seen = set()",
        ).replace("self.transport = transport", "self.transport, self.seen = transport, set()"),
        "the first answer may have been lost",
    ),
    (
        "Responder",
        "takes 0 for nothing",
        _responder(
            SAFE + "if kind == PING and number:\n    self.transport.sendto(encode_ping(PONG, number), addr)"
        ),
        "0 is a number like any other",
    ),
    (
        "Responder",
        "to nobody",
        _responder(SAFE + "self.transport.sendto(encode_ping(PONG, number))"),
        "to addr",
    ),
    (
        "Responder",
        "returns the answer",
        _responder(SAFE + "return encode_ping(PONG, number)"),
        "sendto(encode_ping(PONG, number), addr) sends",
    ),
    (
        "Responder",
        "only once",
        _responder(
            SAFE
            + "if kind == PING and not self.count: self.transport.sendto(encode_ping(PONG, number), addr)\n"
            "self.count += 1"
        ),
        "even a second one",
    ),
]

ANSWERS = [*WIRE, *ANSWERING]
