"""Learners' answers: contacts, and changing one's key. See `tests.labs.lab01_identity.learners`."""

from __future__ import annotations


def _contacts(
    *,
    init: str = "self.petnames = {}",
    taken: str = "skeleton(taken) == skeleton(petname) and other != key",
    fit: str = "not skeleton(petname) or not petname.isprintable() or len(petname) > 32",
    before: str = "pass",
    show: str = '"".join(c for c in nickname if c.isprintable())[:32]',
    same: str = "skeleton(taken) == skeleton(shown)",
    known: str = "if key in self.petnames: return self.petnames[key]",
    top: str = "pass",
) -> str:
    return f"""
class Contacts:
    {top}
    def __init__(self):
        {init}
    def assign(self, key, petname):
        {before}
        if {fit}:
            raise ValueError(petname)
        for other, taken in self.petnames.items():
            if {taken}:
                raise ValueError(petname)
        self.petnames[key] = petname
    def display(self, key, nickname):
        {known}
        shown = {show}
        claim = f'"{{shown}}" ({{to_proquint(key.raw[:4])}})'
        for taken in self.petnames.values():
            if {same}:
                return f"not {{taken}}: {{claim}}"
        return claim
"""


def _rotate(body: str = "old.public.raw + new.public.raw + promise", rest: str = "") -> str:
    return f"""
def rotate(old, new, promise):
    body = {body}
    {rest or "return new.public.raw + promise + old.sign(ROTATION, body) + new.sign(ROTATION, body)"}
"""


def _follow(
    *,
    size: str = "if len(raw) != 192: continue",
    promise: str = "if hashlib.sha256(raw[:32]).digest() != state.promise: continue",
    old: str = "state.key.verify(ROTATION, body, raw[64:128])",
    new: str = "new.verify(ROTATION, body, raw[128:192])",
    give: str = "Following(new, raw[32:64])",
    errors: str = "except RemoteError: continue",
    rounds: str = "for _ in range(len(heard) + 1)",
    body: str = "state.key.raw + raw[:64]",
) -> str:
    return f"""
def follow(state, heard):
    {rounds}:
        for raw in heard:
            {size}
            {promise}
            body = {body}
            try:
                new = PublicKey(raw[:32])
                {old}
                {new}
            {errors}
            state = {give}
    return state
"""


# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    (
        "Contacts",
        "compares with ==",
        _contacts(taken="taken == petname and other != key"),
        "compare skeletons of all",
    ),
    ("Contacts", "nickname with ==", _contacts(same="taken == shown"), "compare the skeletons"),
    (
        "Contacts",
        "a dict in the class",
        _contacts(init="pass", top="petnames = {}"),
        "belongs to all",
    ),
    (
        "Contacts",
        "by name",
        """
class Contacts:
    def __init__(self): self.keys = {}
    def assign(self, key, petname):
        self.keys[petname] = key
    def display(self, key, nickname):
        for name, k in self.keys.items():
            if k == key: return name
        return f'"{nickname}" ({to_proquint(key.raw[:4])})'
""",
        "called out",
    ),
    ("Contacts", "cannot rename", _contacts(taken="skeleton(taken) == skeleton(petname)"), "of another key"),
    (
        "Contacts",
        "changes, then checks",
        _contacts(before="self.petnames[key] = petname"),
        "check first, then change",
    ),
    ("Contacts", "shows everything", _contacts(show="nickname[:32]"), "show only the characters"),
    (
        "Contacts",
        "shows all its length",
        _contacts(show='"".join(c for c in nickname if c.isprintable())'),
        "cut a nickname",
    ),
    ("Contacts", "believes nicknames", _contacts(known="pass"), "shown under it"),
    (
        "Contacts",
        "takes hidden characters",
        _contacts(fit="not skeleton(petname) or len(petname) > 32"),
        "all of which show",
    ),
    (
        "rotate",
        "the old one alone signs",
        _rotate(rest="return new.public.raw + promise + old.sign(ROTATION, body)"),
        "the new key signs as well",
    ),
    ("rotate", "old not signed", _rotate("new.public.raw + promise"), "the old key belongs in"),
    ("rotate", "promise not signed", _rotate("old.public.raw + new.public.raw"), "the promise is not signed"),
    (
        "rotate",
        "swapped",
        _rotate(rest="return new.public.raw + promise + new.sign(ROTATION, body) + old.sign(ROTATION, body)"),
        "comes first",
    ),
    (
        "rotate",
        "hashes again",
        """
def rotate(old, new, promise):
    promise = hashlib.sha256(promise).digest()
    body = old.public.raw + new.public.raw + promise
    return body[32:] + old.sign(ROTATION, body) + new.sign(ROTATION, body)
""",
        "is already a hash",
    ),
    ("follow", "no promise", _follow(promise="pass"), "must be the promise"),
    ("follow", "old not verified", _follow(old="pass"), "the key in use must sign"),
    ("follow", "new not verified", _follow(new="pass"), "the new key must sign"),
    ("follow", "once through", _follow(rounds="for _ in range(1)"), "look again at everything heard"),
    (
        "follow",
        "raises",
        _follow(errors="except RemoteError: raise ValueError('forged')"),
        "skip what is not",
    ),
    ("follow", "stops at a bad one", _follow(errors="except RemoteError: return state"), "go on to the next"),
    ("follow", "size forgotten", _follow(size="pass"), "192 bytes, no more and no fewer"),
    (
        "follow",
        "promise last",
        _follow(
            promise="pass",
            give="Following(new, raw[32:64]) if hashlib.sha256(raw[:32]).digest()"
            " == state.promise else state",
        ),
        "compare the promise first",
    ),
    ("follow", "keeps the old promise", _follow(give="Following(new, state.promise)"), "bytes 32 to 64"),
    (
        "follow",
        "a tuple",
        _follow().replace("return state", "return state.key, state.promise"),
        "return a Following",
    ),
    ("follow", "other bytes", _follow(body="raw[:64]"), "old ‖ new ‖ promise"),
]
