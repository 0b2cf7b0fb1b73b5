"""MyST's directives and roles as Markdown that every notebook program shows.

The pages are written in MyST, which JupyterLab shows raw unless it has an extension. So a notebook that a
reader takes away is translated: an admonition becomes a quotation, what is folded becomes `<details>`, and a
reference becomes a link or its words. A directive that nothing is known of keeps its words and loses its
fence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

FENCE = re.compile(r"^( {0,3})(`{3,}|:{3,}|~{3,})\s*(?:\{([\w:-]+)\}\s*(.*)|(.*))$")
OPTION = re.compile(r"^:([\w-]+):\s*(.*)$")
ROLE = re.compile(r"\{([a-z:]+)\}`([^`]+)`")
LABEL = re.compile(r"^\([\w:.-]+\)=\s*$")
TITLED = re.compile(r"^(.*\S)\s*<([^<>]+)>$", re.DOTALL)
SILENT = ("index", "solution-end", "label", "tableofcontents", "contents")
QUOTED = (
    "admonition",
    "note",
    "tip",
    "hint",
    "important",
    "warning",
    "caution",
    "attention",
    "danger",
    "error",
)
FOLDED = ("dropdown", "solution", "toggle")


@dataclass
class References:
    """Where a page's references lead; each function takes a target and answers (words, address or "")."""

    document: Callable[[str], tuple[str, str]]
    label: Callable[[str], tuple[str, str]]
    source: Callable[[str], tuple[str, str]]
    """A key of the bibliography: ("Maymounkov and Mazières 2002", address)."""


@dataclass
class Directive:
    """A directive with its head read."""

    name: str
    title: str
    options: dict[str, str]
    body: list[str]


def plain(text: str, references: References) -> str:
    """A cell's text with no directive and no role left in it."""
    lines = _blocks(text.split("\n"), references)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _blocks(lines: list[str], references: References) -> list[str]:
    """Translate line by line; a directive's body is translated in its turn."""
    made: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        fence = FENCE.match(line)
        if fence is None:
            if not LABEL.match(line) and not line.startswith("% "):
                made.append(line)
            at += 1
            continue
        end = _end(lines, at, fence[2])
        if fence[3] is None:  # a code block, or a stray end of a fence
            made += lines[at : end + 1]
        else:
            made += _translated(_read(fence[3], fence[4], lines[at + 1 : end]), references)
        at = end + 1
    return _words(made, references)


def _words(lines: list[str], references: References) -> list[str]:
    """Translate the roles, but not inside code blocks; a role may run over a line's end."""
    made: list[str] = []
    run: list[str] = []
    closing = ""

    def flush() -> None:
        if run:
            made.extend(ROLE.sub(lambda role: _role(role, references), "\n".join(run)).split("\n"))
            run.clear()

    for line in lines:
        fence = FENCE.match(line)
        if not closing and fence and fence[2][0] != ":":
            flush()
            closing = fence[2]
            made.append(line)
        elif closing:
            made.append(line)
            if line.strip().startswith(closing) and not line.strip(" `~"):
                closing = ""
        else:
            run.append(line)
    flush()
    return made


def _end(lines: list[str], start: int, mark: str) -> int:
    """The line that closes a fence; past the last one if none does."""
    depth: list[str] = [mark]
    for number in range(start + 1, len(lines)):
        fence = FENCE.match(lines[number])
        if fence is None:
            continue
        same = fence[2][0] == depth[-1][0] and len(fence[2]) >= len(depth[-1])
        if same and not fence[3] and not (fence[5] or "").strip():
            depth.pop()
            if not depth:
                return number
        elif depth[-1][0] == ":" and (fence[3] or fence[2][0] != ":"):
            depth.append(fence[2])
    return len(lines)


def _read(name: str, title: str, inside: list[str]) -> Directive:
    """Split the options from the body."""
    options: dict[str, str] = {}
    at = 0
    while at < len(inside) and (option := OPTION.match(inside[at])):
        options[option[1]] = option[2]
        at += 1
    return Directive(name, title.strip(), options, inside[at:])


def _translated(directive: Directive, references: References) -> list[str]:
    """The Markdown of one directive."""
    name, title = directive.name, directive.title
    if name in SILENT:
        return []
    body = _trimmed(_blocks(directive.body, references))
    if name in ("math", "code", "code-block", "code-cell"):
        around = ("$$", "$$") if name == "math" else (f"```{title}", "```")
        return [around[0], *directive.body, around[1]]
    if name in ("figure", "image"):
        return ["", f"![{directive.options.get('alt', '')}]({title})", "", *body, ""]
    if name == "solution-start":
        return ["", "**Solution.** Try it yourself before you read on.", ""]
    if name == "exercise":
        return ["", f"**Exercise: {title}**" if title else "**Exercise**", "", *body, ""]
    if name in FOLDED:
        words = title if name == "dropdown" else "Solution"
        return ["", f"<details><summary>{_inline(words)}</summary>", "", *body, "", "</details>", ""]
    if name.startswith("prf:"):
        kind = name.removeprefix("prf:").capitalize()
        return ["", f"**{kind} ({title}).**" if title else f"**{kind}.**", "", *body, ""]
    if name in QUOTED:
        heading = title or name.capitalize()
        return ["", *(f"> {line}".rstrip() for line in [f"**{heading}**", "", *body]), ""]
    return ["", *([f"**{title}**", ""] if title else []), *body, ""]


def _inline(words: str) -> str:
    """A title inside an HTML element, where Markdown does not look: code and emphasis as HTML."""
    words = re.sub(r"`([^`]+)`", r"<code>\1</code>", words)
    words = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", words)
    return re.sub(r"(?<![*\w])\*([^*\s][^*]*)\*", r"<em>\1</em>", words)


def _trimmed(lines: list[str]) -> list[str]:
    """Lines without empty ones at either end."""
    return "\n".join(lines).strip("\n").split("\n")


def _role(role: re.Match[str], references: References) -> str:
    """The Markdown of one role."""
    name, content = role[1], " ".join(role[2].split())
    titled = TITLED.match(content)
    words, target = (titled[1], titled[2]) if titled else ("", content)
    if name in ("doc", "ref", "numref", "prf:ref"):
        found, address = (references.document if name == "doc" else references.label)(target)
        return _link(words or found, address)
    if name.startswith("cite"):
        sources = [references.source(key.strip()) for key in target.split(",")]
        linked = "; ".join(_link(said, address) for said, address in sources)
        return linked if name == "cite:t" else f"({linked})"
    if name == "math":
        return f"${content}$"
    if name == "term":
        return words or target
    if name == "index":
        return words or target.split(";")[-1].strip()
    if name.startswith("py:") or name in ("mod", "class", "func", "meth", "attr", "code"):
        return f"`{words or target.lstrip('~')}`"
    return words or target


def _link(words: str, address: str) -> str:
    return f"[{words}]({address})" if address else words
