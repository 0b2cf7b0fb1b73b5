"""A chapter that is only begun: all places know of it, nothing is overwritten, and every check passes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import new_chapter
import pytest
from new_chapter import contents, contracts, listed, main, page_before, role_of

from p2plib.figures.role_table import TABLE
from tests.conftest import ROOT

TOC = (ROOT / "_toc.yml").read_text("utf8")
COPIED = (
    "p2plib",
    "tests",
    "tools",
    "book/_ext",
    "book/reference",
    "book/src",
    "labs/src",
    "_toc.yml",
    "pyproject.toml",
)


def parts(toc: str) -> dict[str, list[str]]:
    """The pages of every part, by its caption."""
    found: dict[str, list[str]] = {}
    for caption, page in re.findall(r"^  - caption: (.+)$|^      - file: (\S+)$", toc, re.M):
        if caption:
            found[caption] = []
        else:
            found[next(reversed(found))].append(page)
    return found


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the tool reads and writes, without notebooks."""
    root = tmp_path_factory.mktemp("checkout")
    for name in COPIED:
        if (ROOT / name).is_dir():
            leave = shutil.ignore_patterns("*.ipynb", "__pycache__", "node_modules")
            shutil.copytree(ROOT / name, root / name, ignore=leave)
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    return root


def test_a_role_is_named_by_key_or_folder_and_the_introduction_is_none() -> None:
    assert role_of("swarm topology") is role_of("topology") is TABLE["swarm topology"]
    with pytest.raises(new_chapter.NotBegun, match="no role 'gossip'"):
        role_of("gossip")
    with pytest.raises(new_chapter.NotBegun, match="no package"):
        role_of("introduction")


@pytest.mark.parametrize("key", [key for key in TABLE if key != "introduction"])
def test_a_page_stands_at_the_end_of_its_part_and_parts_stand_in_the_order_of_the_book(key: str) -> None:
    role = TABLE[key]
    before, after = parts(TOC), parts(contents(TOC, role, ["book/x/new", "labs/lab99_new"]))
    assert after[role.caption] == [*before.get(role.caption, []), "book/x/new", "labs/lab99_new"]
    assert after["Solved labs"] == [*before["Solved labs"], "labs/solutions/lab99_new"]
    changed = (role.caption, "Solved labs")
    assert {name: pages for name, pages in after.items() if name not in changed} == {
        name: pages for name, pages in before.items() if name not in changed
    }
    order = ["Before you begin", *(other.caption for other in TABLE.values()), "Solved labs", "Reference"]
    assert list(after) == [caption for caption in order if caption in after]


def test_the_page_before_is_the_last_of_the_role_or_of_the_part_before() -> None:
    pages = parts(TOC)
    assert page_before(TOC, TABLE["identity"]) == pages["Identity"][-1].removeprefix("book/")
    without = re.sub(r"  - caption: Identity\n.*?(?=  - caption)", "", TOC, flags=re.S)
    assert page_before(without, TABLE["identity"]) == pages["Introduction"][-1].removeprefix("book/")


def test_a_role_is_entered_once() -> None:
    settings = (
        'layers = []\nsource_modules = ["p2plib.identity", "p2plib.wire"]\nforbidden = ["p2plib.data"]\n'
    )
    assert contracts(settings, TABLE["identity"]) == settings
    once = contracts(settings, TABLE["data structures"])
    assert 'source_modules = ["p2plib.data", "p2plib.identity", "p2plib.wire"]' in once
    assert contracts(once, TABLE["data structures"]) == once
    library = (ROOT / "p2plib/__init__.py").read_text("utf8")
    assert listed(library, TABLE["identity"]) == library


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["identity", "Keys"], "cannot be the name of a page"),
        (["identity", "class"], "cannot be the name of a page"),
        (["identity", "keys"], "these exist already: book/src/identity/keys.md, p2plib/identity/keys.py"),
        (["identity", "new", "--lab", "lab2_new"], "cannot be the name of a lab"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(
    words: list[str], why: str, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(checkout.rglob("*"))
    with pytest.raises(SystemExit):
        main([*words, "--no-run"], checkout)
    assert why in capsys.readouterr().err
    assert sorted(checkout.rglob("*")) == before


@pytest.mark.slow
def test_what_was_begun_passes_every_check_of_a_commit(checkout: Path) -> None:
    """A chapter and a lab of a role that has no room yet, with a long name, beside one of a role that has."""
    assert (
        main(["pictures", "a-page-with-a-rather-long-name", "--lab", "lab98_exposures", "--no-run"], checkout)
        == 0
    )
    assert main(["identity", "brand-new", "--title", "New?", "--no-run"], checkout) == 0
    new = ["p2plib/pictures", "p2plib/identity/brand_new.py", "p2plib/labs/lab98_exposures"]
    tests = ["tests/pictures", "tests/identity/test_brand_new.py", "tests/labs/lab98_exposures"]
    python = [sys.executable, "-m"]
    commands = [
        [*python, "ruff", "format", "--check", *new, *tests],
        [*python, "ruff", "check", *new, *tests],
        [*python, "mypy", *new],
        [str(Path(sys.executable).parent / "lint-imports")],
        [
            *python,
            "pytest",
            "-q",
            *tests,
            "tests/test_house.py",
            "-k",
            "not readme and not version",
        ],
    ]
    for command in commands:
        done = subprocess.run(
            command, cwd=checkout, capture_output=True, text=True, env=environment(checkout)
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-2000:]}"


def environment(root: Path) -> dict[str, str]:
    """This process's, with the copy's library before the installed one."""
    return os.environ | {"PYTHONPATH": str(root)}
