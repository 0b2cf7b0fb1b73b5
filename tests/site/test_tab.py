"""Every notebook, run in headless Chromium as a reader's tab runs it: how many cells give the stored bytes.

`tab_floors.toml` says how many do at least; of all cells that need nothing that a browser lacks, 95 in 100
must. What each page did is in the log. A lab is run as it is solved: what a learner gets is the same notebook
with less in it, and `python tools/tab.py labs/lab05_ring` runs that, too. A page may take PAGE_S, and all of
them STEP_S; a page that comes later fails.

The other tests are of the worker that runs the cells: that one seed is one run in the tab, too, and that it
survives what readers write.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tab
import tab_pages
import tab_pieces
from browsers import NoBrowser
from tab_pages import Page, Tab, page_name

from tests.site import tab_answers, tab_program

pytestmark = pytest.mark.site
LEAST_PART = 0.95
PAGE_S, STEP_S = 400, 2700  # generous: they are there so that a hung page ends, not to measure
HERE = Path(__file__).parent
NOTEBOOKS = {page_name(path): path for path in tab.notebooks()}
RUN = [name for name in NOTEBOOKS if not name.startswith("labs/") or name.startswith("labs/solutions/")]
FLOORS = tab.floors()
# Signatures through libsodium, big trees, and a lab's checks, which stop answers that never end.
IN_FIREFOX = ["identity/keys", "data/merkle", "labs/solutions/lab01_identity"]


@pytest.fixture(scope="module")
def here(browser: Any) -> Iterator[Tab]:
    """A page with a worker, for all tests of this module."""
    try:
        tab_pieces.gather()
    except tab_pieces.NoPieces as why:
        if os.environ.get("CI"):
            pytest.fail(f"CI must have Node and npm: {why}")
        pytest.skip(str(why))
    with Tab(browser) as opened:
        yield opened


@pytest.fixture(scope="module")
def ran() -> dict[str, Page]:
    """The pages that were run so far."""
    return {}


@pytest.fixture(scope="module")
def end() -> float:
    """When the last page must be done."""
    return time.monotonic() + STEP_S


@pytest.mark.parametrize("name", RUN)
def test_page(
    name: str, here: Tab, ran: dict[str, Page], end: float, capsys: pytest.CaptureFixture[str]
) -> None:
    left = min(PAGE_S, end - time.monotonic())
    assert left > 0, f"the pages before this one took {STEP_S} s"
    page = ran[name] = here.run(NOTEBOOKS[name], seconds=left)
    with capsys.disabled():
        print("", *tab.lines(page), sep="\n")
    assert not page.idle_tags, "tagged, though they run in a browser"
    assert name in FLOORS, f"{name} has no floor in tab_floors.toml: {page.same}"
    assert page.same >= FLOORS[name]


def test_all_pages(here: Tab, ran: dict[str, Page]) -> None:
    if len(ran) < len(RUN):
        pytest.skip("not all pages were run")
    same, eligible = (sum(getattr(page, what) for page in ran.values()) for what in ("same", "eligible"))
    assert same >= LEAST_PART * eligible, f"{same} of {eligible}"


def test_floors_are_of_pages() -> None:
    assert sorted(FLOORS) == sorted(NOTEBOOKS)


Run = Callable[[str], dict[str, Any]]


@pytest.fixture
def cell(here: Tab) -> Run:
    """Runs a text as the only cell of a notebook that is opened for this test."""
    notebook = {"cells": [{"cell_type": "code", "id": "one", "source": "", "metadata": {}, "outputs": []}]}
    here.ask({"type": "open", "notebook": json.dumps(notebook)})
    return lambda source: here.ask({"type": "run", "id": "one", "source": source})


def printed(result: dict[str, Any]) -> str:
    """What a cell printed, if it raised nothing."""
    assert result["error"] is None, result["outputs"]
    return "".join(output["text"] for output in result["outputs"] if output["output_type"] == "stream")


@pytest.mark.fault("F158")
def test_one_seed_is_one_run_in_the_tab_too(cell: Run) -> None:
    source = (HERE / "tab_program.py").read_text("utf8")
    assert json.loads(printed(cell(f"{source}\nprint(told())"))) == json.loads(tab_program.told())


def test_the_stand_in_for_pynacl_gives_what_pynacl_gives(cell: Run) -> None:
    source = (HERE / "tab_answers.py").read_text("utf8")
    theirs, ours = json.loads(printed(cell(f"{source}\nprint(answers())"))), json.loads(tab_answers.answers())
    assert {name: theirs[name] for name in ours if theirs[name] != ours[name]} == {}


def test_what_a_cell_raises_is_an_output_with_the_readers_own_lines(cell: Run) -> None:
    result = cell("def f(x):\n    return 1 / x\nprint('before')\nf(0)")
    assert result["error"] == "ZeroDivisionError"
    stream, error = result["outputs"]
    assert (stream["text"], error["ename"]) == ("before\n", "ZeroDivisionError")
    assert error["traceback"][-1] == "ZeroDivisionError: division by zero"
    assert [line.strip() for line in error["traceback"] if "line" in line] == [
        'File "<cell one>", line 4, in <module>',
        'File "<cell one>", line 2, in f',
    ]
    assert printed(cell("print(f(2))")) == "0.5\n"


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        ("x = = 1", "SyntaxError", "invalid syntax"),
        ("%pip install numpy", "SyntaxError", "a page runs Python alone"),
        ("input('Name? ')", "RuntimeError", "write the value into the cell"),
        ("import sys\nsys.exit(3)", "SystemExit", "3"),
        ("import numpy", "ModuleNotFoundError", "numpy"),
        ("def f(): return f()\nf()", "RecursionError", "maximum recursion depth"),
        (
            "import threading\nthreading.Thread(target=print).start()",
            "RuntimeError",
            "can't start new thread",
        ),
    ],
)
def test_what_a_tab_cannot_do_is_said(cell: Run, source: str, error: str, said: str) -> None:
    result = cell(source)
    assert result["error"] == error
    assert said in result["outputs"][-1]["evalue"]
    assert printed(cell("print(1)")) == "1\n"


def test_a_changed_cell_that_asks_for_a_package_says_what_it_needs(cell: Run) -> None:
    said = "This cell needs the package matplotlib, which a browser does not have."
    assert cell("from matplotlib import pyplot")["lacks"] == said
    assert cell("print(1)")["lacks"] is None


def test_a_megabyte_of_prints_is_cut(cell: Run) -> None:
    result = cell("for n in range(400_000): print('0123456789')")
    (stream,) = result["outputs"]
    assert len(stream["text"]) < 1_000_100
    assert stream["text"].endswith("... and 3,400,000 more characters\n")


def test_await_display_and_the_value_of_the_last_line(cell: Run) -> None:
    waited = cell("import asyncio\nawait asyncio.sleep(0.01)\nawait asyncio.sleep(0, 'late')")
    assert [output["data"] for output in waited["outputs"]] == [{"text/plain": "'late'"}]
    shown = cell("class H:\n    def _repr_html_(self): return '<b>'\ndisplay(H(), 2)\nH")
    assert [output["output_type"] for output in shown["outputs"]] == ["display_data"] * 2 + ["execute_result"]
    assert shown["outputs"][0]["data"]["text/html"] == "<b>"


def test_cells_share_names_and_may_run_in_any_order(here: Tab) -> None:
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": name, "source": "", "metadata": {}, "outputs": []} for name in ("a", "b")
    ]
    here.ask({"type": "open", "notebook": json.dumps({"cells": cells})})

    def run(name: str, source: str) -> dict[str, Any]:
        return here.ask({"type": "run", "id": name, "source": source})

    assert run("b", "print(n)")["error"] == "NameError"
    run("a", "import inspect\ndef f():\n    return 1\nn = 1")
    assert printed(run("b", "print(n, inspect.getsource(f))")) == "1 def f():\n    return 1\n\n"
    run("a", "def f():\n    return 2\nn = 2")
    assert printed(run("b", "print(n, inspect.getsource(f))")) == "2 def f():\n    return 2\n\n"
    here.ask({"type": "open", "notebook": json.dumps({"cells": cells})})
    assert run("b", "print(n)")["error"] == "NameError"


def test_an_answer_that_never_ends_is_judged_all_the_same(cell: Run) -> None:
    source = """
