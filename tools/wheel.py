"""Make p2plib's wheel without asking anybody: a wheel is the library's files and a list of them.

    python tools/wheel.py _build/wheel      writes _build/wheel/p2plib-0.1.0-py3-none-any.whl

The same files give the same bytes: no times, fixed order. The site offers the wheel to readers of downloaded
notebooks, and the reader's tab installs it.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say


def name_of(project: dict[str, Any]) -> str:
    """The wheel's file name."""
    return f"{project['name']}-{project['version']}-py3-none-any.whl"


def metadata(project: dict[str, Any]) -> str:
    """The wheel's METADATA, from pyproject's [project]."""
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"License-Expression: {project['license']}",
        f"Requires-Python: {project['requires-python']}",
        *(f"Requires-Dist: {need}" for need in project["dependencies"]),
    ]
    for extra, needs in project["optional-dependencies"].items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f'Requires-Dist: {need}; extra == "{extra}"' for need in needs]
    return "\n".join(lines) + "\n"


def entry_points(project: dict[str, Any]) -> str:
    """The wheel's entry_points.txt."""
    groups = project.get("entry-points", {}).items()
    return "\n".join(
        f"[{group}]\n" + "".join(f"{name} = {what}\n" for name, what in points.items())
        for group, points in groups
    )


def build(root: Path, folder: Path) -> Path:
    """Write the wheel of the library in *root* into *folder*, which is made if it is not there; its path."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    about = f"{project['name']}-{project['version']}.dist-info"
    files = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted((root / project["name"]).rglob("*"))
        if path.is_file() and (path.suffix == ".py" or path.name == "py.typed")
    }
    files[f"{about}/METADATA"] = metadata(project).encode()
    files[f"{about}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: handbook\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{about}/entry_points.txt"] = entry_points(project).encode()
    files[f"{about}/licenses/LICENSE"] = (root / "LICENSE").read_bytes()
    record = "".join(f"{name},{_digest(raw)},{len(raw)}\n" for name, raw in files.items())
    files[f"{about}/RECORD"] = f"{record}{about}/RECORD,,\n".encode()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name_of(project)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as wheel:
        for name, raw in files.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, raw)
    return target


def _digest(raw: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    print(build(ROOT, Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "wheel"))
