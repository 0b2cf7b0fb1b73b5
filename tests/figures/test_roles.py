"""The picture of the roles: all of them, their questions, the reader's place, links that can be reached."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from p2plib import figures
from p2plib.errors import UsageError
from p2plib.figures.role_table import APP, PLACES, ROLES
from p2plib.figures.roles import CARD_H, CARD_W, CENTRES, HUB_H, HUB_W

SVG = "{http://www.w3.org/2000/svg}"
# A role leans only on roles that stand later in this list: the order in which the library imports.
ORDER = [
    "content routing",
    "peer routing",
    "discovery",
    "swarm topology",
    "protocols",
    "data structures",
    "identity",
]


def words(figure: figures.Figure) -> str:
    return " ".join("".join(one.itertext()) for one in ET.fromstring(figure.svg).iter(f"{SVG}text"))


def test_every_role_and_its_question_is_there() -> None:
    shown = words(figures.roles())
    for role in (*ROLES, APP):
        assert role.name in shown
        assert all(line in shown for line in role.question)
        assert " ".join(role.question) in figures.roles().alt or role is APP


def test_the_reader_meets_them_in_the_books_order() -> None:
    order = "identity, discovery, peer routing, swarm topology, content routing, data structures, protocols"
    assert ", ".join(role.key for role in ROLES) == order


def test_roles_lean_only_as_the_library_imports() -> None:
    for role in ROLES:
        for other in role.leans_on:
            assert ORDER.index(role.key) < ORDER.index(other), (role.key, other)


def test_no_card_covers_another() -> None:
    cards = [(*CENTRES[role.key], CARD_W, CARD_H) for role in ROLES] + [(*CENTRES[APP.key], HUB_W, HUB_H)]
    for i, (x, y, w, h) in enumerate(cards):
        for a, b, c, d in cards[:i]:
            assert abs(x - a) >= (w + c) / 2 or abs(y - b) >= (h + d) / 2


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_the_readers_place_stands_out(place: str, compact: bool) -> None:
    here = figures.roles(place, compact=compact)
    assert here.svg != figures.roles(compact=compact).svg
    assert "You are here" in here.alt
    strong = [
        one for one in ET.fromstring(here.svg).iter(f"{SVG}rect") if one.get("stroke-width") in ("3", "2.5")
    ]
    assert len(strong) == 1


def test_folders_names_are_understood() -> None:
    assert figures.roles("peer_routing").html == figures.roles("peer routing").html


def test_links_can_be_reached_and_named() -> None:
    links = {place: f"{place.replace(' ', '-')}.html" for place in PLACES}
    for compact in (False, True):
        svg = ET.fromstring(figures.roles(links=links, compact=compact).svg)
        found = {one.attrib["href"]: " ".join(one.itertext()).split() for one in svg.iter(f"{SVG}a")}
        assert set(found) == set(links.values())
        assert found["peer-routing.html"][:2] == ["Peer", "routing"]
        assert svg.attrib["role"] == "group"


@pytest.mark.parametrize("place", ["", "Identity!", "layers"])
def test_places_that_do_not_exist(place: str) -> None:
    with pytest.raises(UsageError, match="is not a place"):
        figures.roles(place)
    with pytest.raises(UsageError, match="is not a place"):
        figures.roles(links={place: "x.html"})
