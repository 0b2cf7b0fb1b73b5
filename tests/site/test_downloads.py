"""What a reader takes away from the site: a notebook that says how to begin, and the library as a wheel."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.conftest import ROOT
from tests.site.extension import part

downloads = part("downloads")
WORDS = downloads.References(lambda name: (name, ""), lambda name: (name, ""), lambda key: (key, ""))
NOTEBOOK = ROOT / "book" / "identity" / "keys.ipynb"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = downloads.wheel.build(ROOT, tmp_path_factory.mktemp("wheel"))
    return path


def taken(address: str = "") -> dict[str, Any]:
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    before = copy.deepcopy(notebook)
    made: dict[str, Any] = downloads.to_take_away(
        notebook, WORDS, downloads.first_cell("p2plib-1-py3-none-any.whl", address)
    )
    assert notebook == before
    return made


def test_the_copy_is_a_notebook_with_all_code_and_all_outputs() -> None:
    made = taken()
    nbformat.validate(nbformat.from_dict(made))
    original = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    assert [cell for cell in made["cells"][1:] if cell["cell_type"] == "code"] == [
        cell for cell in original if cell["cell_type"] == "code"
    ]


def test_the_first_cell_installs_from_the_site_if_the_site_has_an_address() -> None:
    first = "".join(taken("https://p2p.example/book")["cells"][0]["source"])
    assert '"p2plib[notebooks] @ https://p2p.example/book/notebooks/p2plib-1-py3-none-any.whl"' in first


def run_first(folder: Path, *packages: Path) -> str:
    """What the first cell does in a folder, told by IPython, with `%pip` replaced by words."""
    source = "".join(taken()["cells"][0]["source"])
    program = (
        "import sys\nfrom IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.register_magic_function(lambda line: print('pip', line), magic_name='pip')\n"
        f"sys.path[:0] = {[str(path) for path in packages]!r}\n"
        f"assert shell.run_cell({source!r}).success\n"
    )
    command = [sys.executable, "-S", "-c", program]
    paths = [str(Path(sys.modules[name].__file__ or "").parents[1]) for name in ("IPython", "nbformat")]
    environment = {"PYTHONPATH": ":".join(paths), "HOME": str(folder), "PATH": ""}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=True
    ).stdout


def test_the_first_cell_says_what_is_missing_installs_what_lies_there_or_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("IPython")
    assert "Put p2plib-1-py3-none-any.whl into the folder" in run_first(tmp_path)
    (tmp_path / "p2plib-1-py3-none-any.whl").touch()
    assert "pip install --quiet" in run_first(tmp_path)
    assert "go on with the next cell" in run_first(tmp_path, ROOT)


def test_sources_are_named_as_in_a_sentence() -> None:
    sources = downloads.bibliography(ROOT / "book" / "reference" / "references.bib")
    assert len(sources) > 50
    for key, (words, address) in sources.items():
        assert words, key
        assert not set(words) & set("{}\\"), words
        assert address == "" or address.startswith("http"), address


def test_the_wheel_has_every_module_and_the_same_bytes_each_time(wheel: Path, tmp_path: Path) -> None:
    again = downloads.wheel.build(ROOT, tmp_path)
    assert again.read_bytes() == wheel.read_bytes()
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "p2plib").rglob("*.py")}
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        assert modules <= set(names)
        record = opened.read(names[-1]).decode()
        for line in record.splitlines()[:-1]:
            name, digest, size = line.rsplit(",", 2)
            raw = opened.read(name)
            made = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
            assert (digest, size) == (f"sha256={made}", str(len(raw)))


def test_pip_installs_the_wheel(wheel: Path, tmp_path: Path) -> None:
    words = ["install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "pip", *words, str(wheel)], check=True, timeout=120)
    assert (tmp_path / "p2plib" / "py.typed").is_file()
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import importlib.metadata as m; print(m.version('p2plib'), m.requires('p2plib')[0])",
        ],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout.split()[0] == wheel.name.split("-")[1]
    assert told.stdout.split()[1].startswith("pynacl")
