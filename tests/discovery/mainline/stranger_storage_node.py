"""A node of Mainline written from the chapter `topology/mainline` alone: nothing of p2plib is imported.

    python stranger_storage_node.py HOST

It says its port, and runs until its standard input ends. The code between the two marks is that of the page.
"""

# ruff: noqa: B905  # the lines of the page, as they are
import asyncio
import hashlib
import os
import socket
import sys

# The page begins here.


def bdecode(raw, at=0):
    """(value, where it ends). No limits, no checks: for looking only."""
    kind = raw[at : at + 1]
    if kind == b"i":
        end = raw.index(b"e", at)
        return int(raw[at + 1 : end]), end + 1
    if kind in b"dl":
        items, at = [], at + 1
        while raw[at : at + 1] != b"e":
            item, at = bdecode(raw, at)
            items.append(item)
        pairs = zip(items[::2], items[1::2])
        return (dict(pairs) if kind == b"d" else items), at + 1
    colon = raw.index(b":", at)
    end = colon + 1 + int(raw[at:colon])
    return raw[colon + 1 : end], end


def bencoded(value):
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%b" % (len(value), value)
    if isinstance(value, list):
        return b"l%be" % b"".join(map(bencoded, value))
    pairs = (bencoded(key) + bencoded(value[key]) for key in sorted(value))
    return b"d%be" % b"".join(pairs)


def sha1(data):
    return hashlib.sha1(data).digest()


class SmallNode(asyncio.DatagramProtocol):
    """A node of Mainline, as small as it can be."""

    def __init__(self, own_id, secret):
        self.own_id, self.secret = own_id, secret
        self.nodes, self.peers, self.items = {}, {}, {}

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        query, _ = bdecode(data)
        if query[b"y"] != b"q":
            return
        method, given = query[b"q"], query[b"a"]
        token = sha1(self.secret + address[0].encode())[:8]
        says = {b"t": query[b"t"]}
        stores = method in (b"announce_peer", b"put")
        if stores and given.get(b"token") != token:
            says |= {b"y": b"e", b"e": [203, b"bad token"]}
        else:
            answer = self.answer(method, given, address)
            says |= {b"y": b"r", b"r": {b"id": self.own_id, **answer}}
            if method in (b"get_peers", b"get"):
                says[b"r"][b"token"] = token
        self.transport.sendto(bencoded(says), address)


def compact(host, port):
    return socket.inet_aton(host) + port.to_bytes(2, "big")


def answer(self, method, given, address):
    says, (host, port) = {}, address
    target = given.get(b"info_hash", given.get(b"target"))
    if method in (b"find_node", b"get_peers", b"get"):

        def far(ident):
            return bytes(a ^ b for a, b in zip(ident, target))

        near = sorted(set(self.nodes) - {given[b"id"]}, key=far)[:8]
        says[b"nodes"] = b"".join(one + self.nodes[one] for one in near)
    if method == b"get_peers" and target in self.peers:
        says[b"values"] = sorted(self.peers[target])
    if method == b"get" and target in self.items:
        says[b"v"] = self.items[target]
    if method == b"announce_peer":
        port = port if given.get(b"implied_port") else given[b"port"]
        self.peers.setdefault(target, set()).add(compact(host, port))
    if method == b"put" and b"k" not in given:
        self.items[sha1(bencoded(given[b"v"]))] = given[b"v"]
    self.nodes[given[b"id"]] = compact(*address)
    return says


SmallNode.answer = answer

# The page ends here.


async def main(host):
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: SmallNode(os.urandom(20), os.urandom(16)), local_addr=(host, 0)
    )
    print(transport.get_extra_info("sockname")[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    transport.close()


asyncio.run(main(sys.argv[1]))
