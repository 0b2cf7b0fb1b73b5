"""The house itself: what installs with what, what is never reachable, what a commit must not name."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from p2plib.figures.role_table import TABLE
from tests.conftest import ROOT

LIBRARY = sorted((ROOT / "p2plib").rglob("*.py"))
FROM_THE_NETWORK = [path for path in LIBRARY if path.relative_to(ROOT).parts[1] not in ("labs", "figures")]

ALONE = """
import importlib, pkgutil, sys

class OnlyPyNaCl:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        allowed = {"p2plib", "nacl", "cffi", "_cffi_backend", "pycparser"} | sys.stdlib_module_names
        if top not in allowed and not top.startswith("_"):
            raise ModuleNotFoundError(f"{name} is not there", name=name)

sys.meta_path.insert(0, OnlyPyNaCl())
import p2plib
count = 0
for module in pkgutil.walk_packages(p2plib.__path__, "p2plib."):
    importlib.import_module(module.name)
    count += 1
print(count)
"""


def test_the_library_imports_with_pynacl_alone() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) >= 20


# The one module that compiles text: what a table of fields stands for, before anything has arrived.
# tests/machine/test_straight.py shows that its text is made of the table alone.
COMPILES = {"machine/straight.py": {"exec", "compile"}}


PICKLES = {"pickle", "marshal", "shelve", "yaml", "dill"}


def runs_text(tree: ast.AST, forbidden: set[str]) -> list[int]:
    """The lines where code takes what could run text, under its own name or out of `builtins`."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in forbidden | {"__builtins__"}:
            found.append(node.lineno)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            if {"builtins", *PICKLES} & {name.partition(".")[0] for name in names}:
                found.append(node.lineno)
    return found


@pytest.mark.fault("F034")
@pytest.mark.parametrize("path", FROM_THE_NETWORK, ids=lambda path: str(path.relative_to(ROOT / "p2plib")))
def test_nothing_that_reads_the_network_can_run_what_it_reads(path: Path) -> None:
    forbidden = {"eval", "exec", "compile", "__import__"}
    forbidden -= COMPILES.get(path.relative_to(ROOT / "p2plib").as_posix(), set())
    assert not runs_text(ast.parse(path.read_text("utf8")), forbidden), path


@pytest.mark.parametrize(
    "text",
    ["exec(x)", "run = exec", "map(eval, x)", "import builtins", "from builtins import exec as e",
     "__builtins__['exec'](x)", "import pickle", "from pickle import loads", "import yaml.reader"],
)  # fmt: skip
def test_what_runs_text_is_found_under_any_name(text: str) -> None:
    assert runs_text(ast.parse(text), {"exec", "eval"}) == [1]


