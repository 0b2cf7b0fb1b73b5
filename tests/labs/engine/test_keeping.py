"""What a reader keeps: a module that works by itself, and that a later lab takes up."""

from __future__ import annotations

import linecache
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from p2plib.labs import Lab, Task
from tests.labs.engine import tiny


class Notebook:
    """Cells that run in one namespace, remembered as IPython remembers them."""

    def __init__(self) -> None:
        self.module = types.ModuleType("__main__")
        self.names = self.module.__dict__
        self.cells: list[str] = []

    def run(self, source: str) -> Any:
        """Run a cell."""
        name = f"<cell {id(self)}-{len(self.cells)}>"
        self.cells.append(name)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec"), self.names)

    def __getitem__(self, name: str) -> Any:
        return self.names[name]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for kept functions."""
    folder = tmp_path / "my_peer"
    monkeypatch.setenv("P2PLIB_LABS_HOME", str(folder))
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    return folder


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A notebook; what it left in linecache is taken away again."""
    made = Notebook()
    monkeypatch.setitem(sys.modules, "__main__", made.module)
    yield made
    for name in made.cells:
        linecache.cache.pop(name, None)


@pytest.fixture
def arithmetic() -> types.ModuleType:
    return tiny.load()


JOIN = '''
import functools
from hashlib import sha256 as digest

SEPARATOR = b""  # nothing between them
TABLE = {n: bytes([n]) for n in range(3)}


@functools.cache
def nothing() -> bytes:
    """Helpers go along."""
    return SEPARATOR + TABLE[0][:0] + digest(b"").digest()[:0]


def join(parts: list[bytes]) -> bytes:
    """All parts."""
    # a comment of mine
    return nothing().join(parts)
'''

PREFIXED = """
from p2plib.wire import varint as v
def prefixed(data):
    return encode(v.decode(bytes([2]))[0]) + data
"""

COUNTER = """
@dataclass
class Counter:
    at: int = START
    def count(self):
        self.at += 1
        return self.at
"""

OPEN_FILE = """
import io
FILE = io.BytesIO()
def double(number):
    return FILE.tell() * 0 + 2 * number
"""

UNKNOWN_NAME = """
def double(number):
    return 2 * number if number > -1 else missing
"""

# What is drawn anew each time would be another key in the module; and it must not be written down either.
FRESH_KEY = """
class Key:
    pass
SECRET = Key()
def double(number):
    return SECRET and 2 * number
"""

# A constant is written down as it is now: this one has been used up.
STATEFUL = """
seen = []
seen.extend([1, 1, 1])
def double(number):
    return 2 * number if len(seen) < 3 else 0
"""


