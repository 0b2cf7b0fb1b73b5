"""What learners of lab 8 wrote: wrong answers for each task, with words of the hint that helps then.

Most are the solution of the lab's text with something changed, so they stay in step with it.
"""

# ruff: noqa: E501  # a learner's cell, as a change of the right one, is a line here

from __future__ import annotations

from tests.labs.lab08_content.learners.programs import PROGRAMS
from tests.labs.lab08_content.learners.trees import TREES
from tests.labs.mutating import answers, but

PRELUDE = """
import asyncio
import hashlib
import random
import zlib
from p2plib.errors import NotFound, RemoteError
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.labs.lab08_content.accepting import accept
from p2plib.labs.lab08_content.asking import AT_ONCE, missing
from p2plib.labs.lab08_content.cutting import cut
from p2plib.labs.lab08_content.entries import ENTRY
from p2plib.labs.lab08_content.proving import proven
from p2plib.labs.lab08_content.records import crc
from p2plib.labs.lab08_content.strangers import CHUNK, picture_of
from p2plib.labs.lab08_content.trees import leaf_hash, merkle_root, node_hash, split
"""
LEAST = 8  # wrong answers for each task

RIGHT = answers("lab08_content")


def _but(task: str, did: str, hint: str, *changes: str) -> tuple[str, str, str, str]:
    """The solution with some things changed: (task, what the learner did, the cell, words of the hint)."""
    return task, did, but(RIGHT[task], *changes), hint


LAST = "hashlib.sha256(log[-1]).digest() if log else bytes(32)"
APPEND = [
    _but("append", "no return", "is a return missing?", "    return body + ", "    body + "),
    _but(
        "append", "appends", "leave the log as it is", "return body +", "log.append(body +", "(ENTRY, body)", "(ENTRY, body))"
    ),
    _but("append", "gives the log", "not the longer log", "return body + secret.sign(ENTRY, body)", "return [*log, body + secret.sign(ENTRY, body)]"),
    _but("append", "counts from 0", "number 1, not 0", "(len(log) + 1)", "len(log)"),
    _but("append", "little-endian", "big-endian", '(8, "big")', '(8, "little")'),
    _but("append", "four bytes", "8 bytes, not 4", '(8, "big")', '(4, "big")'),
    _but("append", "the first entry's hash", "log[-1], not log[0]", "log[-1]", "log[0]"),
    _but("append", "hashes the content", "not its content alone", "log[-1]", "log[-1][72:-64]"),
    _but("append", "hashes what was signed", "with its signature", "log[-1]", "log[-1][:-64]"),
    _but("append", "no previous at first", "32 zero bytes as previous", "else bytes(32)", 'else b""'),
    _but("append", "the hash of nothing", "32 zero bytes as previous", LAST, 'hashlib.sha256(log[-1] if log else b"").digest()'),
    _but("append", "joins the key", "only bytes can be joined", "secret.public.raw", "secret.public"),
    _but("append", "no context", "without the context", "secret.sign(ENTRY, body)", "secret.sign_raw(body)"),
    _but("append", "signs the content", "only the content is signed", "(ENTRY, body)", "(ENTRY, content)"),
    _but("append", "unsigned", "signature is missing", " + secret.sign(ENTRY, body)", ""),
    _but("append", "the hash in hex", "not hexdigest()", "hashlib.sha256(log[-1]).digest()", "hashlib.sha256(log[-1]).hexdigest().encode()"),
    _but("append", "always takes the last", "an empty log has no log[-1]", " if log else bytes(32)", ""),
    _but("append", "one byte of number", "may be more than 255", '(len(log) + 1).to_bytes(8, "big")', "bytes([0] * 7 + [len(log) + 1])"),
    _but("append", "gives two values", "joined to one value", "return body + ", "return body, "),
    _but("append", "signature first", "the signature comes last", "return body + secret.sign(ENTRY, body)", "return secret.sign(ENTRY, body) + body"),
    _but("append", "content early", "the content comes after", "previous + sequence + content", "content + previous + sequence"),
    _but("append", "the name of the constant", "not the word in quotes", "secret.sign(ENTRY, body)", 'secret.sign("ENTRY", body)'),
    _but("append", "sequence first", "previous comes before sequence", "previous + sequence", "sequence + previous"),
]  # fmt: skip

