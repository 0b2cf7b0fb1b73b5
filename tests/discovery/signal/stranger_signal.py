"""A peer of a stranger's, written from the page discovery/signals alone: it imports nothing of ours.

    python stranger_signal.py HOST:PORT APP TOPIC SEED SECONDS [ADDRESS]

It listens for so many seconds on the channel of a topic (40 hexadecimal digits), and signs with the key that
a seed (64 hexadecimal digits) makes. With an ADDRESS, a multiaddr, it says "here" and answers every "who" on
the channel of the one that asks. Without one it listens on its own such channel, too, asks "who", and prints
each peer that says where it is, and its address.
"""

import base64
import http.client
import json
import sys
import time

import nacl.exceptions
import nacl.signing

CONTEXT = b"p2plib/signal/1"
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
ID_HEAD = bytes.fromhex("002408011220")
MEMBERS = ("channel", "from", "to", "kind", "seq", "time", "body")


def peer_id(key):
    value, text = int.from_bytes(ID_HEAD + key, "big"), ""
    while value:
        value, digit = divmod(value, 58)
        text = ALPHABET[digit] + text
    return "1" + text  # for the zero byte in front


def key_of(text):
    value = 0
    for letter in text:
        value = 58 * value + ALPHABET.index(letter)
    raw = value.to_bytes(38, "big")
    assert raw[:6] == ID_HEAD
    return raw[6:]


def varint(value):
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + varint(value >> 7)


def signed_bytes(message):
    """The seven members, in their order, as Scuttlebutt writes JSON; then the context in front."""
    text = json.dumps({name: message[name] for name in MEMBERS}, indent=2, ensure_ascii=False).encode()
    return varint(len(CONTEXT)) + CONTEXT + varint(len(text)) + text


class Peer:
    def __init__(self, hub, app, topic, seed):
        self.hub, self.channel = hub, f"{app}/{topic}"
        self.key = nacl.signing.SigningKey(bytes.fromhex(seed))
        self.id = peer_id(self.key.verify_key.encode())
        self.channels = (self.channel, f"{self.channel}-{self.id}")
        self.seq = 0

    def say(self, kind, body="", to=""):
        channel = f"{self.channel}-{to}" if to else self.channel
        now = time.time()
        self.seq = max(self.seq + 1, int(now * 1000))
        values = (channel, self.id, to, kind, self.seq, int(now), body)
        message = dict(zip(MEMBERS, values, strict=True))
        signature = self.key.sign(signed_bytes(message)).signature
        message["signature"] = base64.b64encode(signature).decode()
        post = http.client.HTTPConnection(self.hub, timeout=10)
        post.request("POST", f"/v1/{channel}", json.dumps(message))
        assert post.getresponse().status == 200
        post.close()

    def believes(self, message):
        """Signed by its sender, for us, for our channels, of this minute, and not our own."""
        if message["from"] == self.id or message["channel"] not in self.channels:
            return False
        if message["to"] not in ("", self.id):
            return False
        if not -60 <= message["time"] - time.time() <= 10:
            return False
        key = nacl.signing.VerifyKey(key_of(message["from"]))
        try:
            key.verify(signed_bytes(message), base64.b64decode(message["signature"]))
        except nacl.exceptions.BadSignatureError:
            return False
        return True


def main(hub, app, topic, seed, seconds, address=None):
    peer, seen = Peer(hub, app, topic, seed), {}
    listening = http.client.HTTPConnection(hub, timeout=10)
    listening.request("GET", f"/v1/{peer.channel},{topic}-{peer.id}", headers={"Accept": "text/event-stream"})
    sock, response = listening.sock, listening.getresponse()
    assert response.status == 200
    peer.say("here" if address else "who", address or "")
    print("ready", flush=True)
    until = time.monotonic() + float(seconds)
    sock.settimeout(float(seconds))
    while time.monotonic() < until:
        try:
            line = response.readline()
        except TimeoutError:
            break
        if not line.startswith(b"data: "):
            continue  # a heartbeat, or the empty line that ends an event
        message = json.loads(line[6:])
        if not peer.believes(message) or message["seq"] <= seen.get(message["from"], -1):
            continue
        seen[message["from"]] = message["seq"]
        if message["kind"] == "who" and address:
            peer.say("here", address, message["from"])
        if message["kind"] == "here" and not address:
            print(message["from"], message["body"], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
