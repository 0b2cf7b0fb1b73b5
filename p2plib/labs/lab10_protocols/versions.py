"""Lab 10, task 4: the newest version first. The reference, and wrong ways to put versions in order."""

from __future__ import annotations

from collections.abc import Sequence

from p2plib.labs.engine.tasks import Mistake, Task


def newest_first(names: Sequence[str]) -> list[str]:
    """Names of one protocol, "/chat/1.10.0", the newest version first."""
    return sorted(names, key=_version, reverse=True)


def _version(name: str) -> tuple[int, ...]:
    return tuple(map(int, name.rpartition("/")[2].split(".")))


def _as_text(names: Sequence[str]) -> list[str]:
    return sorted(names, reverse=True)


def _oldest(names: Sequence[str]) -> list[str]:
    return newest_first(names)[::-1]


def _as_float(names: Sequence[str]) -> list[str]:
    return sorted(
        names, key=lambda name: float(".".join(name.rpartition("/")[2].split(".")[:2])), reverse=True
    )


def _in_place(names: list[str]) -> list[str]:
    names.sort(key=_version, reverse=True)
    return names


def _only_last(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: int(name.rpartition(".")[2]), reverse=True)


def _digits(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: int(name.rpartition("/")[2].replace(".", "")), reverse=True)


def _third_part(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: tuple(map(int, name.split("/")[2].split("."))), reverse=True)


def _newest_alone(names: Sequence[str]) -> str:
    return max(names, key=_version)


NEWEST = Task(
    "newest_first",
    newest_first,
    cases=[
        (["/chat/2.0.0", "/chat/1.0.0"],),
        (["/chat/1.2.0", "/chat/1.0.9", "/chat/2.0.0", "/chat/1.2.5"],),
        (["/chat/1.9.0", "/chat/1.10.0", "/chat/1.2.0"],),
        (["/chat/1.10.0", "/chat/2.0.0"],),
        (["/v2/chat/9.0.0", "/v2/chat/10.0.0"],),
        ([],),
    ],
    mistakes=[
        Mistake(_digits, "the first number counts most: a tuple of whole numbers compares as versions do"),
        Mistake(_oldest, "the newest comes first: reverse=True"),
        Mistake(
            _as_text,
            "strings compare character by character, so '9' is more than '10': use int() for each part",
        ),
        Mistake(_as_float, "a version is not a decimal fraction: 1.10 comes after 1.9"),
        Mistake(_third_part, "the version is what comes after the last slash"),
        Mistake(_newest_alone, "return a list of all the names, not just the newest"),
        Mistake(_only_last, "all the numbers in a version count, the first one most"),
        Mistake(_in_place, "leave the argument alone: sorted() makes a new list, .sort() does not"),
    ],
    hint="a tuple of whole numbers compares as versions do",
)