HEAD = 'author.raw + previous + sequence.to_bytes(8, "big")'
VERIFIED = [
    _but("verified", "no return", "is a return missing?", "    return len(log)", "    len(log)"),
    _but("verified", "says yes", "return a number", "return len(log)", "return True", "return sequence - 1", "return False"),
    _but("verified", "lets it out", "never raise", "except RemoteError", "except KeyError"),
    _but("verified", "looks at the signature", "at least 72 bytes", "body[:72]", "entry[:72]"),
    _but("verified", "no signature", "verify the signature", "author.verify(ENTRY, body, entry[-64:])", "pass"),
    _but("verified", "any author", "must be the author's key", "body[:72] != head", "body[32:72] != head[32:]"),
    _but("verified", "no link", "link it", "body[:72] != head", "body[:32] + body[64:72] != head[:32] + head[64:]"),
    _but("verified", "no number", "must be one more", "body[:72] != head", "body[:64] != head[:64]"),
    _but("verified", "counts the bad one, too", "neither it nor anything after it", "return sequence - 1", "return sequence"),
    _but("verified", "counts one less", "includes all good ones", "return sequence - 1", "return max(0, sequence - 2)"),
    _but("verified", "counts from 0", "the first has number 1", "enumerate(log, 1)", "enumerate(log)"),
    _but("verified", "signature with the body", "without its last 64 bytes", "body, entry[", "entry, entry["),
    _but("verified", "hashes what was signed", "hash of the whole entry before it", "sha256(entry)", "sha256(entry[:-64])"),
    _but("verified", "goes on behind the bad one", "", "            return sequence - 1\n        try", "            continue\n        try"),
    _but("verified", "takes the author from the log", "author's key", "author.raw", "log[0][:32]", "author.verify", "PublicKey(entry[:32]).verify"),
    _but("verified", "the first may be linked", "before a first entry there is nothing", "previous = bytes(32)", "previous = log[0][32:64] if log else b''"),
]  # fmt: skip

WRITE = "file.write(size + crc(size) + crc(value) + value)"
APPEND_RECORD = [
    _but("append_record", "returns it", "file.write(...)", f"    {WRITE}\n    file.sync()", "    return size + value"),
    _but("append_record", "no sync", "call file.sync()", "    file.sync()\n", ""),
    _but("append_record", "sync first", "call file.sync()", f"    {WRITE}\n    file.sync()", f"    file.sync()\n    {WRITE}"),
    _but("append_record", "syncs half", "before the last write", f"{WRITE}\n    file.sync()", "file.write(size + crc(size) + crc(value))\n    file.sync()\n    file.write(value)"),
    _but("append_record", "no CRC of the size", "a CRC of its own", "crc(size) + ", ""),
    _but("append_record", "no CRCs", "a CRC of its own", "crc(size) + crc(value) + ", ""),
    _but("append_record", "the value alone", "begins with twelve bytes", "size + crc(size) + crc(value) + ", ""),
    _but("append_record", "CRCs exchanged", "the CRC of the size comes first", "crc(size) + crc(value)", "crc(value) + crc(size)"),
    _but("append_record", "CRC of both", "of the value alone", "crc(value)", "crc(size + value)"),
    _but("append_record", "CRC behind the value", "both CRCs come before", "crc(size) + crc(value) + value", "crc(size) + value + crc(value)"),
    _but("append_record", "one CRC of both", "there are two CRCs", "crc(size) + crc(value) + ", "crc(size + value) + "),
    _but("append_record", "little-endian", "the size is big-endian", 'value).to_bytes(4, "big")', 'value).to_bytes(4, "little")'),
    _but("append_record", "counts the frame", "counts the value alone", "len(value).to", "(len(value) + 12).to"),
    _but("append_record", "two bytes", "takes four bytes", 'value).to_bytes(4, "big")', 'value).to_bytes(2, "big")'),
    _but("append_record", "a line feed behind it", "and nothing else", "+ value)", '+ value + b"\\n")'),
    _but("append_record", "syncs for each part", "one for a record will do", WRITE, "for part in (size, crc(size), crc(value), value):\n        file.write(part)\n        file.sync()"),
]  # fmt: skip

RECOVER = [
    _but("recover", "no return", "is a return missing?", "return values, end", "values, end"),
    _but("recover", "values alone", "return two things", "return values, end", "return values"),
    _but("recover", "number first", "the values come first", "return values, end", "return end, values"),
    _but("recover", "all bytes", "count whole records", "return values, end", "return values, len(data)"),
    _but("recover", "believes a torn value", "a value that is cut short", "            break", "            pass", "if crc(value) != data[end + 8 : start]", "if len(value) == int.from_bytes(size, 'big') and crc(value) != data[end + 8 : start]"),
    _but("recover", "torn is damage", "a torn tail is not damage", "            break", "            raise ValueError"),
    _but("recover", "waits for the end", "torn tail", "while len(data) - end >= 12:", "while end < len(data):"),
    _but("recover", "damage is a tail", "believe a size", 'raise ValueError("a size is damaged")', "break"),
    _but("recover", "skips what is damaged", "that is a ValueError", '            raise ValueError("a value is damaged")', "            end = start + len(value)\n            continue"),
    _but("recover", "no CRC of the size", "believe a size", "if crc(size) != data[end + 4 : end + 8]", "if False"),
    _but("recover", "no CRC of the value", "that is a ValueError", "if crc(value) != data[end + 8 : start]", "if False"),
    _but("recover", "the last may be damaged", "in the last record, too", 'raise ValueError("a value is damaged")', 'if start + len(value) == len(data):\n                break\n            raise ValueError("a value is damaged")'),
    _but("recover", "one record", "go on while at least twelve bytes", "        end = start + len(value)\n", "        end = start + len(value)\n        break\n"),
    _but("recover", "forgets the frame", "compare each CRC", "start = end + 12", "start = end + 8"),
    _but("recover", "another exception", "damage is a ValueError", "raise ValueError", "raise KeyError"),
    _but("recover", "gives a tuple", "return a list", "return values, end", "return tuple(values), end"),
]  # fmt: skip

