"""What a reader's browser runs a page's cells with: gathered into `_build/tab`, copied into the site.

    python tools/tab_pieces.py        gather what is missing, and say what there is

Python itself (Pyodide) and libsodium come from npm, with the versions and hashes of
tools/tab/package-lock.json; the library is packed into a wheel, and BIP 39's word list is taken from the
installed package `mnemonic`. Only what a page loads is kept: no source maps, no types. `pieces.json` has each
file's name and size, so that a page can say how far a download has come.

Where Node or npm is missing, or npm gets nothing, there are no pieces: the book is built without this mode,
and one sentence says so. What lies in `_build/tab` already is used without any network.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NODE = ROOT / "tools" / "tab"
PIECES = ROOT / "_build" / "tab"
NPM_TIMEOUT_S = 300
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes on every day
INDEX, MADE_FROM = "pieces.json", "made-from.txt"

# From node_modules, by the name that each has in the site.
FROM_NPM = {
    "pyodide.mjs": "pyodide/pyodide.mjs",
    "pyodide.asm.js": "pyodide/pyodide.asm.js",
    "pyodide.asm.wasm": "pyodide/pyodide.asm.wasm",
    "python_stdlib.zip": "pyodide/python_stdlib.zip",
    "libsodium-wrappers.mjs": "libsodium-wrappers-sumo/dist/modules-sumo-esm/libsodium-wrappers.mjs",
    "libsodium-sumo.mjs": "libsodium-sumo/dist/modules-sumo-esm/libsodium-sumo.mjs",
}
# The licences of both lie beside them; npm's package of Pyodide has no text of its own, so tools/tab has it.
NOTICES = {"libsodium-licence.txt": "libsodium-wrappers-sumo/LICENSE"}
OWN_NOTICES = {"pyodide-licence.txt": NODE / "pyodide-licence.txt"}
# Pyodide reads what packages there are. Here there are none, so it never looks for one on another host.
LOCK_FILE = "pyodide-lock.json"
SODIUM_NAME = 'from"libsodium-sumo"'  # a name that only npm's tools can follow
SODIUM_FILE = 'from"./libsodium-sumo.mjs"'
WORDS = "mnemonic.zip"
BESIDE = "beside.zip"  # the files that notebooks read, each by its place in the handbook
READ_BY_NOTEBOOKS = ("bench/results/paper_topology.json",)
WITHOUT = "the pages are made without cells that run in the browser."


class NoPieces(Exception):
    """There are no pieces, and none can be had; the message is one sentence that says why."""


def gather(pieces: Path = PIECES) -> dict[str, int]:
    """See that all pieces are there and those of this checkout are of today.

    Args:
        pieces: the folder to gather them in.

    Returns:
        Each piece's size in bytes, by its name: what `pieces.json` says.

    Raises:
        NoPieces: Node or npm is missing, or npm did not get what the lock names.
    """
    wanted = hashlib.sha256((NODE / "package-lock.json").read_bytes()).hexdigest()
    made_from = pieces / MADE_FROM
    have = made_from.read_text("utf8") if made_from.exists() else ""
    if have != wanted or not all((pieces / name).exists() for name in [*FROM_NPM, *NOTICES, LOCK_FILE]):
        made_from.unlink(missing_ok=True)
        _fetch(pieces)
        made_from.write_text(wanted, "utf8")
    for name, notice in OWN_NOTICES.items():
        write_if_new(pieces / name, notice.read_bytes())
    for old in pieces.glob("*.whl"):
        if old.name != wheel_name():
            old.unlink()
    write_if_new(pieces / wheel_name(), wheel())
    write_if_new(pieces / WORDS, word_list())
    write_if_new(pieces / BESIDE, packed({name: (ROOT / name).read_bytes() for name in READ_BY_NOTEBOOKS}))
    names = sorted([*FROM_NPM, LOCK_FILE, WORDS, BESIDE, wheel_name()])
    sizes = {name: (pieces / name).stat().st_size for name in names}
    write_if_new(pieces / INDEX, (json.dumps(sizes, indent=1) + "\n").encode())
    return sizes


def install(static: Path, pieces: Path = PIECES) -> None:
    """Copy the pieces into a built site.

    Args:
        static: the site's folder `_static/tab`.
        pieces: where they were gathered.
    """
    target = static / "pieces"
    target.mkdir(parents=True, exist_ok=True)
    names = [INDEX, *NOTICES, *OWN_NOTICES, *json.loads((pieces / INDEX).read_text("utf8"))]
    for old in target.iterdir():
        if old.name not in names:
            old.unlink()
    for name in names:
        source, copy = pieces / name, target / name
        if not copy.exists() or copy.stat().st_mtime < source.stat().st_mtime:
            shutil.copyfile(source, copy)


def _fetch(pieces: Path) -> None:
    """Have npm install what the lock names, and keep what a page loads of it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise NoPieces(f"Node and npm are not installed, so {WITHOUT}")
    with tempfile.TemporaryDirectory(prefix="handbook-tab-") as scratch:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copyfile(NODE / name, Path(scratch) / name)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
        try:
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=NPM_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise NoPieces(f"npm did not finish in {NPM_TIMEOUT_S} s, so {WITHOUT}") from None
        if done.returncode:
            why = next((line for line in done.stderr.splitlines() if line.strip()), "it gave no reason")
            raise NoPieces(f"npm failed ({why.strip()}), so {WITHOUT}")
        pieces.mkdir(parents=True, exist_ok=True)
        modules = Path(scratch) / "node_modules"
        for name, source in {**FROM_NPM, **NOTICES}.items():
            shutil.copyfile(modules / source, pieces / name)
        _without_maps(pieces / "pyodide.mjs")
        _follow_sodium(pieces / "libsodium-wrappers.mjs")
        lock = json.loads((modules / "pyodide" / LOCK_FILE).read_text("utf8"))
        write_if_new(pieces / LOCK_FILE, json.dumps({**lock, "packages": {}}).encode())


