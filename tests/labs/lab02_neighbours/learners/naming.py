"""Learners' answers in lab 2: questions and names. See the package."""

from __future__ import annotations

from tests.labs.mutating import answers, but

SOLVED = answers("lab02_neighbours")
ASK, READ = SOLVED["write_question"], SOLVED["read_name"]

_LABEL = "raw += bytes([len(text)]) + text"
_POINTER = "if target >= began:"

QUESTIONS = [
    ("with dots", but(ASK, 'in name.split("."):', "in [name]:"), "dots are not sent"),
    ("little end first", but(ASK, '">6H"', '"<6H"').replace('">2H"', '"<2H"'), "high one"),
    ("no zero", but(ASK, 'raw += b"\\0"', "pass"), "ends with a label of no bytes"),
    ("counts nothing", but(ASK, "0, 0, 1, 0, 0, 0", "0, 0, 0, 0, 0, 0"), "third number says one question"),
    ("counts an answer", but(ASK, "0, 0, 1, 0, 0, 0", "0, 0, 1, 1, 0, 0"), "no answers in a question"),
    ("half a header", but(ASK, '">6H", 0, 0, 1, 0, 0, 0', '">3H", 0, 0, 1'), "six numbers"),
    ("class first", but(ASK, "kind, 1)", "1, kind)"), "first the kind"),
    ("no class", but(ASK, "kind, 1)", "kind, 0)"), "the class is 1"),
    ("always SRV", but(ASK, "kind, 1)", "33, 1)"), "not always 33"),
    ("a byte of kind", but(ASK, "kind, 1)", "kind % 256, 1)"), "two bytes"),
    (
        "counts letters",
        but(ASK, "bytes([len(text)])", "bytes([len(label)])").replace("<= len(text)", "<= len(label)"),
        "count bytes",
    ),
    ("latin", but(ASK, "label.encode()", "label.encode('latin-1')"), "UTF-8"),
    ("long labels", but(ASK, "<= 63", "<= 255"), "63 bytes at most"),
    ("62", but(ASK, "<= 63", "< 63"), "still one"),
    ("empty labels", but(ASK, "1 <= len(text)", "0 <= len(text)"), "end of the name"),
    (
        "skips empty labels",
        but(ASK, 'in name.split("."):', 'in filter(None, name.split(".")):'),
        "not what was meant",
    ),
    ("strips dots", but(ASK, 'in name.split("."):', 'in name.strip(".").split("."):'), "not what was meant"),
    ("long names", but(ASK, "if len(raw) > 255:", "if False:"), "255 bytes at most"),
    ("255 without the zero", but(ASK, "if len(raw) > 255:", "if len(raw) > 256:"), "zero at the end count"),
    ("counts the text", but(ASK, "if len(raw) > 255:", "if len(name) > 255:"), "zero at the end count"),
    ("254", but(ASK, "if len(raw) > 255:", "if len(raw) >= 255:"), "255 bytes are allowed"),
    ("253", but(ASK, "if len(raw) > 255:", "if len(name) > 252:"), "255 bytes are allowed"),
    ("text", but(ASK, "return header", "return 'x' or header"), "12 bytes of header"),
]

READS = [
    ("no pointers", but(READ, "if byte >= 192:", "if False:"), "begins a pointer"),
    ("follows anywhere", but(READ, _POINTER, "if False:"), "lead to before the place"),
    (
        "counts jumps",
        but(READ, _POINTER, "jumps = locals().get('jumps', 0) + 1\n            if jumps > 200:"),
        "lead to before the place",
    ),
    ("not to itself", but(READ, _POINTER, "if target == offset - 1:"), "lead to before the place"),
    ("its own beginning", but(READ, _POINTER, "if target > began:"), "lead to before the place"),
    (
        "seen before",
        but(READ, "labels, size", "seen = set()\n    labels, size").replace(
            _POINTER, "if target in seen or seen.add(target):"
        ),
        "lead to before the place",
    ),
    (
        "the first beginning for all",
        but(READ, "offset = began = target", "offset = target"),
        "lead to before the place",
    ),
    ("one pointer", but(READ, _POINTER, "if target >= began or after is not None:"), "ends in a pointer"),
    (
        "ends where it led",
        but(READ, "after if after is not None else offset", "offset"),
        "follows the pointer's two bytes",
    ),
    ("ends behind the last", but(READ, "if after is None:", "if True:"), "behind the first of them"),
    ("one byte of pointer", but(READ, "after = offset + 1", "after = offset"), "step over both"),
    ("eight bits", but(READ, "(byte & 63) << 8 | packet[offset]", "packet[offset]"), "14 bits"),
    ("sixteen bits", but(READ, "(byte & 63) << 8", "byte << 8"), "low 14 bits"),
    ("no dots", but(READ, '".".join', '"".join'), "joined by dots"),
    ("one more", but(READ, "else offset", "else offset + 1"), "right after its zero"),
    (
        "the last byte",
        but(
            READ,
            'if offset >= len(packet):\n            raise DecodeError("the packet ends',
            'if offset > len(packet):\n            raise DecodeError("the packet ends',
        ),
        "look whether a byte is there",
    ),
    (
        "half a pointer",
        but(READ, "if offset >= len(packet):\n                raise", "if False:\n                raise"),
        "look whether a byte is there",
    ),
    ("long labels", but(READ, "byte > 63 or ", ""), "at most 63 bytes"),
    ("62", but(READ, "byte > 63", "byte > 62"), "still one"),
    ("128 is a pointer", but(READ, "byte >= 192", "byte >= 128"), "both of its high bits"),
    ("long names", but(READ, " or size > 255", ""), "at most 255 bytes"),
    ("256", but(READ, "size > 255", "size > 256"), "at most 255 bytes"),
    ("254", but(READ, "size > 255", "size > 254"), "255 bytes are allowed"),
    (
        "each piece for itself",
        but(READ, "offset = began = target", "offset = began = target; size = 1"),
        "over its pointers",
    ),
    ("any text", but(READ, "label.decode()", "label.decode('utf-8', 'replace')"), "decode strictly"),
    ("latin", but(READ, "label.decode()", "label.decode('latin-1')"), "ö takes two bytes"),
    (
        "pointers count",
        but(READ, "if after is None:", "size += 2\n            if after is None:"),
        "many pointers are allowed",
    ),
    (
        "a list",
        but(
            READ,
            'return ".".join(labels), after if after is not None else offset',
            'return [".".join(labels), after if after is not None else offset]',
        ),
        "byte by byte",
    ),
    (
        "calls itself",
        "def read_name(packet, offset):\n    byte = packet[offset]\n    if byte >= 192:\n"
        "        return read_name(packet, (byte & 63) << 8 | packet[offset + 1])[0], offset + 2\n"
        "    if not byte:\n        return '', offset + 1\n    end = offset + 1 + byte\n"
        "    rest, after = read_name(packet, end)\n"
        "    return packet[offset + 1 : end].decode() + ('.' + rest if rest else ''), after\n",
        "lead to before the place",
    ),
    (
        "None",
        but(READ, 'raise DecodeError("a pointer that leads nowhere", offset)', "return None"),
        "lead to before the place",
    ),
]

# Other ways to be right: a jump into one's own piece comes back to the same pointer, and grows too long
RIGHT = [but(READ, _POINTER, "if target >= offset - 1:"), but(READ, "len(label) < byte", "False")]

ANSWERS = [*(("write_question", *rest) for rest in QUESTIONS), *(("read_name", *rest) for rest in READS)]