def swallows(tree: ast.AST) -> list[int]:
    """The lines that let any error pass without a word."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            silent = all(isinstance(line, ast.Pass) or is_dots(line) for line in node.body)
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            silent, kinds = True, list(node.args)
        else:
            continue
        if silent and any(kind is None or getattr(kind, "id", "") in EVERYTHING for kind in kinds):
            found.append(node.lineno)
    return found


EVERYTHING = ("Exception", "BaseException")
MAY_SWALLOW = {
    "sim/shutdown.py"
}  # it closes coroutines of a world that is over, which nobody can tell any more


def is_dots(line: ast.stmt) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(ROOT / "p2plib")))
def test_a_module_says_what_it_is_and_swallows_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text("utf8"))
    assert ast.get_docstring(tree), path
    assert not swallows(tree) or path.relative_to(ROOT / "p2plib").as_posix() in MAY_SWALLOW, path


@pytest.mark.parametrize(
    "text",
    ["try: x\nexcept: pass", "try: x\nexcept Exception: ...", "try: x\nexcept (OSError, Exception): pass",
     "with contextlib.suppress(Exception): x"],
)  # fmt: skip
def test_what_swallows_everything_is_found(text: str) -> None:
    assert len(swallows(ast.parse(text))) == 1
    assert not swallows(ast.parse(text.replace("Exception", "OSError").replace("except:", "except OSError:")))


def test_every_fault_of_identity_has_a_test() -> None:
    marks = re.compile(r"""mark\.fault\(([^)]*)\)""")
    covered = {
        fault
        for path in (ROOT / "tests").rglob("test_*.py")
        for inside in marks.findall(path.read_text("utf8"))
        for fault in re.findall(r"F\d{3}", inside)
    }
    assert {f"F{n:03}" for n in range(1, 19)} <= covered


def test_what_is_committed_names_no_registry_host_and_no_path_of_a_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    banned = re.compile(
        r"regis[t]ry\.npmjs|pyp[i]\.o[r]g|pythonhos[t]ed|de[b]\.debian\.o[r]g|/wor[k]/|/roo[t]/|/hom[e]/\w"
    )
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and path.stat().st_size < 5_000_000:
            hit = banned.search(path.read_text("utf8", "replace"))
            if hit:
                found.append((name, hit[0]))
    assert not found


# The other half of a module whose page shows what readers call of it: codec of a driver, tables of a machine.
TOLD_ELSEWHERE = {
    *(
        f"p2plib.identity.{name}"
        for name in ("keyfile_format", "private_files", "lookalikes", "joiners", "name_ledger")
    ),
    *(
        f"p2plib.sim.{name}"
        for name in (
            "shutdown",
            "tracebacks",
            "capture.headers",
            "clock.places",
            "clock.threads",
            "clock.workers",
            "failures",
            "nat.ports",
            "nat.table",
            "arrival",
            "exact",
        )
    ),
    "p2plib.discovery.__main__",  # the command of p2plib.discovery.commands
    "p2plib.sim.__main__",  # the command of p2plib.sim.command
    *(
        f"p2plib.sim.sockets.{name}"
        for name in (
            "arguments",
            "control",
            "error_queue",
            "names",
            "opened_datagrams",
            "opened_pairs",
            "opened_streams",
            "options",
            "polling",
            "refused",
            "services",
        )
    ),
    *(
        f"p2plib.sim.tcp.{name}"
        for name in ("hystart", "receive", "send", "server", "stack", "streams", "transport")
    ),
}


BESIDE = {"figures", "labs", "population", "sim"}


def rooms() -> set[str]:
    """The packages of the roles, with what they stand on; what stands beside them is left out."""
    made = {
        path.stem
        for path in (ROOT / "p2plib").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    return {f"p2plib.{name}" for name in made - {"__init__", *BESIDE}}


def test_every_room_has_its_place_in_the_import_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = {name for layer in contracts[0]["layers"] for name in re.findall(r"p2plib\.\w+", layer)}
    assert rooms() <= layers, "layers in pyproject.toml"  # those in brackets are planned
    assert set(contracts[1]["source_modules"]) == rooms(), "source_modules in pyproject.toml"


def test_every_module_of_a_room_is_in_the_reference() -> None:
    toc = (ROOT / "_toc.yml").read_text("utf8")
    pages = [
        page for page in (ROOT / "book" / "reference").glob("api*.md") if f"reference/{page.stem}\n" in toc
    ]
    shown = set(re.findall(r"automodule:: (\S+)", "\n".join(page.read_text("utf8") for page in pages)))
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in FROM_THE_NETWORK
    } - {"p2plib", *TOLD_ELSEWHERE}
    assert modules <= shown, (
        f"not in book/reference, or its page is not in _toc.yml: {sorted(modules - shown)}"
    )


def extension() -> SimpleNamespace:
    """The handbook's Sphinx extension, or a skip where Sphinx is not installed."""
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location(
        "handbook_extension", ROOT / "book" / "_ext" / "handbook.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:  # at the end of the path: tools has a package `handbook`
        patch.setattr(sys, "path", [*sys.path, str(ROOT / "book" / "_ext")])
        spec.loader.exec_module(module)
    return SimpleNamespace(**vars(module))


def test_one_setting_turns_on_every_button_and_its_absence_none() -> None:
    buttons = extension().repository_buttons
    plain = SimpleNamespace(handbook_repository="", html_theme_options={"logo": {}})
    buttons(None, plain)
    assert plain.html_theme_options == {"logo": {}}
    known = SimpleNamespace(handbook_repository="https://forge.example/p2p/", html_theme_options={"logo": {}})
    buttons(None, known)
    assert known.html_theme_options["repository_url"] == "https://forge.example/p2p"
    assert known.html_theme_options["use_repository_button"]
    assert known.html_theme_options["launch_buttons"]
    assert known.html_theme_options["logo"] == {}


def test_the_parts_of_the_book_are_those_that_the_front_page_knows() -> None:
    module = extension()
    captions = set(module.toc_pages(ROOT)) - {"Before you begin", "Solved labs", "Reference"}
    known = {role.caption for role in TABLE.values()}
    assert captions <= known, "captions in _toc.yml, and the table in p2plib/figures/role_table.py"


def test_the_version_is_the_same_wherever_it_stands() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]["version"]
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text("utf8")