def _without_maps(module: Path) -> None:
    """Drop the line that has a browser's tools ask for a source map."""
    lines = module.read_text("utf8").splitlines()
    kept = [line for line in lines if not line.startswith("//# sourceMappingURL=")]
    module.write_text("\n".join(kept) + "\n", "utf8")


def _follow_sodium(module: Path) -> None:
    """Name the file that a module imports, in place of its package."""
    text = module.read_text("utf8")
    if text.count(SODIUM_NAME) != 1:
        raise NoPieces(f"{module.name} does not import libsodium in the way that this tool knows.")
    module.write_text(text.replace(SODIUM_NAME, SODIUM_FILE), "utf8")


def wheel_name() -> str:
    """The file name of the library's wheel."""
    return f"p2plib-{importlib.metadata.version('p2plib')}-py3-none-any.whl"


def wheel() -> bytes:
    """The library of this checkout as a wheel; the same bytes for the same files."""
    about = importlib.metadata.distribution("p2plib")
    info = f"p2plib-{about.version}.dist-info"
    files = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in sorted((ROOT / "p2plib").rglob("*"))
        if path.suffix == ".py" or path.name == "py.typed"
    }
    files[f"{info}/METADATA"] = (about.read_text("METADATA") or "").encode()
    files[f"{info}/entry_points.txt"] = (about.read_text("entry_points.txt") or "").encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: p2plib\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    rows = [f"{name},sha256={_wheel_hash(raw)},{len(raw)}" for name, raw in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,\n"]).encode()
    return packed(files)


def word_list() -> bytes:
    """BIP 39's English words, where `p2plib.identity.mnemonic` looks for them."""
    package = importlib.resources.files("mnemonic")
    words = (package / "wordlist" / "english.txt").read_bytes()
    return packed({"mnemonic/__init__.py": b"", "mnemonic/wordlist/english.txt": words})


def packed(files: dict[str, bytes]) -> bytes:
    """Files in a zip archive."""
    with tempfile.SpooledTemporaryFile() as archive:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as into:
            for name, raw in files.items():
                entry = zipfile.ZipInfo(name, EPOCH)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                into.writestr(entry, raw)
        archive.seek(0)
        return archive.read()


def _wheel_hash(raw: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()


def write_if_new(path: Path, raw: bytes) -> None:
    """Write a file, unless it has these bytes already: who copies by age then copies nothing."""
    if not path.exists() or path.read_bytes() != raw:
        path.write_bytes(raw)


def main() -> int:
    """Gather, and say what there is."""
    try:
        sizes = gather()
    except NoPieces as why:
        print(why)
        return 1
    print(f"{PIECES.relative_to(ROOT)}: {len(sizes)} pieces, {sum(sizes.values()) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
