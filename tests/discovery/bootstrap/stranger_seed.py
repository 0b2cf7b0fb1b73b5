"""A newcomer of a stranger's, written from the page discovery/bootstrap alone: it imports nothing of ours.

    python stranger_seed.py ENTRY TOPIC [PORT]

ENTRY is a multiaddr in hexadecimal, TOPIC 40 hexadecimal digits. With a PORT it tells the seed that it is
there, then asks; it prints each peer that the seed names, one a line.
"""

import secrets
import socket
import sys

ENTRY_IP4, ENTRY_UDP = 4, 273
OVERLAY, ASK, NAMED, TELL, TOLD = 9, 1, 2, 3, 4
LONGEST = 402


def varint(raw, at):
    """A number of seven bits a byte, the lowest first; the top bit says that another follows."""
    value = shift = 0
    while True:
        value |= (raw[at] & 0x7F) << shift
        if raw[at] < 0x80:
            return value, at + 1
        at, shift = at + 1, shift + 7


def place(raw):
    """The host and the port that an entry begins with."""
    code, at = varint(raw, 0)
    assert code == ENTRY_IP4, "this newcomer speaks IPv4"
    host, at = socket.inet_ntoa(raw[at : at + 4]), at + 4
    code, at = varint(raw, at)
    assert code == ENTRY_UDP, "and UDP"
    return host, int.from_bytes(raw[at : at + 2], "big")


def part(raw):
    """A field with its length before it."""
    size, low = len(raw), len(raw) & 0x7F
    return (bytes([size]) if size < 0x80 else bytes([low | 0x80, size >> 7])) + raw


def parts(raw, at=2):
    """The fields of a message, or the items of a list."""
    found = []
    while at < len(raw):
        size, at = varint(raw, at)
        found.append(raw[at : at + size])
        at += size
    return found


def number(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def exchange(sock, where, kind, *fields):
    """Sends a request until it is answered; returns the kind of the response, and its fields."""
    transaction = number(secrets.randbits(64) | 1)
    request = bytes([OVERLAY, kind]) + b"".join(map(part, (transaction, *fields)))
    if kind == ASK:
        room = LONGEST - len(request)
        request += part(bytes(room - 2))
        assert len(request) == LONGEST
    for timeout in (1, 2, 4):
        sock.sendto(request, where)
        sock.settimeout(timeout)
        try:
            while True:
                response, sender = sock.recvfrom(2048)
                if sender == where and response[0] == OVERLAY and parts(response)[0] == transaction:
                    return response[1], parts(response)[1:]
        except TimeoutError:
            continue
    raise SystemExit("nobody answers there")


def main(entry, topic, port=None):
    where, topic = place(bytes.fromhex(entry)), bytes.fromhex(topic)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        kind, fields = exchange(sock, where, ASK, topic)
        if kind == NAMED and port:
            token = fields[0]
            kind, fields = exchange(sock, where, TELL, topic, number(int(port)), token)
            assert kind == TOLD, "refused"
            kind, fields = exchange(sock, where, ASK, topic)
        assert kind == NAMED, "refused"
        for peer in parts(fields[1], 0):
            print(f"{socket.inet_ntoa(peer[:4])}:{int.from_bytes(peer[4:], 'big')}")


if __name__ == "__main__":
    main(*sys.argv[1:])
