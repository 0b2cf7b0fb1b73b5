"""Learners' answers in lab 3: bencode, contacts, whom to ask, and questions. See the package."""

from __future__ import annotations

from tests.labs.mutating import answers, but

SOLVED = answers("lab03_dht")
WRITE, READ = SOLVED["bencode"], SOLVED["read_nodes"]
CHOOSE, ASK = SOLVED["next_to_ask"], SOLVED["Questions"]

BENCODES = [
    ("no colon", but(WRITE, "%d:%b", "%d%b"), "a colon stands"),
    (
        "no e",
        but(WRITE, '+ b"e"\n    if isinstance(value, dict)', "\n    if isinstance(value, dict)"),
        "bencode",
    ),
    ("no e at all", but(WRITE, "i%de", "i%d").replace('+ b"e"', ""), "end with an e"),
    ("n for numbers", but(WRITE, "i%de", "n%de"), "begins with an i"),
    ("unsorted", but(WRITE, "in sorted(value)", "in value"), "keys of a dict rise"),
    ("falling", but(WRITE, "in sorted(value)", "in sorted(value, reverse=True)"), "here they fall"),
    (
        "short keys first",
        but(WRITE, "in sorted(value)", "in sorted(value, key=lambda k: (len(k), k))"),
        "for all its length",
    ),
    (
        "capitals with the others",
        but(WRITE, "in sorted(value)", "in sorted(value, key=bytes.lower)"),
        "capital letters",
    ),
    (
        "value first",
        but(WRITE, "bencode(key) + bencode(value[key])", "bencode(value[key]) + bencode(key)"),
        "first the key",
    ),
    (
        "sorts pairs",
        but(
            WRITE,
            "pairs = (bencode(key) + bencode(value[key]) for key in sorted(value))",
            "pairs = sorted(bencode(key) + bencode(value[key]) for key in value)",
        ),
        "b'aa' comes before",
    ),
    (
        "text",
        but(
            WRITE,
            "    raise TypeError(f",
            "    if isinstance(value, str):\n        return bencode(value.encode())\n    raise TypeError(f",
        ),
        "how it is encoded",
    ),
    (
        "text as keys",
        but(WRITE, "isinstance(key, bytes) for", "isinstance(key, (bytes, str)) for").replace(
            "(bencode(key) + ", "(bencode(key if isinstance(key, bytes) else key.encode()) + "
        ),
        "byte strings, too",
    ),
    (
        "any keys",
        but(WRITE, "if not all(isinstance(key, bytes) for key in value):", "if False:"),
        "keys of a dict are byte strings",
    ),
    ("True", but(WRITE, " and not isinstance(value, bool)", ""), "look for bool first"),
    (
        "True as 1",
        but(WRITE, "i%de", "i%de").replace(
            "isinstance(value, int) and not isinstance(value, bool)", "isinstance(value, (int, bool))"
        ),
        "look for bool first",
    ),
    (
        "fractions",
        but(WRITE, "isinstance(value, int)", "isinstance(value, (int, float))"),
        "whole numbers and no others",
    ),
    (
        "None",
        but(
            WRITE,
            "    raise TypeError(f",
            "    if value is None:\n        return b'0:'\n    raise TypeError(f",
        ),
        "no form for nothing",
    ),
    (
        "lets it break",
        but(WRITE, "    raise TypeError(f", "    return bencode(value.encode())\n    raise TypeError(f"),
        "expected TypeError",
    ),
    ("list of one", but(WRITE, "for item in value)", "for item in value[:1])"), "bytes: length, colon"),
    (
        "text out",
        but(WRITE, 'b"%d:%b" % (len(value), value)', 'f"{len(value)}:{value}"'),
        "bytes: length, colon",
    ),
]

_PORT = 'int.from_bytes(raw[at + 24 : at + 26], "big")'
_ID = 'int.from_bytes(raw[at : at + 20], "big")'
_GOOD = "acceptable((host, port), teller)"

