"""What others see of a page, the roads, the drawing of what needs what, and the solved labs as pages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT
from tests.site.extension import part

about_pages, paths, solved_labs = part("about_pages"), part("paths"), part("solved_labs")


def test_without_an_address_a_page_claims_none() -> None:
    made = about_pages.tags("Keys", 'Say "no".', "", "book/identity/keys", "")
    assert 'name="description" content="Say &quot;no&quot;."' in made
    assert "og:url" not in made
    assert "og:image" not in made


def test_with_an_address_everything_is_whole() -> None:
    made = about_pages.tags("Keys", "Words.", "https://x.example", "book/keys", "https://x.example/c.png")
    assert 'property="og:url" content="https://x.example/book/keys.html"' in made
    assert 'property="og:image" content="https://x.example/c.png"' in made


def test_a_long_description_ends_with_a_sentence_or_a_word() -> None:
    sentence = "It is a sentence of some forty-five characters. "
    assert about_pages.shortened(sentence * 9) == (sentence * 4).strip()
    made = about_pages.shortened("word " * 90)
    assert made.endswith("word …")
    assert len(made) <= about_pages.WORDS_MAX


def test_the_date_is_the_one_that_a_build_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764374400")
    assert about_pages.date_of_book() == "29 November 2025"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert about_pages.date_of_book() == ""


def test_a_card_is_a_picture_of_the_usual_size_and_is_drawn_once(tmp_path: Path) -> None:
    name = about_pages.card(tmp_path, "A ring that repairs itself, and short cuts through it")
    raw = (tmp_path / name).read_bytes()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(raw[16:20], "big"), int.from_bytes(raw[20:24], "big")) == (1200, 630)
    assert len(raw) < 150_000
    (tmp_path / name).write_bytes(b"kept")
    assert about_pages.card(tmp_path, "A ring that repairs itself, and short cuts through it") == name
    assert (tmp_path / name).read_bytes() == b"kept"


def test_the_drawing_shows_each_need_once_and_every_curve_leads_down() -> None:
    needs = paths.needs(ROOT)
    drawn = paths.drawing(ROOT, lambda page: f"{page}.html")
    ElementTree.fromstring(drawn)
    curves = re.findall(r'd="M\S+ (\S+)C\S+ \S+ \S+ \S+ \S+ (\S+)"', drawn)
    assert len(curves) == sum(map(len, needs.values())) > len(needs) - 2
    assert all(float(start) < float(end) for start, end in curves)
    assert drawn.count("<a href=") == len(needs)
    assert "introduction/roles" not in needs["book/topology/kademlia"], "Chord needs it already"


def test_every_road_leads_over_pages_that_exist() -> None:
    text = (ROOT / "book" / "how-to-read.md").read_text("utf-8")
    roads = re.findall(r"```\{reading-path\}\n(.*?)```", text, re.S)
    assert len(roads) >= 6
    for road in roads:
        for page in road.split():
            assert paths.card(ROOT, paths._document(page))["title"]


def test_the_entry_for_bibtex_says_what_the_citation_file_says() -> None:
    entry = paths.bibtex(ROOT)
    assert entry.startswith("@book{peer-to-peer-handbook,")
    assert "{The Peer-to-Peer Handbook}" in entry
    assert entry.count("{") == entry.count("}")


@pytest.mark.parametrize("path", sorted((ROOT / "labs" / "solutions").glob("*.ipynb")), ids=lambda p: p.stem)
def test_a_solved_lab_shares_no_label_with_its_lab(path: Path) -> None:
    def labels(notebook: str) -> set[str]:
        words = "\n".join("".join(c["source"]) for c in json.loads(notebook)["cells"])
        return set(re.findall(r"^\(([\w:.-]+)\)=$|^\s*:label:\s*(\S+)$", words, re.M))

    lab = (ROOT / "labs" / path.name).read_text("utf-8")
    made = solved_labs.solved(path.read_text("utf-8"), f"labs/{path.stem}")
    assert not labels(made) & labels(lab)
    first = json.loads(made)["cells"][0]["source"]
    assert re.search(r"^# Lab \d+, solved: ", first, re.M)
    assert "{index}" not in made
    starts = re.findall(
        r"\{solution-start\}\s*(\S+)",
        "\n".join(c["source"] for c in json.loads(made)["cells"] if c["cell_type"] == "markdown"),
    )
    assert set(starts) <= {name for pair in labels(made) for name in pair}


def test_the_pages_that_stand_and_those_that_do_not_are_told_from_the_contents(tmp_path: Path) -> None:
    toc = tmp_path / "_toc.yml"
    row = "  - caption: {}\n    chapters:\n      - file: {}\n"
    toc.write_text(
        "parts:\n" + row.format("Identity", "labs/lab01_identity") + row.format("Protocols", "labs/lab03_x")
    )
    assert paths.standing(tmp_path) == (
        "So far the book covers identity and protocols. Still in preparation: discovery, peer routing, swarm "
        "topology, content routing, data structures and the app that joins them all. Their labs are planned, "
        "too, which is why the labs have no number 0 or 2."
    )
    everything = [role.caption for role in paths.TABLE.values()]
    rows = "parts:\n" + "".join(row.format(name, "labs/lab00_x") for name in everything)
    toc.write_text(rows)
    assert paths.standing(tmp_path).endswith("Still in preparation: data that several peers change at once.")
    toc.write_text(rows + "      - file: labs/lab09_x\n")
    assert paths.standing(tmp_path) == ""


TEACHING = (ROOT / "book" / "teaching.md").read_text("utf-8")
WEEKS = re.findall(r"^\| \d+ \| (.*) \| (.*) \|$", TEACHING, re.M)


def spent(cell: str) -> list[int]:
    """The minutes of all pages in a cell of the table of weeks."""
    told = [paths.minutes(ROOT, paths._document(page)) for page in re.findall(r"\{minutes\}`(.*?)`", cell)]
    assert all(re.fullmatch(r"\d+(, and \d+ for the capstone)?", one) for one in told)
    return [sum(map(int, re.findall(r"\d+", one))) for one in told]


@pytest.mark.parametrize(("first", "second"), WEEKS)
def test_a_week_of_the_course_takes_four_hours_at_home(first: str, second: str) -> None:
    """The second session's ninety minutes are spent on the lab."""
    assert sum(spent(first)) + sum(max(0, lab - 90) for lab in spent(second)) <= 245
    for page, timed in re.findall(r"\{doc\}`/?(.*?)` \(\{minutes\}`(.*?)`\)", f"{first} {second}"):
        assert page == timed


def test_a_role_that_is_taught_is_taught_whole() -> None:
    named = [paths._document(page) for page in re.findall(r"\{minutes\}`(.*?)`", TEACHING)]
    taught = {paths.card(ROOT, page)["role"] for page in named}
    assert len(taught) >= 5
    assert sorted(named) == sorted(
        page for page in paths.needs(ROOT) if paths.card(ROOT, page)["role"] in taught
    )


def test_how_to_read_says_how_long_a_chapter_takes() -> None:
    cards = [paths.card(ROOT, page) for page in paths.needs(ROOT) if page.startswith("book/")]
    assert "about half an hour to read" in (words := (ROOT / "book" / "how-to-read.md").read_text("utf-8"))
    assert "from an hour and a half to nearly four hours" in words
    assert all(20 <= about["reading"] <= 45 for about in cards)
    assert 90 <= min(about["minutes"] for about in cards) < 105
    assert 215 < max(about["minutes"] for about in cards) <= 240