import asyncio
from p2plib.labs.engine import bounded as bounding
from p2plib.labs.engine.bounded import Raised, TooSlow, bounded
from p2plib.sim import Internet
bounding.MOST_STEPS = 200_000
def endless():
    while True:
        pass
def stubborn():
    while True:
        try:
            sum(range(10))
        except BaseException:
            pass
async def waiting():
    await asyncio.sleep(3600)
async def prompt():
    await asyncio.sleep(1)
    return 'awaited'
def wrong():
    raise ValueError('no')
async def twice(net):
    await asyncio.sleep(1)
    endless()
for call in (endless, stubborn, waiting, lambda: Internet(seed=1).run(twice)):
    try:
        print(bounded(call, 5))
    except TooSlow:
        print('slow')
print(bounded(prompt, 5), bounded(lambda: 7, 5), bounded(lambda: sum(i for i in range(10_000)), 5))
try:
    bounded(wrong, 5)
except Raised as raised:
    print(repr(raised.error))
import time
print(time.time() > 1e9, Internet(seed=1).run(prompt_of := lambda net: prompt()))
"""
    said = "slow\nslow\nslow\nslow\nawaited 7 49995000\nValueError('no')\nTrue awaited\n"
    assert printed(cell(source)) == said


def test_a_control_is_drawn_anew_with_a_value_that_its_slider_does_not_have(here: Tab, cell: Run) -> None:
    source = """