def test_keep_then_mine(
    home: Path, notebook: Notebook, arithmetic: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.run(JOIN)
    arithmetic.keep(double=arithmetic.double, join=notebook["join"])
    assert capsys.readouterr().out == "kept join in my_peer/arithmetic.py; still the library's: double\n"
    kept = arithmetic.mine("join")
    assert capsys.readouterr().out == "join: yours, from my_peer/arithmetic.py\n"
    assert kept is not notebook["join"]
    assert kept([b"1", b"2"]) == b"12"
    assert arithmetic.mine("double") is arithmetic.double
    assert capsys.readouterr().out == "double: the library's (my_peer/arithmetic.py has none of yours)\n"


def test_the_module_is_readable_and_needs_nothing_else(
    home: Path, notebook: Notebook, arithmetic: types.ModuleType
) -> None:
    notebook.run(JOIN)
    arithmetic.keep(join=notebook["join"])
    text = (home / "arithmetic.py").read_text("utf-8")
    assert text == (
        '"""My own arithmetic: written in a lab, kept for the next ones, mine to edit."""\n\n'
        "from __future__ import annotations\n\n"
        "import functools\n"
        "from hashlib import sha256 as digest\n\n"
        'SEPARATOR = b""\n\n'
        "TABLE = {n: bytes([n]) for n in range(3)}\n\n\n"
        '@functools.cache\ndef nothing() -> bytes:\n    """Helpers go along."""\n'
        '    return SEPARATOR + TABLE[0][:0] + digest(b"").digest()[:0]\n\n\n'
        'def join(parts: list[bytes]) -> bytes:\n    """All parts."""\n    # a comment of mine\n'
        "    return nothing().join(parts)\n"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            "import sys; sys.path.insert(0, sys.argv[1]); import arithmetic; print(arithmetic.join([b'x']))",
            home,
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout == "b'x'\n"


def test_a_helper_that_is_still_the_librarys_is_imported(home: Path, notebook: Notebook) -> None:
    from p2plib.wire import varint

    lab = Lab("wires", Task("prefixed", lambda data: varint.encode(len(data)) + data, cases=[(b"ab",)]))
    notebook.names["encode"] = varint.encode
    notebook.run(PREFIXED)
    lab.keep(prefixed=notebook["prefixed"])
    text = (home / "wires.py").read_text("utf-8")
    assert "from p2plib.wire.varint import encode\n" in text
    assert "from p2plib.wire import varint as v\n" in text


def test_a_class_of_a_notebook_is_kept(
    home: Path, notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    class Counter:
        def count(self) -> int:
            return 1

    def counts(yours: type[Counter]) -> None:
        assert yours().count() == 1

    lab = Lab("counting", Task("Counter", Counter, cases=[counts]))
    notebook.run("from dataclasses import dataclass\nSTART = 0")
    notebook.run(COUNTER)
    lab.keep(Counter=notebook["Counter"])
    assert capsys.readouterr().out == "kept Counter in my_peer/counting.py\n"
    assert lab.mine("Counter")().count() == 1
    assert "@dataclass\nclass Counter" in (home / "counting.py").read_text("utf-8")


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (OPEN_FILE, "it uses FILE, which cannot"),
        (UNKNOWN_NAME, "it uses missing, which this notebook does not define"),
        ("double = lambda number: 2 * number", "double is not written with def or class"),
        (FRESH_KEY, "it uses SECRET, which cannot be written down"),
        (STATEFUL, "[x] double, case 1 of 3"),
    ],
)
def test_what_cannot_stand_alone_is_not_kept(
    home: Path,
    notebook: Notebook,
    arithmetic: types.ModuleType,
    capsys: pytest.CaptureFixture[str],
    cell: str,
    why: str,
) -> None:
    notebook.run(cell)
    arithmetic.keep(double=notebook["double"])
    out = capsys.readouterr().out
    assert out.startswith(f"kept nothing: {why}")
    assert out.count("\n") == 1
    assert not (home / "arithmetic.py").exists()


def test_nothing_new_leaves_the_old(
    home: Path, notebook: Notebook, arithmetic: types.ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook.run(JOIN)
    arithmetic.keep(join=notebook["join"])
    before = (home / "arithmetic.py").read_bytes()
    capsys.readouterr()
    arithmetic.keep(double=arithmetic.double, join=arithmetic.join)
    assert capsys.readouterr().out == "kept nothing; still the library's: double, join\n"
    assert (home / "arithmetic.py").read_bytes() == before


def test_a_replaced_file_stays_beside(home: Path, notebook: Notebook, arithmetic: types.ModuleType) -> None:
    home.mkdir()
    (home / "arithmetic.py").write_text("# edited by hand\n")
    notebook.run(JOIN)
    arithmetic.keep(join=notebook["join"])
    assert (home / "arithmetic.py.before").read_text() == "# edited by hand\n"
    assert sorted(path.name for path in home.iterdir()) == ["arithmetic.py", "arithmetic.py.before"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def double(number:\n", "does not load: SyntaxError"),
        ("1 / 0\n", "does not load: ZeroDivisionError"),
        ("def double(number):\n    return number\n", "has yours, but [x] double, case 1 of 3"),
        ("from p2plib.wire.varint import encode as double\n", "has none of yours"),
    ],
)
def test_a_spoilt_file_falls_back_with_a_reason(
    home: Path, arithmetic: types.ModuleType, capsys: pytest.CaptureFixture[str], text: str, why: str
) -> None:
    home.mkdir()
    (home / "arithmetic.py").write_text(text)
    assert arithmetic.mine("double") is arithmetic.double
    out = capsys.readouterr().out
    assert why in out
    assert out.count("\n") == 1


def test_nothing_is_kept_while_being_graded(
    home: Path,
    notebook: Notebook,
    arithmetic: types.ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    notebook.run(JOIN)
    arithmetic.keep(join=notebook["join"])
    assert capsys.readouterr().out == "nothing is kept while being graded\n"
    assert not home.exists()
