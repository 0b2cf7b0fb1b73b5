"""A caller of a stranger's, written from the page protocol/secure-channels alone: it imports nothing of ours.

    python stranger_noise.py HOST PORT

It agrees on /noise, shakes hands, checks who answered, agrees on /yamux/1.0.0 and sends a ping inside the
channel; it prints the public key of the peer in hexadecimal, and the number that came back.
"""

import hashlib
import hmac
import os
import socket
import sys

import nacl.bindings
import nacl.signing

NAME = b"Noise_XX_25519_ChaChaPoly_SHA256"
PREFIX = b"noise-libp2p-static-key:"
ED25519 = b"\x08\x01\x12\x20"


class Hand:
    def __init__(self):
        self.h = self.ck = NAME
        self.k, self.n = None, 0
        self.mix_hash(b"")

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def two_keys(self, secret):
        t = hmac.digest(self.ck, secret, "sha256")
        first = hmac.digest(t, b"\x01", "sha256")
        return first, hmac.digest(t, first + b"\x02", "sha256")

    def mix_key(self, secret):
        self.ck, self.k = self.two_keys(secret)
        self.n = 0

    def seal(self, plain):
        part = sealed(self.k, self.n, plain, self.h)
        self.n += 1
        self.mix_hash(part)
        return part

    def unseal(self, part):
        plain = opened(self.k, self.n, part, self.h)
        self.n += 1
        self.mix_hash(part)
        return plain


def nonce(number):
    return bytes(4) + number.to_bytes(8, "little")


def sealed(key, number, plain, also=b""):
    return nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(plain, also, nonce(number), key)


def opened(key, number, part, also=b""):
    return nacl.bindings.crypto_aead_chacha20poly1305_ietf_decrypt(part, also, nonce(number), key)


def take(sock, size):
    raw = b""
    while len(raw) < size:
        piece = sock.recv(size - len(raw))
        assert piece, "the other side hung up"
        raw += piece
    return raw


def frame(message):
    return len(message).to_bytes(2, "big") + message


def take_frame(sock):
    return take(sock, int.from_bytes(take(sock, 2), "big"))


def line(name):
    return bytes([len(name) + 1]) + name + b"\n"


def field(number, value):
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def fields(raw):
    """The fields of bytes in a protobuf message, by their numbers."""
    found, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = raw[at], at + 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(raw):
        tag = varint()
        assert tag & 7 == 2
        size = varint()
        found[tag >> 3] = raw[at : at + size]
        at += size
    return found


def main(host, port):
    identity = nacl.signing.SigningKey.generate()
    static, fresh = os.urandom(32), os.urandom(32)
    public = nacl.bindings.crypto_scalarmult_base
    agree = nacl.bindings.crypto_scalarmult
    with socket.create_connection((host, int(port)), 10) as sock:
        for name in (b"/multistream/1.0.0", b"/noise"):
            sock.sendall(line(name))
        for name in (b"/multistream/1.0.0", b"/noise"):
            assert take(sock, len(line(name))) == line(name)

        hand = Hand()
        sock.sendall(frame(public(fresh)))
        hand.mix_hash(public(fresh))
        hand.mix_hash(b"")

        two = take_frame(sock)
        their_fresh, their_static, told = two[:32], two[32:80], two[80:]
        hand.mix_hash(their_fresh)
        hand.mix_key(agree(fresh, their_fresh))
        their_static = hand.unseal(their_static)
        hand.mix_key(agree(fresh, their_static))
        payload = fields(hand.unseal(told))
        assert payload[1][:4] == ED25519
        verify = nacl.signing.VerifyKey(payload[1][4:])
        verify.verify(PREFIX + their_static, payload[2])

        three = hand.seal(public(static))
        hand.mix_key(agree(static, their_fresh))
        signature = identity.sign(PREFIX + public(static)).signature
        three += hand.seal(field(1, ED25519 + bytes(identity.verify_key)) + field(2, signature))
        sock.sendall(frame(three))

        to_them, to_us = hand.two_keys(b"")
        sent = received = 0
        inbox = b""

        def say(plain):
            nonlocal sent
            sock.sendall(frame(sealed(to_them, sent, plain)))
            sent += 1

        def hear(size):
            nonlocal received, inbox
            while len(inbox) < size:
                inbox += opened(to_us, received, take_frame(sock))
                received += 1
            heard, inbox = inbox[:size], inbox[size:]
            return heard

        for name in (b"/multistream/1.0.0", b"/yamux/1.0.0"):
            say(line(name))
        for name in (b"/multistream/1.0.0", b"/yamux/1.0.0"):
            assert hear(len(line(name))) == line(name)
        ping = bytes.fromhex("00 02 0001 00000000")
        say(ping + (2026).to_bytes(4, "big"))
        while (answer := hear(12))[:8] != bytes.fromhex("00 02 0002 00000000"):
            if answer[1] == 0:  # data, of a stream that they have opened at once
                hear(int.from_bytes(answer[8:], "big"))
        print(bytes(verify).hex(), int.from_bytes(answer[8:], "big"))


if __name__ == "__main__":
    main(*sys.argv[1:])
