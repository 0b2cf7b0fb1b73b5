"""Domain names and their compression: RFC 1035's own example, every hostile pointer, text there and back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mdns.names import DomainName, NameReader, NameWriter, dissect_name, read_name
from p2plib.errors import DecodeError, UsageError
from tests.discovery.mdns.dns_strategies import names

HEADER = bytes(12)


def rfc_1035_example() -> bytes:
    """Section 4.1.4: F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64, the root at 92."""
    raw = bytearray(93)
    raw[20:32] = b"\x01F\x03ISI\x04ARPA\x00"
    raw[40:46] = b"\x03FOO\xc0\x14"
    raw[64:66] = b"\xc0\x1a"
    return bytes(raw)


@pytest.mark.parametrize(
    ("offset", "text", "end"),
    [(20, "F.ISI.ARPA.", 32), (40, "FOO.F.ISI.ARPA.", 46), (64, "ARPA.", 66), (92, ".", 93)],
)
def test_the_example_of_rfc_1035(offset: int, text: str, end: int) -> None:
    name, after = read_name(rfc_1035_example(), offset)
    assert (str(name), after) == (text, end)


def test_writing_finds_the_same_pointers() -> None:
    out, writer = bytearray(20), NameWriter()
    for offset, text in ((20, "F.ISI.ARPA"), (40, "FOO.F.ISI.ARPA"), (64, "ARPA"), (92, ".")):
        out += bytes(offset - len(out))
        writer.write(out, DomainName.parse(text))
    assert bytes(out) == rfc_1035_example()


def test_what_is_too_far_for_a_pointer_is_written_in_full() -> None:
    out, writer = bytearray(0x4000), NameWriter()
    for _ in range(2):
        writer.write(out, DomainName.parse("a.b"))
    assert out[0x4000:] == b"\x01a\x01b\x00" * 2


def test_a_name_that_may_not_be_compressed_can_still_be_pointed_to() -> None:
    out, writer = bytearray(12), NameWriter()
    writer.write(out, DomainName.parse("a.b"))
    writer.write(out, DomainName.parse("c.a.b"), compress=False)
    writer.write(out, DomainName.parse("c.a.b"))
    assert out[12:] == b"\x01a\x01b\x00" + b"\x01c\x01a\x01b\x00" + b"\xc0\x11"


LONG = b"".join(b"\x3f" + bytes([65 + count]) * 63 for count in range(4)) + b"\x29" + b"z" * 41 + b"\x00"


@pytest.mark.fault("F060")
@pytest.mark.parametrize(
    ("raw", "rule", "offset"),
    [
        (b"\xc0\x0c", "not before", 12),  # to itself
        (b"\xc0\x0e\x01a\x00", "not before", 12),  # forward
        (b"\x01a\xc0\x0c", "not before", 14),  # into itself: a loop
        (b"\xc0\x00", "into the header", 12),
        (b"\xc0", "ends within a pointer", 13),
        (b"\x05ab", "ends within a label", 15),
        (b"\x01a", "ends within a name", 14),
        (b"\x40a\x00", "bits 00 or 11", 12),
        (b"\x80a\x00", "bits 00 or 11", 12),
        (LONG, "more than 255", 12),
    ],
    ids=[
        "itself",
        "forward",
        "loop",
        "header",
        "half a pointer",
        "half a label",
        "no end",
        "01",
        "10",
        "300",
    ],
)
def test_hostile_names(raw: bytes, rule: str, offset: int) -> None:
    with pytest.raises(DecodeError, match=rule) as caught:
        read_name(HEADER + raw, 12)
    assert caught.value.offset == offset


@pytest.mark.fault("F060")
def test_two_pointers_that_lead_to_each_other() -> None:
    raw = HEADER + b"\x01a\xc0\x10" + b"\x01b\xc0\x0c"
    with pytest.raises(DecodeError, match="not before"):
        read_name(raw, 16)


@pytest.mark.fault("F060")
def test_a_name_that_pointers_make_too_long() -> None:
    """Each of five names puts 63 bytes before the one before it: all are short, and the last is 321 bytes."""
    raw, places = bytearray(HEADER + b"\x00"), [12]
    for _ in range(5):
        place = len(raw)
        raw += b"\x3f" + b"a" * 63 + (0xC000 | places[-1]).to_bytes(2, "big")
        places.append(place)
    assert read_name(bytes(raw), places[3])[0].size_bytes == 193
    with pytest.raises(DecodeError, match="more than 255"):
        read_name(bytes(raw), places[5])


@pytest.mark.fault("F060")
@pytest.mark.parametrize("count", [127, 128, 8000])
def test_a_chain_of_pointers_has_an_end(count: int) -> None:
    """Each leads to the one before it. Thousands of names that begin at its end would keep a reader busy."""
    raw, target = bytearray(HEADER + b"\x00"), 12
    for _ in range(count):
        place = len(raw)
        raw += (0xC000 | target).to_bytes(2, "big")
        target = place
    if count <= 127:
        assert read_name(bytes(raw), target) == (DomainName(), len(raw))
        return
    with pytest.raises(DecodeError, match="127 pointers"):
        read_name(bytes(raw), target)


@given(st.lists(names(), min_size=1, max_size=8))
def test_what_a_reader_remembers_changes_nothing(some: list[DomainName]) -> None:
    out, writer, places = bytearray(HEADER), NameWriter(), []
    for name in some:
        places.append(len(out))
        writer.write(out, name)
    reader = NameReader(bytes(out))
    for place in [*reversed(places), *places]:
        assert reader.read(place) == read_name(bytes(out), place)


@given(st.lists(st.sampled_from([0, 1, 1, 2, 0xC0, 0xC0, *range(12, 20)]), min_size=4, max_size=40))
def test_nor_where_names_begin_in_the_middle_of_others(some: list[int]) -> None:
    raw = HEADER + bytes(some)
    reader = NameReader(raw)

    def outcome(read: Callable[[int], tuple[DomainName, int]], place: int) -> object:
        try:
            return read(place)
        except DecodeError:
            return "refused"

    for _ in range(2):
        for place in range(12, len(raw)):
            assert outcome(reader.read, place) == outcome(lambda at: read_name(raw, at), place)


@pytest.mark.fault("F060")
def test_names_that_point_everywhere_into_long_ones_cost_no_more_than_their_bytes() -> None:
    class Counting(NameReader):
        steps = 0

        def _length(self, place: int) -> int:
            self.steps += 1
            return super()._length(place)

    chunk = b"\x01" * 254 + b"\x00\x00"
    targets = range(12, 12 + 60 * len(chunk))
    raw = HEADER + chunk * 60 + b"".join((0xC000 | target).to_bytes(2, "big") for target in targets)
    reader = Counting(raw)
    for place in range(12 + 60 * len(chunk), len(raw), 2):
        reader.read(place)
    assert reader.steps <= len(raw)


@pytest.mark.fault("F060")
def test_a_chain_that_one_name_may_follow_is_too_long_for_the_next() -> None:
    """It makes no difference that the reader has followed it before."""
    raw, target = bytearray(HEADER + b"\x00"), 12
    for _ in range(128):
        place = len(raw)
        raw += (0xC000 | target).to_bytes(2, "big")
        target = place
    reader = NameReader(bytes(raw))
    reader.read(target - 2)
    for _ in range(2):
        with pytest.raises(DecodeError, match="127 pointers"):
            reader.read(target)
    long = bytearray(HEADER) + b"\x3f" + b"a" * 63 + b"\x00"
    for _ in range(3):
        place = len(long)
        long += b"\x3f" + b"a" * 63 + (0xC000 | (12 if place == 77 else place - 66)).to_bytes(2, "big")
    reader = NameReader(bytes(long))
    reader.read(77 + 66)
    for _ in range(2):
        with pytest.raises(DecodeError, match="255 bytes"):
            reader.read(77 + 132)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("anas.local", (b"anas", b"local")),
        ("anas.local.", (b"anas", b"local")),
        (r"My\. Printer._ipp._tcp.local", (b"My. Printer", b"_ipp", b"_tcp", b"local")),
        (r"back\\slash\046\000", (b"back\\slash.\x00",)),
        ("küche.local", ("küche".encode(), b"local")),
        (".", ()),
        ("", ()),
    ],
)
def test_text(text: str, labels: tuple[bytes, ...]) -> None:
    assert DomainName.parse(text).labels == labels


@given(names())
def test_text_there_and_back(name: DomainName) -> None:
    assert DomainName.parse(str(name)).labels == name.labels


@pytest.mark.parametrize("text", ["a..b", "x" * 64, ".".join(["x" * 63] * 4), r"a\x", "a\\", ".."])
def test_text_that_is_no_name(text: str) -> None:
    with pytest.raises(UsageError):
        DomainName.parse(text)


def test_the_longest_name() -> None:
    name = DomainName([b"x" * 63] * 3 + [b"y" * 61])
    assert name.size_bytes == 255


def test_case_is_kept_and_does_not_count() -> None:
    ana, other = DomainName.parse("Ana.LOCAL"), DomainName.parse("ana.local")
    assert ana == other
    assert len({ana, other}) == 1
    assert str(ana) == "Ana.LOCAL."
    assert DomainName.parse("b") > DomainName.parse("A")
    assert ana != "ana.local"
    assert DomainName.parse("É") != DomainName.parse("é")  # ASCII alone, as RFC 6762 says in 16


def test_under() -> None:
    local = DomainName.parse("local")
    ana = DomainName.parse("Ana.Local")
    assert ana.is_under(local)
    assert not local.is_under(local)
    assert ana.parent == local
    assert DomainName.parse("ana").under(local) == ana
    assert (ana.first, DomainName().first) == ("Ana", "")
    assert repr(ana) == "DomainName.parse('Ana.Local.')"


@given(st.lists(names(), min_size=1, max_size=8), st.booleans())
def test_there_and_back(some: list[DomainName], compresses: bool) -> None:
    out, writer, places = bytearray(HEADER), NameWriter(compresses), []
    for name in some:
        places.append(len(out))
        writer.write(out, name)
    for name, start, end in zip(some, places, [*places[1:], len(out)], strict=True):
        found, after = read_name(bytes(out), start)
        assert (found.labels, after) == (name.labels, end)
        fields = dissect_name(bytes(out), start, "name")
        assert b"".join(field.raw for field in fields) == out[start:end]


def test_what_was_cut_off_is_not_pointed_to() -> None:
    out, writer = bytearray(HEADER), NameWriter()
    writer.write(out, DomainName.parse("a.b"))
    writer.write(out, DomainName.parse("c.d"))
    del out[17:]
    writer.forget_from(17)
    writer.write(out, DomainName.parse("x.d"))
    writer.write(out, DomainName.parse("x.b"))
    assert out[12:] == b"\x01a\x01b\x00" + b"\x01x\x01d\x00" + b"\x01x\xc0\x0e"