READS = [
    ("little ids", but(READ, _ID, _ID.replace("big", "little")), "id is the high one"),
    ("little ports", but(READ, _PORT, _PORT.replace("big", "little")), "port is the high one"),
    ("all little", but(READ, '"big"', '"little"'), "number is the high one"),
    ("ids as bytes", but(READ, _ID, "raw[at : at + 20]"), "with the id as a number"),
    (
        "pairs",
        but(READ, "Contact(ident, (host, port))", "(raw[at : at + 20], (host, port))"),
        "with the id as a number",
    ),
    ("the first", but(READ, "return contacts", "return contacts[:1]"), "go on after the first"),
    ("eight", but(READ, "return contacts", "return contacts[:8]"), "take all that are there"),
    ("any length", but(READ, "if len(raw) % 26:", "if False:"), "26 bytes"),
    (
        "cuts the rest",
        but(
            READ,
            'if len(raw) % 26:\n        raise DecodeError(f"{len(raw)} bytes of contacts")',
            "raw = raw[: len(raw) // 26 * 26]",
        ),
        "26 bytes for each contact",
    ),
    (
        "None for a cut",
        but(READ, 'raise DecodeError(f"{len(raw)} bytes of contacts")', "return []"),
        "26 bytes for each contact",
    ),
    ("IPv6 too", but(READ, "% 26:", "% 26 and len(raw) % 38:"), "number of bytes first"),
    ("all of them", but(READ, _GOOD, "True"), "to some, nothing can be sent"),
    ("all but port 0", but(READ, _GOOD, "port"), "your own router"),
    ("by host alone", but(READ, _GOOD, "port and acceptable((host, 6881), teller)"), "a name server's"),
    (
        "never its own site",
        but(READ, _GOOD, "acceptable((host, port), ('203.0.113.5', 1))"),
        "may name neighbours",
    ),
    (
        "one bad spoils all",
        but(
            READ,
            "if " + _GOOD + ":",
            "if not acceptable((host, port), teller):\n"
            "            raise DecodeError('bad')\n        if True:",
        ),
        "the others are still of use",
    ),
    (
        "stops at a bad one",
        but(
            READ,
            "if " + _GOOD + ":",
            "if not acceptable((host, port), teller):\n            break\n        if True:",
        ),
        "those after it",
    ),
    (
        "peers first",
        but(READ, "raw[at : at + 20]", "raw[at + 6 : at + 26]")
        .replace("raw[at + 20 : at + 24]", "raw[at : at + 4]")
        .replace("raw[at + 24 : at + 26]", "raw[at + 4 : at + 6]"),
        "26 bytes each",
    ),
]

CHOICES = [
    ("by difference", but(CHOOSE, "contact.id ^ target", "abs(contact.id - target)"), "nearness is XOR"),
    ("by id", but(CHOOSE, "contact.id ^ target", "contact.id"), "nearest to the target"),
    (
        "unsorted",
        but(CHOOSE, "sorted(living, key=lambda contact: contact.id ^ target)", "living"),
        "nearest first",
    ),
    ("farthest", but(CHOOSE, "contact.id ^ target", "-(contact.id ^ target)"), "the farthest"),
    ("all at once", but(CHOOSE, "[:alpha]", ""), "at most alpha"),
    (
        "asked first",
        but(CHOOSE, "if contact not in silent]", "if contact not in silent and contact not in asked]"),
        "it is over",
    ),
    ("no k", but(CHOOSE, "[:k]", ""), "it is over"),
    ("silent too", but(CHOOSE, " if contact not in silent", ""), "the next one moves up"),
    (
        "asks the silent",
        but(CHOOSE, " if contact not in silent", "").replace(
            "if contact not in asked", "if contact not in asked or contact in silent"
        ),
        "leave out the silent",
    ),
    ("eight", but(CHOOSE, "[:k]", "[:8]"), "it is not always 8"),
    ("three", but(CHOOSE, "[:alpha]", "[:3]"), "not always 3"),
    ("asks again", but(CHOOSE, " if contact not in asked", ""), "leave out the asked"),
    (
        "sorts in place",
        but(
            CHOOSE,
            "living = [contact for contact in known if contact not in silent]",
            "known.sort(key=lambda c: c.id ^ target)\n    living = [c for c in known if c not in silent]",
        ),
        "changed its argument",
    ),
    (
        "notes whom it asks",
        but(CHOOSE, "return [", "new = [").rstrip() + "\n    asked.update(new)\n    return new\n",
        "copy",
    ),
    ("ids", but(CHOOSE, "return [contact for", "return [contact.id for"), "leave out the silent"),
    (
        "a set",
        but(
            CHOOSE,
            "return [contact for contact in nearest if contact not in asked][:alpha]",
            "return set([c for c in nearest if c not in asked][:alpha])",
        ),
        "leave out the silent",
    ),
]