def test_the_tested_set_of_versions_fits_what_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]
    tested = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)$", (ROOT / "constraints.txt").read_text("utf8").lower(), re.M)
    )
    pins = {
        name.lower(): pinned
        for wanted in project["optional-dependencies"].values()
        for name, pinned in re.findall(r"^([\w.-]+)==([\w.]+)$", "\n".join(wanted), re.M)
    }
    assert len(pins) >= 8
    assert {name: tested.get(name, tested.get(name.replace("-", "_"))) for name in pins} == pins


def test_the_example_of_the_readme_prints_what_it_says() -> None:
    lines = (
        (ROOT / "README.md")
        .read_text("utf8")
        .split("## A simulated internet")[1]
        .split("\n## ")[0]
        .splitlines()
    )
    program = "\n".join(line[4:] for line in lines if line.startswith("    ") or not line)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == program.partition(".run(main)   # ")[2].strip()


# Imports at run time


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_at_run_time(node: ast.AST) -> Iterator[tuple[str, str]]:
    """What a module imports, wherever that stands, as (module, name in it or ""); not what is for types."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute here"
        yield from ((node.module or "", alias.name) for alias in node.names)
    for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    for child in node.orelse if isinstance(node, ast.If) and for_types else ast.iter_child_nodes(node):
        yield from imports_at_run_time(child)


def import_graph() -> dict[str, set[str]]:
    """Which of the library's modules each of them imports. A package counts where its own names are meant."""
    modules = {module_name(path): path for path in LIBRARY}
    graph = {}
    for name, path in modules.items():
        found = set()
        for module, inside in imports_at_run_time(ast.parse(path.read_text("utf8"))):
            found.add(f"{module}.{inside}" if f"{module}.{inside}" in modules else module)
        graph[name] = found & set(modules)
    return graph


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The shortest way from each module back to itself, of those that have one."""
    found = []
    for start in graph:
        ways = [[start]]
        seen: set[str] = set()
        while ways:
            way = ways.pop(0)
            for after in sorted(graph[way[-1]] - seen):
                if after == start:
                    found.append([*way, start])
                    ways.clear()
                    break
                seen.add(after)
                ways.append([*way, after])
    return found


def test_no_modules_import_each_other_at_run_time() -> None:
    """An import for types alone (`if TYPE_CHECKING`) may go round; one inside a function is no way out."""
    found = [" -> ".join(way) for way in circles(import_graph())]
    assert not found, "\n".join(found)


def test_a_circle_is_found_wherever_its_imports_stand() -> None:
    text = (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a.b\nelse:\n    import a.c\n"
        "def f():\n    from a import d\n    class C:\n        import a.e\n"
    )
    names = [name for name in imports_at_run_time(ast.parse(text)) if name[0] != "typing"]
    assert names == [("a.c", ""), ("a", "d"), ("a.e", "")]
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == [["b", "c", "b"], ["c", "b", "c"]]
    assert circles({"a": {"a"}}) == [["a", "a"]]


# Tests of a module's name

# In which file a module is tested that has none of its own, and why. A package's name stands for all in it.
# A lab is proved whole, by what it accepts, what it refuses and its hints.
LABS = [path.name for path in (ROOT / "p2plib/labs").iterdir() if re.match(r"lab\d\d_", path.name)]
TESTED_ELSEWHERE = {
    **{f"p2plib.labs.{lab}": f"tests/labs/{lab}/test_{lab}.py" for lab in LABS},
    **{
        f"p2plib.labs.engine.{part}": "tests/labs/engine/test_feedback.py"  # a lab of two tasks runs it
        for part in ("bounded", "lab", "tasks")
    },
    **{
        f"p2plib.figures.{part}": f"tests/figures/test_{figure}.py"  # seen in the figure made of it
        for figure, parts in {
            "control": ("frames", "meters"),
            "identifier_ring": ("identifier_ring_shapes",),
            "internet": ("packets", "table"),
            "network": ("network_shapes",),
            "overlay": ("overlay_shapes",),
            "prefix_tree": ("prefix_tree_shapes",),
            "player": ("shapes",),
            "roles": ("role_table",),
        }.items()
        for part in parts
    },
    "p2plib.discovery.__main__": "tests/discovery/test_commands.py",  # it calls the command
    "p2plib.discovery.mdns.events": "tests/discovery/mdns/test_machine.py",  # values alone
    "p2plib.discovery.mdns.manners": "tests/discovery/mdns/test_machine.py",  # switches alone
    "p2plib.discovery.worlds": "tests/discovery/test_conformance.py",  # what its checks are run over
    "p2plib.discovery.mainline.messages": "tests/discovery/mainline/test_krpc.py",  # values alone
    "p2plib.discovery.mainline.parts": "tests/discovery/mainline/test_machine.py",  # values alone
    "p2plib.machine.fields": "tests/machine/test_datagram.py",  # a field is seen in the messages made of it
    "p2plib.protocol.quic.stream": "tests/protocol/quic/test_driver.py",  # a stream is one of a connection
    "p2plib.protocol.yamux.events": "tests/protocol/yamux/test_session.py",  # values alone
    "p2plib.protocol.yamux.limits": "tests/protocol/yamux/test_session.py",  # numbers alone
    "p2plib.sim.__main__": "tests/sim/test_command.py",  # it calls the command
    "p2plib.sim.arrival": "tests/sim/test_fabric.py",  # packets that reach NATs and hosts
    "p2plib.sim.packet": "tests/sim/capture/test_trace.py",  # values alone
    "p2plib.topology.arrays": "tests/topology/test_graph.py",  # it fetches numpy, and no more
}


def test_every_module_has_tests_of_its_name() -> None:
    missing, needless = [], set(TESTED_ELSEWHERE)
    for path in LIBRARY:
        name, inside = module_name(path), path.relative_to(ROOT / "p2plib")
        if path.name == "__init__.py" or (ROOT / "tests" / inside.parent / f"test_{inside.name}").exists():
            continue
        entries = {entry for entry in TESTED_ELSEWHERE if f"{name}.".startswith(f"{entry}.")}
        needless -= entries
        if not entries:
            missing.append(str(inside))
    assert not missing, "neither a test file of that name in tests/, nor an entry in TESTED_ELSEWHERE"
    assert not needless, "an entry in TESTED_ELSEWHERE for what has tests of its own"
    assert all((ROOT / file).exists() for file in TESTED_ELSEWHERE.values())
