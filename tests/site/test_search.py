"""The search finds places: chapters and labs before the library, whole words, from a folder as well."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.site

# What each query shows first: the card of the glossary, if any, then page and heading of the best section.
FIRST = {
    "nat": ("NAT", "book/topology/kademlia.html", "Behind a NAT"),
    "lab 6": ("", "labs/lab06_kademlia.html", "Lab 6: A peer that finds anybody"),
    "birthday": (
        "birthday bound",
        "labs/lab01_identity.html",
        "1. How soon do names collide? (easy, 15 min)",
    ),
    "k-bucket": (
        "k-bucket",
        "book/topology/kademlia.html",
        "The idea in small steps: a distance without a direction",
    ),
    "sybil": ("Sybil attack", "book/topology/kademlia.html", "The attacker’s view: twenty around a key"),
    "noise": ("Noise", "book/protocol/secure-channels.html", "Noise in small steps"),
    "nonce": ("nonce", "book/protocol/scuttlebutt.html", "A stream that says goodbye"),
    "signature": ("signature", "book/identity/keys.html", "Two signatures for one message"),
    "bencode": ("bencode", "labs/lab03_dht.html", "1. The language (easy, 25 min)"),
    "partition": ("partition", "labs/lab00_network.html", "5. Is Ben there? (medium, 30 min)"),
}


@pytest.fixture
def ask(browser: Any, site: Path) -> Any:
    """`ask(query)` opens the search page from its folder and waits for the answer."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})

    def answer(query: str) -> Any:
        page = context.new_page()
        page.goto(f"{(site / 'search.html').as_uri()}?q={query.replace(' ', '+')}")
        page.wait_for_selector("#search-results .hb-count", timeout=20_000)
        return page

    yield answer
    context.close()


@pytest.mark.parametrize("query", FIRST)
def test_what_a_query_finds_first(ask: Callable[[str], Any], query: str) -> None:
    page = ask(query)
    cards = page.locator(".hb-results > .hb-term > a").all_text_contents()
    best = page.locator(".hb-results > .hb-result").first
    address = best.locator("a").get_attribute("href").partition("?")[0].removeprefix("./")
    found = (cards[0] if cards else "", address, best.locator("a").text_content())
    assert found == FIRST[query]


def test_what_teaches_comes_before_the_library(ask: Callable[[str], Any]) -> None:
    kinds = (
        ask("bencode")
        .locator(".hb-result")
        .evaluate_all("all => all.map(one => one.classList.contains('hb-of-library'))")
    )
    assert kinds == sorted(kinds)
    assert any(kinds)
    assert not kinds[0]


def test_a_name_of_the_library_spelled_out_comes_first(ask: Callable[[str], Any]) -> None:
    best = ask("RoutingTable").locator(".hb-result > a").first
    assert best.text_content().endswith(".RoutingTable")


def test_a_part_of_a_word_is_not_a_word(ask: Callable[[str], Any]) -> None:
    page = ask("nat")
    marks = page.locator("mark.hb-found").all_text_contents()
    assert marks
    assert {mark.lower() for mark in marks} <= {"nat", "nats", "nat's", "nat’s"}


def test_a_result_leads_to_its_place_and_marks_the_words_searched_alone(ask: Callable[[str], Any]) -> None:
    page = ask("birthday")
    best = page.locator(".hb-result > a").first
    anchor = best.get_attribute("href").partition("#")[2]
    best.click()
    page.wait_for_selector("article mark.hb-found", state="attached")
    page.wait_for_load_state()
    marks = page.locator("article mark.hb-found")
    assert {mark.lower() for mark in marks.all_text_contents()} <= {"birthday", "birthdays", "birthday's"}
    assert page.locator(f"[id='{anchor}']").count() == 1
    page.wait_for_function(  # the page may glide there
        "() => [...document.querySelectorAll('article mark.hb-found')].some(one => {"
        " const box = one.getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; })"
    )
    page.get_by_role("button", name="Remove the marks").click()
    assert marks.count() == 0


def test_the_box_that_a_key_opens_answers_while_one_types(browser: Any, site: Path) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    loads: list[str] = []
    page.on("request", lambda request: loads.append(request.url.rpartition("/")[2]))
    page.goto((site / "index.html").as_uri())
    assert "search-index.js" not in loads, "the index is for those who search"
    page.keyboard.press("Control+k")
    page.keyboard.type("k-buck")
    page.wait_for_selector("#pst-search-dialog .hb-term")
    assert page.locator("#pst-search-dialog .hb-term > a").first.text_content() == "k-bucket"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == "k-bucket"
    page.keyboard.press("Enter")
    page.wait_for_url("**/glossary.html#term-k-bucket")
    context.close()