from p2plib import figures
def frame(k):
    return figures.Figure(f'<circle r="{k}"/>', 10, 10, alt='A dot.', caption=f'{k} of them.')
figures.control(frame, title='Dots', k=[1, 2])
"""
    (output,) = cell(source)["outputs"]
    number = output["data"]["text/html"].partition('data-figure="')[2].partition('"')[0]
    drawn = here.ask({"type": "redraw", "figure": number, "values": {"k": 7}})
    assert '<circle r="7"/>' in drawn["html"]
    assert drawn["words"] == "k = 7: 7 of them."
    assert "not among" in here.ask({"type": "redraw", "figure": number, "values": {"r": 7}})["error"]
    assert "not been run" in here.ask({"type": "redraw", "figure": "figure-99", "values": {}})["error"]


def test_what_labs_keep_goes_out_and_comes_back(here: Tab, cell: Run) -> None:
    kept = cell(
        "from pathlib import Path\nPath('my_peer').mkdir()\nPath('my_peer/a.py').write_text('n = 1')"
    )["kept"]
    assert kept == {"a.py": "n = 1"}
    assert "kept" not in cell("print(1)")
    notebook = {"cells": [{"cell_type": "code", "id": "one", "source": "", "metadata": {}, "outputs": []}]}
    here.ask({"type": "open", "notebook": json.dumps(notebook), "page": "labs/x", "kept": kept})
    assert printed(cell_of(here, "print(open('my_peer/a.py').read())")) == "n = 1\n"


def cell_of(here: Tab, source: str) -> dict[str, Any]:
    """Run a text as the cell "one" of what is open."""
    return here.ask({"type": "run", "id": "one", "source": source})


def test_a_cell_that_never_ends_goes_with_its_worker(here: Tab, cell: Run) -> None:
    with pytest.raises(NoBrowser, match="no answer in 1 s"):
        here.ask({"type": "run", "id": "one", "source": "while True: pass"}, seconds=1)
    here.start()
    with pytest.raises(NoBrowser, match="no notebook is open"):
        here.ask({"type": "run", "id": "one", "source": "print(1)"})


def test_a_page_with_a_cell_that_never_ends_is_done_in_time(
    here: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tab_pages, "ROOT", tmp_path)
    stored: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": []}
    sources = {"before": "n = 1", "endless": "while True: pass", "after": "n"}
    cells = [{**stored, "id": name, "source": source} for name, source in sources.items()]
    notebook = tmp_path / "page.ipynb"
    notebook.write_text(json.dumps({"cells": cells}), "utf8")
    page = here.run(notebook, seconds=2)
    assert [cell.is_same for cell in page.cells] == [True, False, False]
    assert page.cells[-1].difference == "not run, since the page ended with endless"
    notebook.write_text(json.dumps({"cells": cells[:1]}), "utf8")
    assert here.run(notebook).same == 1


def test_nothing_came_from_another_host(here: Tab) -> None:
    assert here.requests
    assert {url.split("/")[2].partition(":")[0] for url in here.requests if "://" in url} == {"127.0.0.1"}


@pytest.mark.parametrize("browser", ["firefox"], indirect=True)
@pytest.mark.parametrize("name", IN_FIREFOX)
def test_page_in_firefox(name: str, here: Tab) -> None:
    assert here.run(NOTEBOOKS[name], check_tags=False, seconds=PAGE_S).same >= FLOORS[name]
