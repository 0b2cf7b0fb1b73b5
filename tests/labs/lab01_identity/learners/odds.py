"""Learners' answers: collisions, and sealing an envelope. See `tests.labs.lab01_identity.learners`."""

from __future__ import annotations

# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    (
        "first_collision",
        "a list",
        """
def first_collision(draw):
    seen = []
    while True:
        name = draw()
        if name in seen: return len(seen) + 1
        seen.append(name)
""",
        "a set finds a name in one step",
    ),
    (
        "first_collision",
        "forgets the last",
        """
def first_collision(draw):
    seen = set()
    while (n := draw()) not in seen: seen.add(n)
    return len(seen)
""",
        "is a peer too: count it",
    ),
    (
        "first_collision",
        "waits for the first",
        """
def first_collision(draw):
    first, n = draw(), 1
    while True:
        n += 1
        if draw() == first: return n
""",
        "any pair will do",
    ),
    (
        "first_collision",
        "draws in the test and the body",
        """
def first_collision(draw):
    seen = set()
    while draw() not in seen: seen.add(draw())
    return len(seen) + 1
""",
        "call it once a round",
    ),
    (
        "first_collision",
        "never adds",
        """
def first_collision(draw):
    seen = set()
    count = 1
    while draw() not in seen: count += 1
    return count
""",
        "remember every name drawn so far",
    ),
    (
        "collision_chance",
        "1 - exp",
        """
def collision_chance(n, space):
    return 1 - math.exp(-n * (n - 1) / (2 * space))
""",
        "math.expm1",
    ),
    (
        "collision_chance",
        "brackets",
        """
def collision_chance(n, space):
    return 1 - math.exp(-n * (n - 1) / 2 * space)
""",
        "put 2 * space in brackets",
    ),
    (
        "collision_chance",
        "n squared",
        """
def collision_chance(n, space):
    return 1 - math.exp(-n**2 / (2 * space))
""",
        "n(n-1)/2 pairs",
    ),
    (
        "collision_chance",
        "whole division",
        """
def collision_chance(n, space):
    return 1 - math.exp(-(n * (n - 1) // (2 * space)))
""",
        "rounds down",
    ),
    (
        "collision_chance",
        "the union bound",
        """
def collision_chance(n, space):
    return min(1.0, n*(n-1)/2/space)
""",
        "expected number",
    ),
    (
        "collision_chance",
        "a product in a loop",
        """
def collision_chance(n, space):
    p = 1.0
    for i in range(n):
        p *= 1 - i / space
    return 1 - p
""",
        "that is the exact chance",
    ),
    (
        "seal_envelope",
        "forgot the context",
        """
def seal_envelope(secret, context, payload):
    body = secret.public.raw + varint.encode(len(payload)) + payload
    return body + secret.sign_raw(body)
""",
        "without the context",
    ),
    (
        "seal_envelope",
        "signs the payload",
        """
def seal_envelope(secret, context, payload):
    body = secret.public.raw + varint.encode(len(payload)) + payload
    return body + secret.sign(context, payload)
""",
        "only the payload",
    ),
    (
        "seal_envelope",
        "one byte of size",
        """
def seal_envelope(secret, context, payload):
    body = secret.public.raw + bytes([len(payload)]) + payload
    return body + secret.sign(context, body)
""",
        "use varint.encode",
    ),
    (
        "seal_envelope",
        "no size",
        """
def seal_envelope(secret, context, payload):
    body = secret.public.raw + payload
    return body + secret.sign(context, body)
""",
        "the size is missing",
    ),
    (
        "seal_envelope",
        "size with the signature",
        """
def seal_envelope(secret, context, payload):
    body = secret.public.raw + varint.encode(len(payload) + 64) + payload
    return body + secret.sign(context, body)
""",
        "size of the payload only",
    ),
    (
        "seal_envelope",
        "returns nothing",
        """
def seal_envelope(secret, context, payload):
    body = secret.public.raw
""",
        "is a return missing?",
    ),
    (
        "seal_envelope",
        "adds the key itself",
        """
def seal_envelope(secret, context, payload):
    return secret.public + payload
""",
        ".raw",
    ),
]
