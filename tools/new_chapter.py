"""Begin a chapter: write its stubs in every wing, and enter it wherever it must be listed.

    python tools/new_chapter.py discovery mdns                           a chapter, its module and their tests
    python tools/new_chapter.py discovery mdns --title "Who is near?"    with a title of its own
    python tools/new_chapter.py discovery mdns --lab lab02_neighbours    and the lab that follows it

The role is given by its key or its folder in the table of p2plib/figures/role_table.py. A role that has no
room yet gets one: a package, tests, a part in the table of contents, a page in the reference and an entry in
the import contracts. No file that exists is replaced. Right afterwards `make check` is green; what is left to
write says TO WRITE, and `make test` stays red until all of that is gone.
"""

from __future__ import annotations

import argparse
import keyword
import re
import subprocess
import sys
from pathlib import Path
from string import Template

sys.path.insert(0, str(Path(__file__).resolve().parent))

import notebooks

from p2plib.figures.role_table import INTRODUCTION, TABLE, Role

ROOT = Path(__file__).resolve().parents[1]
STUBS = Path(__file__).resolve().parent / "stubs"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LAB = re.compile(r"lab(\d\d)_([a-z]+)")


class NotBegun(Exception):
    """Nothing was written; the message says why, in one sentence."""


def role_of(word: str) -> Role:
    """The role that a word names, by its key or by its folder.

    Raises:
        NotBegun: there is no such role, or its pages have no package of their own.
    """
    found = [role for role in TABLE.values() if word in (role.key, role.folder)]
    if not found:
        raise NotBegun(f"there is no role {word!r}; choose one of {', '.join(TABLE)}")
    if found[0] is INTRODUCTION:
        raise NotBegun("pages of the introduction have no package of their own: write them by hand")
    return found[0]


CHAPTER = {
    "book/src/$package/$name.md": "chapter.md",
    "p2plib/$package/$module.py": "module.py.txt",
    "tests/$package/test_$module.py": "test_module.py.txt",
}
LAB_FILES = {
    "labs/src/$lab.md": "lab.md",
    "p2plib/labs/$lab/__init__.py": "lab_package.py.txt",
    "p2plib/labs/$lab/tasks.py": "lab_tasks.py.txt",
    "tests/labs/$lab/test_$lab.py": "test_lab.py.txt",
    "tests/labs/$lab/learners/__init__.py": "learners.py.txt",
}


def filled(stubs: dict[str, str], words: dict[str, str]) -> dict[str, str]:
    """Every new file with its text, by its path in the checkout."""
    return {
        Template(path).substitute(words): Template((STUBS / stub).read_text("utf8")).substitute(words)
        for path, stub in stubs.items()
    }


def files(role: Role, name: str, title: str, lab: str | None, before: str) -> dict[str, str]:
    """The new files of a chapter, and of the lab that follows it; `before` is the page before the chapter."""
    words = {"role": role.key, "package": role.folder, "name": name, "module": name.replace("-", "_")}
    words |= {"title": title, "needs": before}
    made = filled(CHAPTER, words)
    if lab:
        number, room = LAB.fullmatch(lab).groups()  # type: ignore[union-attr]
        words |= {"lab": lab, "number": str(int(number)), "room": room, "title": room.capitalize()}
        words |= {"needs": f"{role.folder}/{name}"}
        made |= {f"tests/labs/{lab}/__init__.py": "", **filled(LAB_FILES, words)}
    return made


def room(root: Path, role: Role) -> dict[str, str]:
    """The files that make a folder a room, apart from those that exist."""
    package = f"p2plib.{role.folder}"
    question = " ".join(role.question)
    wanted = {
        f"p2plib/{role.folder}/__init__.py": f'"""{role.caption}: {question} TO WRITE: its modules."""\n',
        f"tests/{role.folder}/__init__.py": "",
        f"book/reference/api-{role.folder}.md": f"# `{package}`\n\n{automodule(package)}",
    }
    return {path: text for path, text in wanted.items() if not (root / path).exists()}


def automodule(module: str) -> str:
    """The lines of the reference that show a module."""
    return f"```{{eval-rst}}\n.. automodule:: {module}\n```\n"


def contents(toc: str, role: Role, pages: list[str]) -> str:
    """The table of contents with some pages added at the end of a role's part, which is made if need be."""
    entries = "".join(f"      - file: {page}\n" for page in pages)
    reference = f"          - file: book/reference/api-{role.folder}\n"
    if reference not in toc:
        head, figures, tail = toc.partition("          - file: book/reference/api-figures\n")
        toc = head + reference + figures + tail
    for page in pages:
        if page.startswith("labs/"):  # its solution goes to the end of the appendix
            solved = f"      - file: {page.replace('labs/', 'labs/solutions/')}\n"
            toc = toc.replace("  - caption: Reference\n", f"{solved}  - caption: Reference\n")
    parts = list(re.finditer(r"^  - caption: (.+)\n", toc, re.M))
    captions = [part[1] for part in parts]
    if role.caption in captions:
        following = parts[captions.index(role.caption) + 1].start()
        return toc[:following] + entries + toc[following:]
    order = [other.caption for other in TABLE.values()]
    after = [*order[order.index(role.caption) + 1 :], "Solved labs", "Reference"]
    later = [part.start() for part in parts if part[1] in after]
    part = f"  - caption: {role.caption}\n    chapters:\n{entries}"
    return toc[: later[0]] + part + toc[later[0] :]


