"""Learners' answers in lab 10: what both have seen. See `tests.labs.lab10_protocols.learners`."""

from __future__ import annotations


def right(
    *,
    start: str = 'name.encode().ljust(32, b"\\0")',
    mix: str = "self.hash = hashlib.sha256(self.hash + data).digest()",
    root: str = 'hmac.digest(self.chain, secret, "sha256")',
    second: str = 'hmac.digest(root, first + b"\\2", "sha256")',
    keys: str = "self.chain, self.key = self.two(secret)",
    count: str = "self.counter = 0",
    bound: str = "self.hash",
    sealed: str = "part",
    opened: str = "part",
    used: str = "self.counter += 1",
    before: str = "pass",
    plain: str = "plaintext = decrypt(self.key, self.counter, BOUND, part)",
    split: str = "return self.two(b'')",
) -> str:
    """A right answer, of which one part can be changed."""
    return f"""
class Transcript:
    def __init__(self, name):
        self.hash = self.chain = {start}
        self.key, self.counter = None, 0

    def mix_hash(self, data):
        {mix}

    def mix_key(self, secret):
        {keys}
        {count}

    def two(self, secret):
        root = {root}
        first = hmac.digest(root, b"\\1", "sha256")
        return first, {second}

    def seal(self, plaintext):
        part = plaintext
        if self.key is not None:
            part = encrypt(self.key, self.counter, {bound}, plaintext)
            {used}
        self.mix_hash({sealed})
        return part

    def open(self, part):
        plaintext = part
        if self.key is not None:
            {before}
            {plain.replace("BOUND", bound)}
            {used}
        self.mix_hash({opened})
        return plaintext

    def split(self):
        {split}
"""


SHA = "hashlib.sha256"
MIXES = """try:
                plaintext = decrypt(self.key, self.counter, self.hash, part)
            except Tampered:
                self.mix_hash(part)
                raise"""
LENIENT = """try:
                plaintext = decrypt(self.key, self.counter, self.hash, part)
            except Tampered:
                return b''"""

# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    (
        "Transcript",
        "sends what it should seal",
        right().replace("        return part", "        return plaintext"),
        "what travels: the sealed part",
    ),
    (
        "Transcript",
        "gives what it should open",
        right().replace("        return plaintext", "        return part"),
        "what the part says",
    ),
    ("Transcript", "mixes what did not hold", right(plain=MIXES), "mix in nothing that does not open"),
    (
        "Transcript",
        "hashes the name",
        right(start=f"{SHA}(name.encode()).digest()"),
        "padded to 32 bytes with zeros",
    ),
    (
        "Transcript",
        "fills with spaces",
        right(start="name.encode().ljust(32)"),
        "padded with zero bytes",
    ),
    (
        "Transcript",
        "zeros in front",
        right(start='name.encode().rjust(32, b"\\0")'),
        "come after the name",
    ),
    ("Transcript", "a name that stays text", right(start="name"), "32 bytes"),
    (
        "Transcript",
        "data first",
        right(mix=f"self.hash = {SHA}(data + self.hash).digest()"),
        "the old hash comes first",
    ),
    (
        "Transcript",
        "data alone",
        right(mix=f"self.hash = {SHA}(data).digest()"),
        "the past is forgotten",
    ),
    ("Transcript", "hex", right(mix=f"self.hash = {SHA}(self.hash + data).hexdigest()"), ".digest()"),
    (
        "Transcript",
        "returns the hash",
        right(mix=f"return {SHA}(self.hash + data).digest()"),
        "set self.hash",
    ),
    (
        "Transcript",
        "HMAC turned",
        right(root='hmac.digest(secret, self.chain, "sha256")'),
        "chaining key is HMAC's key",
    ),
    (
        "Transcript",
        "second without first",
        right(second='hmac.digest(root, b"\\2", "sha256")'),
        "the first output and b'\\2'",
    ),
    (
        "Transcript",
        "outputs swapped",
        right(keys="self.key, self.chain = self.two(secret)"),
        "the first output is the next chaining key",
    ),
    (
        "Transcript",
        "the chaining key stays",
        right(keys="_, self.key = self.two(secret)"),
        "replaces the chaining key too",
    ),
    ("Transcript", "the secret for a key", right(keys="self.key = secret"), "not the key itself"),
    (
        "Transcript",
        "the secret is hashed too",
        right(count="self.counter = 0; self.mix_hash(secret)"),
        "the hash is of what was sent",
    ),
    ("Transcript", "goes on counting", right(count="pass"), "a new key starts counting at 0"),
    ("Transcript", "never counts", right(used="pass"), "each number once"),
    ("Transcript", "binds nothing", right(bound="b''"), "goes in as associated data"),
    (
        "Transcript",
        "mixes the plaintext",
        right(sealed="plaintext", opened="plaintext"),
        "what is mixed in is what travels",
    ),
    (
        "Transcript",
        "mixes no plaintext when opening",
        right(opened="plaintext"),
        "the sealed part, which both have seen",
    ),
    (
        "Transcript",
        "nothing is sent in the clear",
        right().replace(
            "        self.mix_hash(part)\n        return part",
            "            self.mix_hash(part)\n        return part",
        ),
        "even when there is no key yet",
    ),
    (
        "Transcript",
        "what comes is not mixed",
        right(opened="b''").replace("self.mix_hash(b'')", "pass"),
        "what comes is mixed in, too",
    ),
    (
        "Transcript",
        "mixes before it opens",
        right(before="self.mix_hash(part)"),
        "decrypt with the hash as it was",
    ),
    (
        "Transcript",
        "counts before it opens",
        right(
            before="self.counter += 1",
            plain="plaintext = decrypt(self.key, self.counter - 1, self.hash, part); self.counter -= 1",
        ),
        "raise the counter afterwards",
    ),
    (
        "Transcript",
        "says nothing of a change",
        right(plain=LENIENT),
        "let decrypt's error through",
    ),
    (
        "Transcript",
        "keys of the hash",
        right(split="return self.two(self.hash)"),
        "derives from the chaining key and no secret",
    ),
    (
        "Transcript",
        "keys turned",
        right(split="return self.two(b'')[::-1]"),
        "the first output is the first key",
    ),
    (
        "Transcript",
        "the handshake's own keys",
        right(split="return self.chain, self.key"),
        "derive two fresh ones",
    ),
    ("Transcript", "one key", right(split="return self.two(b'')[0]"), "two keys of 32 bytes"),
    (
        "Transcript",
        "split mixes",
        right(split="self.mix_key(b''); return self.chain, self.key"),
        "only derive",
    ),
]
