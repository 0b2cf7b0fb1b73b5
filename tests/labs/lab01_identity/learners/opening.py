"""Learners' answers: opening an envelope, and finding impostors. See `tests.labs.lab01_identity.learners`."""

from __future__ import annotations


def _open(*, author: str = "PublicKey(envelope[:32])", check: str = "", verify: str, give: str = "") -> str:
    return f"""
def open_envelope(context, envelope):
    author = {author}
    size, start = varint.decode(envelope, 32)
    end = start + size
    {check or "pass"}
    {verify}
    {give or "return author, envelope[start:end]"}
"""


FIT = "if len(envelope) != end + 64: raise ValueError('does not fit')"
VERIFY = "author.verify(context, envelope[:end], envelope[end:])"


def _impostors(valid: str, *, errors: str = "RemoteError", tail: str = "return found") -> str:
    body = "\n            ".join(valid.strip().split("\n"))
    return f"""
def impostors(context, feed):
    newest, found, seen = {{}}, [], set()
    for place, post in enumerate(feed):
        try:
            {body}
        except {errors}:
            found.append(place)
    {tail}
"""


GOOD_POST = """PublicKey(post.author).verify(context, post.signed, post.signature)
if post.number <= newest.get(post.author, -1): raise SignatureError("old")
newest[post.author] = post.number"""

# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    (
        "open_envelope",
        "an if around verify",
        _open(
            check=FIT,
            verify="if not author.verify(context, envelope[:end], "
            "envelope[end:]): raise SignatureError('bad')",
        ),
        "verify returns None when all is well",
    ),
    (
        "open_envelope",
        "an if around verify, ValueError",
        _open(
            check=FIT,
            verify="if not author.verify(context, envelope[:end], envelope[end:]): raise ValueError('bad')",
        ),
        "verify returns None when all is well",
    ),
    (
        "open_envelope",
        "an if around verify, DecodeError",
        _open(
            check=FIT,
            verify="if not author.verify(context, envelope[:end], envelope[end:]): raise DecodeError('bad')",
        ),
        "verify returns None when all is well",
    ),
    (
        "open_envelope",
        "does not verify",
        _open(check=FIT, verify="pass"),
        "is the signature verified at all?",
    ),
    (
        "open_envelope",
        "verifies the payload",
        _open(check=FIT, verify="author.verify(context, envelope[start:end], envelope[end:])"),
        "the bytes that were signed",
    ),
    (
        "open_envelope",
        "swallows the error",
        """
def open_envelope(context, envelope):
    try:
        author = PublicKey(envelope[:32])
        size, start = varint.decode(envelope, 32)
        author.verify(context, envelope[:-64], envelope[-64:])
        return author, envelope[start:-64]
    except Exception:
        return None
""",
        "raise instead",
    ),
    ("open_envelope", "asserts", _open(check="assert len(envelope) == end + 64", verify=VERIFY), "python -O"),
    (
        "open_envelope",
        "64 bytes and not the rest",
        _open(verify="author.verify(context, envelope[:end], envelope[end:end + 64])"),
        "nothing after it",
    ),
    (
        "open_envelope",
        "goes by the end",
        _open(
            verify="author.verify(context, envelope[:-64], envelope[-64:])",
            give="return author, envelope[start:-64]",
        ),
        "one peer goes by the size and another by the end",
    ),
    (
        "open_envelope",
        "size of one byte",
        """
def open_envelope(context, envelope):
    author = PublicKey(envelope[:32])
    size = envelope[32]
    end = 33 + size
    if len(envelope) != end + 64: raise ValueError
    author.verify(context, envelope[:end], envelope[end:])
    return author, envelope[33:end]
""",
        "more bytes for larger sizes",
    ),
    (
        "open_envelope",
        "off by one",
        _open(
            verify="author.verify(context, envelope[:end], envelope[end:])",
            give="return author, envelope[start + 1:end]",
        ),
        "begin where varint.decode says",
    ),
    (
        "open_envelope",
        "raw author",
        _open(check=FIT, verify=VERIFY, give="return author.raw, envelope[start:end]"),
        "return the PublicKey",
    ),
    (
        "open_envelope",
        "own varint",
        """
def open_envelope(context, envelope):
    author = PublicKey(envelope[:32])
    size = shift = 0
    at = 32
    while True:
        byte = envelope[at]
        size |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128: break
    end = at + size
    if len(envelope) != end + 64: raise ValueError
    author.verify(context, envelope[:end], envelope[end:])
    return author, envelope[at:end]
""",
        "must not crash you",
    ),
    (
        "open_envelope",
        "own varint, careful",
        """
def open_envelope(context, envelope):
    author = PublicKey(envelope[:32])
    size = shift = 0
    at = 32
    while True:
        if at >= len(envelope): raise ValueError
        byte = envelope[at]
        size |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128: break
    end = at + size
    if len(envelope) != end + 64: raise ValueError
    author.verify(context, envelope[:end], envelope[end:])
    return author, envelope[at:end]
""",
        "two spellings of one size",
    ),
    (
        "open_envelope",
        "a context of its own",
        _open(check=FIT, verify="author.verify('lab01/note/1', envelope[:end], envelope[end:])"),
        "in the context you were given",
    ),
    (
        "impostors",
        "nothing but verify",
        _impostors("PublicKey(post.author).verify(context, post.signed, post.signature)"),
        "remember the highest number of each author",
    ),
    (
        "impostors",
        "SignatureError alone",
        _impostors(GOOD_POST, errors="SignatureError"),
        "both are kinds of RemoteError",
    ),
    (
        "impostors",
        "numbers before verifying",
        _impostors(
            "old = post.number <= newest.get(post.author, -1)\n"
            "newest[post.author] = max(post.number, newest.get(post.author, -1))\n"
            "PublicKey(post.author).verify(context, post.signed, post.signature)\n"
            "if old: raise SignatureError('old')"
        ),
        "only once the signature has been verified",
    ),
    (
        "impostors",
        "one counter for all",
        _impostors(
            "PublicKey(post.author).verify(context, post.signed, post.signature)\n"
            "if post.number <= newest.get(0, -1): raise SignatureError('old')\nnewest[0] = post.number"
        ),
        "number each author's posts separately",
    ),
    ("impostors", "takes equal numbers", _impostors(GOOD_POST.replace("<=", "<")), "ask for a higher one"),
    (
        "impostors",
        "copies alone",
        _impostors(
            "PublicKey(post.author).verify(context, post.signed, post.signature)\n"
            "if post.signature in seen: raise SignatureError('old')\nseen.add(post.signature)"
        ),
        "not every number",
    ),
    (
        "impostors",
        "no continue after a copy",
        _impostors(
            "PublicKey(post.author).verify(context, post.signed, post.signature)\n"
            "if post.number <= newest.get(post.author, -1): found.append(place)\n"
            "newest[post.author] = post.number"
        ),
        "that only ever rises",
    ),
    ("impostors", "returns posts", _impostors(GOOD_POST, tail="return [feed[i] for i in found]"), "places"),
    ("impostors", "starts at 0 excluded", _impostors(GOOD_POST.replace("-1", "0")), "even 0"),
    (
        "impostors",
        "other bytes",
        _impostors("PublicKey(post.author).verify(context, post.text.encode(), post.signature)"),
        "verify post.signed",
    ),
    (
        "impostors",
        "stops at the first",
        _impostors(GOOD_POST).replace("found.append(place)", "return [place]"),
        "go on after the first",
    ),
]
