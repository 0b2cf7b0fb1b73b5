"""The rules of a chain, whatever the format."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from p2plib.data.log.formats import Head, head_of, need_place
from p2plib.errors import InvalidEntry


def entry(sequence: int, previous: str | None) -> SimpleNamespace:
    return SimpleNamespace(sequence=sequence, previous=previous, id=f"id{sequence}")


def test_the_next_entry_has_its_place() -> None:
    need_place(entry(1, None), None)
    need_place(entry(8, "id7"), Head(7, "id7"))
    assert head_of(entry(8, "id7")) == Head(8, "id8")


@pytest.mark.parametrize(
    ("sequence", "previous", "head", "why"),
    [(2, None, None, "sequence"), (1, "x", None, "previous"), (0, None, None, "sequence"),
     (7, "id7", Head(7, "id7"), "sequence"), (9, "id7", Head(7, "id7"), "sequence"),
     (8, "id6", Head(7, "id7"), "previous"), (8, None, Head(7, "id7"), "previous"),
     (1, None, Head(7, "id7"), "sequence")],
)  # fmt: skip
def test_any_other_has_none(sequence: int, previous: str | None, head: Head | None, why: str) -> None:
    with pytest.raises(InvalidEntry, match=f"^{why}: "):
        need_place(entry(sequence, previous), head)
