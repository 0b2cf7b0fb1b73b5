"""The tool that prints the book, on a book of two pages."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
import zlib
from pathlib import Path

import pdf
import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = {
    "_config.yml": """
        title: A tiny book
        author: Nobody in particular
        only_build_toc_files: true
        exclude_patterns: [_build]
        execute: {execute_notebooks: "off"}
        sphinx:
          local_extensions: {handbook: book/_ext, exercises: book/_ext}
          extra_extensions: [sphinx_exercise]
          config: {html_math_renderer: mathml}
        """,
    "_toc.yml": """
        format: jb-book
        root: index
        parts:
          - caption: Everything
            chapters: [{file: one}, {file: two}]
          - caption: Reference
            chapters: [{file: book/reference/api}, {file: genindex}]
        """,
    "index.md": """
        # A tiny book
        """,
    "one.md": """
        # One

        :::{exercise} A small one (easy, 5 min)
        :label: ex-one
        Why?
        :::

        :::{solution} ex-one
        :class: dropdown
        Because of the needle.
        :::
        """,
    "two.md": """
        # Two

        The end.
        """,
}


def test_pages_for_searching_are_not_printed() -> None:
    whole = {
        "root": "index",
        "parts": [
            {"caption": "Reference", "chapters": [{"file": "book/reference/api"}, {"file": "genindex"}]},
            {"caption": "Else", "chapters": [{"file": "book/reference/glossary"}]},
        ],
    }
    assert pdf.printed_contents(whole) == {
        "root": "index",
        "parts": [{"caption": "Else", "chapters": [{"file": "book/reference/glossary"}]}],
    }


def test_places_are_read_from_plain_and_from_packed_objects() -> None:
    packed = zlib.compress(b"4 0 5 33 << /Type /Page /Parent 2 0 R >> \n<< /one [4 0 R /XYZ 0 0 0] >>")
    file = (
        b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
        b"2 0 obj\n<< /Type /Pages /Kids [3 0 R 4 0 R] >>\nendobj\n"
        b"3 0 obj\n<< /Type /Page /Parent 2 0 R >>\nendobj\n"
        b"6 0 obj\n<< /Type /ObjStm /N 2 /First 9 >>\nstream\n" + packed + b"\nendstream\nendobj\n"
        b"7 0 obj\n<< /document-book#2Ftwo [3 0 R /XYZ 0 0 0] >>\nendobj\n"
    )
    assert pdf.pages_of_places(file) == {"one": 2, "document-book/two": 1}


@pytest.mark.slow
def test_a_tiny_book_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("jupyter_book")
    if not any(map(shutil.which, pdf.BROWSERS)):
        assert not os.environ.get("CI"), "CI must have Chromium: .ci/run installs it"
        pytest.skip("no Chromium on this machine")
    for name, text in FILES.items():
        (tmp_path / name).write_text(textwrap.dedent(text).lstrip("\n"), "utf8")
    shutil.copytree(ROOT / "book" / "_ext", tmp_path / "book" / "_ext")
    (tmp_path / "tools").mkdir()
    for name in ("tools/wheel.py", "pyproject.toml"):  # which extensions read
        shutil.copy(ROOT / name, tmp_path / name)
    output = tmp_path / "book.pdf"
    assert pdf.main(["--root", str(tmp_path), "--output", str(output)]) == 0
    assert re.search(r": 6 pages", capsys.readouterr().out), (
        "cover, contents, preface, two chapters, solutions"
    )
    places = pdf.pages_of_places(output.read_bytes())
    assert (places["document-one"], places["document-two"]) == (4, 6), "the solutions come between them"


def test_without_a_browser_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(pdf.NoBook, match="Chromium"):
        pdf.chromium()