def contracts(settings: str, role: Role) -> str:
    """The project's settings with the role's package in the import contracts."""
    package = f'"p2plib.{role.folder}"'
    head, mark, tail = settings.partition("source_modules = [")
    if package in tail.partition("]")[0]:
        return settings
    return f"{head}{mark}{package}, {tail}"


def listed(library: str, role: Role) -> str:
    """The library's docstring with a line for the role's package."""
    package = f"p2plib.{role.folder}"
    if package in library:
        return library
    lines = library.split("\n")
    last = max(i for i, line in enumerate(lines) if line.startswith("    p2plib."))
    lines.insert(last + 1, f"    {package:19} {role.question[0].lower()} TO WRITE")
    return "\n".join(lines)


def page_before(toc: str, role: Role) -> str:
    """The page before a new page of a role, as front matter names it; "" if the new one is the first."""
    before = contents(toc, role, ["HERE"]).partition("      - file: HERE\n")[0]
    pages = re.findall(r"^      - file: (\S+)$", before, re.M)
    return pages[-1].removeprefix("book/") if pages else ""


def begin(root: Path, role: Role, name: str, title: str, lab: str | None) -> list[str]:
    """Write everything, and return the paths that were written, relative to the checkout.

    Raises:
        NotBegun: a file exists already, so nothing was written.
    """
    toc = (root / "_toc.yml").read_text("utf8")
    new = files(role, name, title, lab, page_before(toc, role))
    there = [path for path in new if (root / path).exists()]
    if there:
        raise NotBegun(f"nothing was written, because these exist already: {', '.join(there)}")
    new |= room(root, role)
    reference = f"book/reference/api-{role.folder}.md"
    module = name.replace("-", "_")
    shown = new[reference] if reference in new else (root / reference).read_text("utf8")
    new[reference] = f"{shown}\n## `{module}`\n\n{automodule(f'p2plib.{role.folder}.{module}')}"
    pages = [f"book/{role.folder}/{name}", *([f"labs/{lab}"] if lab else [])]
    new["_toc.yml"] = contents(toc, role, pages)
    new["pyproject.toml"] = contracts((root / "pyproject.toml").read_text("utf8"), role)
    new["p2plib/__init__.py"] = listed((root / "p2plib/__init__.py").read_text("utf8"), role)
    changed = [
        p for p, text in new.items() if not (root / p).exists() or (root / p).read_text("utf8") != text
    ]
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(new[path], "utf8")
    tidy(root, [path for path in changed if path.endswith(".py")])
    return changed


def tidy(root: Path, modules: list[str]) -> None:
    """Sort the imports of new modules and wrap their lines, both of which depend on the names."""
    ruff = [sys.executable, "-m", "ruff"]
    subprocess.run([*ruff, "check", "--quiet", "--select", "I", "--fix", *modules], cwd=root, check=True)
    subprocess.run([*ruff, "format", "--quiet", *modules], cwd=root, check=True)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """The command; see the head of this file."""
    parser = argparse.ArgumentParser(
        description="Begin a chapter: write its stubs, and enter it wherever it must be listed."
    )
    parser.add_argument("role", help=f"one of {', '.join(TABLE)}, or its folder")
    parser.add_argument("name", help="its name in lower case with hyphens, such as content-addressing")
    parser.add_argument("--title", help="its title; by default its name with a capital")
    parser.add_argument("--lab", help="also begin a lab of this name, such as lab02_neighbours")
    parser.add_argument("--no-run", action="store_true", help="do not make the notebooks")
    given = parser.parse_args(arguments)
    title = given.title or given.name.replace("-", " ").capitalize()
    try:
        if not NAME.fullmatch(given.name) or keyword.iskeyword(given.name):
            raise NotBegun(
                f"{given.name!r} cannot be the name of a page: use a to z, 0 to 9, hyphens, and no keyword"
            )
        if given.lab and not LAB.fullmatch(given.lab):
            raise NotBegun(f"{given.lab!r} cannot be the name of a lab: choose one like lab02_neighbours")
        role = role_of(given.role)
        written = begin(root, role, given.name, title, given.lab)
    except NotBegun as error:
        parser.error(str(error))
    print("\n".join(f"wrote {path}" for path in written))
    if not given.no_run and notebooks.main([], root):  # also a page that reads the whole library
        return 1
    print("Next: git add -A; make check; then replace what says TO WRITE, first in the module and its tests.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