QUESTIONS = [
    (
        "counts",
        but(ASK, "self.rng.randbytes(2)", "len(self.waiting).to_bytes(2, 'big')"),
        "few different transactions",
    ),
    (
        "counts from chance",
        but(ASK, "self.waiting = {}", "self.waiting = {}; self.n = rng.getrandbits(15)  #").replace(
            "        transaction = self.rng.randbytes(2)\n        while",
            "        self.n += 1\n        transaction = self.n.to_bytes(2, 'big')\n        while",
        ),
        "must not know the next",
    ),
    (
        "one byte by chance",
        but(ASK, "transaction = self.rng.randbytes(2)", "transaction = bytes([self.rng.randrange(16), 7])"),
        "few different transactions",
    ),
    ("its own chance", but(ASK, "self.rng.randbytes(2)", "random.randbytes(2)"), "rng that you were given"),
    ("four bytes", but(ASK, "randbytes(2)", "randbytes(4)"), "two bytes"),
    ("text for t", but(ASK, 'b"t": transaction', 'b"t": 7'), "two bytes"),
    ("draws once", but(ASK, "while transaction in self.waiting:", "while False:"), "draw until it is new"),
    ("a tuple", but(ASK, "return bencode(", "return ("), "return the datagram"),
    ("r", but(ASK, 'b"y": b"q"', 'b"y": b"r"'), "q, for a query"),
    ("always get_peers", but(ASK, 'b"q": method', 'b"q": b"get_peers"'), "as it was given"),
    ("no id", but(ASK, '{**arguments, b"id": own_id}', "arguments"), "our own id as 20 bytes"),
    (
        "id outside",
        but(ASK, 'b"a": {**arguments, b"id": own_id},', 'b"a": arguments, b"id": own_id,'),
        "our own id as 20 bytes",
    ),
    ("little id", but(ASK, 'to_bytes(20, "big")', 'to_bytes(20, "little")'), "our own id as 20 bytes"),
    ("their id", but(ASK, '{**arguments, b"id": own_id}', '{b"id": own_id, **arguments}'), "always our own"),
    (
        "changes arguments",
        but(ASK, '{**arguments, b"id": own_id}', "arguments.update({b'id': own_id}) or arguments"),
        "into a copy",
    ),
    ("no ro", but(ASK, ', b"ro": 1', ""), "we only ask"),
    ("a version", but(ASK, 'b"ro": 1,', 'b"ro": 1, b"v": b"me",'), "no others"),
    (
        "forgets whom",
        but(ASK, "self.waiting[transaction] = address", "self.waiting[transaction] = None"),
        "r",
    ),
    (
        "any source",
        but(ASK, "if self.waiting.get(transaction) != source:", "if transaction not in self.waiting:"),
        "the very address that was asked",
    ),
    (
        "any port",
        but(
            ASK,
            "if self.waiting.get(transaction) != source:",
            "if self.waiting.get(transaction, [0])[0] != source[0]:",
        ),
        "the very address that was asked",
    ),
    (
        "any transaction",
        but(
            ASK, "if self.waiting.get(transaction) != source:", "if source not in self.waiting.values():"
        ).replace("del self.waiting[transaction]", "self.waiting.pop(transaction, None)"),
        "look for",
    ),
    ("any kind", but(ASK, ' or message.get(b"y") != b"r"', ""), "y says what a message is"),
    ("any dict", but(ASK, "if not isinstance(message, dict) or", "if"), "look at the type"),
    ("trusts y", but(ASK, 'message.get(b"y")', 'message[b"y"]'), "look at the type"),
    (
        "any t",
        but(ASK, "        if not isinstance(transaction, bytes):\n            return None\n", ""),
        "look at the type",
    ),
    ("any content", but(ASK, "if isinstance(content, dict) else None", ""), "look at the type"),
    (
        "any id",
        but(ASK, "if not isinstance(ident, bytes) or len(ident) != 20:", "if ident is None:"),
        "20 bytes",
    ),
    (
        "no id needed",
        but(ASK, "if not isinstance(ident, bytes) or len(ident) != 20:", "if not isinstance(content, dict):"),
        "20 bytes",
    ),
    ("keeps waiting", but(ASK, "        del self.waiting[transaction]\n", ""), "answered once"),
    (
        "takes out at once",
        but(
            ASK,
            "if self.waiting.get(transaction) != source:",
            "if self.waiting.pop(transaction, None) != source:",
        ).replace("        del self.waiting[transaction]\n", ""),
        "changes nothing",
    ),
    ("the whole message", but(ASK, "return content", "return message"), "under r"),
    ("no try", but(ASK, "except DecodeError:", "except KeyError:"), "return None"),
    (
        "one for all",
        but(ASK, "self.waiting = {}", "pass").replace(
            "class Questions:\n", "class Questions:\n    waiting = {}\n"
        ),
        "belongs to all its objects",
    ),
    (
        "refuses v",
        but(ASK, "if not isinstance(message, dict)", "if not isinstance(message, dict) or len(message) > 3"),
        "more than they must",
    ),
]

ANSWERS = [
    *(("bencode", *rest) for rest in BENCODES),
    *(("read_nodes", *rest) for rest in READS),
    *(("next_to_ask", *rest) for rest in CHOICES),
    *(("Questions", *rest) for rest in QUESTIONS),
]
