"""Fields as lines of text: what a reader sees of a message's bytes."""

from __future__ import annotations

from p2plib.wire.fields import Field, bytes_follow, table


def test_a_table_has_offsets_sizes_bytes_and_notes() -> None:
    fields = (Field("length", b"\x02", "2 bytes follow"), Field("text", b"hi"), Field("rest", b""))
    assert [field.size_bytes for field in fields] == [1, 2, 0]
    assert table(fields).splitlines() == [
        "   0     1  02                       length  2 bytes follow",
        "   1     2  68 69                    text",
        "   3     0                           rest",
    ]


def test_long_fields_are_cut_past_eight_bytes() -> None:
    eight, nine = table([Field("a", bytes(8)), Field("b", bytes(9))]).splitlines()
    assert "00 00 00 00 00 00 00 00  a" in eight
    assert "00 00 00 00 00 00 …      b" in nine


def test_one_byte_is_said_in_the_singular() -> None:
    notes = [bytes_follow(count) for count in (0, 1, 2)]
    assert notes == ["0 bytes follow", "1 byte follows", "2 bytes follow"]


def test_no_fields_are_no_text() -> None:
    assert table([]) == ""