MISSING = [
    _but("missing", "no return", "is a return missing?", "return wanted", "wanted"),
    _but("missing", "from the last", "count + 1", "(author, count + 1, last)", "(author, count, last)"),
    _but("missing", "how many", "not how many there are", "count + 1, last)", "count + 1, last - count)"),
    _but("missing", "open end", "the last one is included", "count + 1, last)", "count + 1, last + 1)"),
    _but("missing", "equal, too", "no more than you", "if last > count", "if last >= count"),
    _but("missing", "indexes", "theirs.get(author, 0)", "theirs.get(author, 0)", "theirs[author]"),
    _but("missing", "no limit", "a liar may claim a billion", "min(theirs.get(author, 0), count + AT_ONCE)", "theirs.get(author, 0)"),
    _but("missing", "one more", "not one more", "count + AT_ONCE", "count + 1 + AT_ONCE"),
    _but("missing", "fifty in all", "the limit for each author", "    wanted = []", "    wanted, left = [], AT_ONCE", "count + AT_ONCE", "count + left", "            wanted.append", "            left -= last - count\n            wanted.append"),
    _but("missing", "always fifty", "no more than they have", "count + 1, last)", "count + 1, count + AT_ONCE)"),
    _but("missing", "gives a dict", "a list of tuples", "wanted = []", "wanted = {}", "wanted.append((author, count + 1, last))", "wanted[author] = (count + 1, last)"),
    _but("missing", "limits the last", "counted from your last", "count + AT_ONCE", "AT_ONCE"),
    _but("missing", "what they lack", "what you lack", "mine.items()", "theirs.items()", "theirs.get", "mine.get"),
    _but("missing", "everybody's", "the authors in mine", "for author, count in mine.items():", "for author in {**mine, **theirs}:\n        count = mine.get(author, 0)"),
    _but("missing", "in their order", "in their order", "for author, count in mine.items():", "for author in theirs:\n        if author not in mine: continue\n        count = mine[author]"),
]  # fmt: skip

VERIFY = "author.verify(ENTRY, entry[:-64], entry[-64:])"
ACCEPT = [
    _but("accept", "no return", "is a return missing?", "return longer, None", "longer, None"),
    _but("accept", "the log alone", "return two things", "return longer, None", "return longer"),
    _but("accept", "changes the log", "work on a copy", "longer = list(log)", "longer = log"),
    _but("accept", "lets it out", "catch RemoteError", "except RemoteError", "except KeyError"),
    _but("accept", "no signature", "verify each entry", VERIFY, "pass"),
    _but("accept", "any author", "must be the author's key", " or entry[:32] != author.raw", "", "author.verify", "PublicKey(entry[:32]).verify"),
    _but("accept", "any size", "at least 136 bytes", "len(entry) < 136 or ", ""),
    _but("accept", "no links", "hash of your last one", "        if entry[32:64] != last:\n            break\n", ""),
    _but("accept", "sees no fork", "compare what is signed", "if other != entry", "if False"),
    _but("accept", "forgets the log for forks", "compare what is signed", "signed = dict(enumerate(log, 1))", "signed = {}"),
    _but("accept", "chooses the first", "leave the log as it was", "return list(log), (other, entry)", "fork = (other, entry)", "longer = list(log)\n", "longer = list(log)\n    fork = locals().get('fork')\n", "return longer, None", "return longer, fork"),
    _but("accept", "an empty fork", "without a fork, return None", "return longer, None", "return longer, ()"),
    _but("accept", "the fork is a number", "return (one, other)", "(other, entry)", "len(log)"),
    _but("accept", "the same twice in the fork", "both entries as they came", "(other, entry)", "(entry, entry)"),
    _but("accept", "verifies all again", "nor the same bytes twice", "set(entries) - set(log)", "entries"),
    _but("accept", "one entry", "what is good must be accepted", "        longer.append(entry)", "        longer.append(entry)\n        break"),
    _but("accept", "in the order they came", "sort them by their numbers", "    while entry := signed.get(len(longer) + 1):", "    for entry in [e for e in entries if e in signed.values()]:"),
    _but("accept", "forgery cries fork", "it cried fork", VERIFY, "pass", "except RemoteError:\n            continue", "except RemoteError:\n            pass"),
    _but("accept", "stops at garbage", "", "            continue\n        try", "            break\n        try"),
]  # fmt: skip

ANSWERS = [*APPEND, *VERIFIED, *APPEND_RECORD, *RECOVER, *MISSING, *ACCEPT, *TREES, *PROGRAMS]
