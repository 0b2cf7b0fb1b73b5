"""Lab 8, task 10: a store in which files share their chunks. The reference and its probes."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from p2plib.errors import NotFound
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab08_content.counts import plural
from p2plib.labs.lab08_content.cutting import LARGEST_BYTES, cut

Disk = dict[bytes, bytes]


class ChunkStore:
    """Files in chunks, each chunk once. A machine without a driver.

    Args:
        disk: where the chunks are, each under its SHA-256, and nothing else.
    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.files: list[tuple[bytes, ...]] = []

    def put(self, data: bytes) -> list[bytes]:
        """Keep a file; return its recipe, the SHA-256 of each of its chunks in order."""
        recipe = []
        for chunk in cut(data):
            recipe.append(hashlib.sha256(chunk).digest())
            self.disk[recipe[-1]] = chunk
        self.files.append(tuple(recipe))
        return recipe

    def get(self, recipe: list[bytes]) -> bytes:
        """The bytes of the file that has this recipe.

        Raises:
            NotFound: a chunk is not there.
            ValueError: the disk has changed a chunk.
        """
        chunks = []
        for name in recipe:
            if name not in self.disk:
                raise NotFound("a chunk is not there")
            if hashlib.sha256(self.disk[name]).digest() != name:
                raise ValueError("the disk has changed a chunk")
            chunks.append(self.disk[name])
        return b"".join(chunks)

    def remove(self, recipe: list[bytes]) -> None:
        """Forget a file once, and delete the chunks that no other file needs.

        Raises:
            NotFound: no such file was put, or it was removed as often as it was put.
        """
        if tuple(recipe) not in self.files:
            raise NotFound("no such file is here")
        self.files.remove(tuple(recipe))
        needed = {name for file in self.files for name in file}
        for name in set(recipe) - needed:
            self.disk.pop(name, None)


MakeStore = Callable[[Disk], Any]  # a reader's class

_ONCE = "a chunk that is there already takes no more room: keep it under its SHA-256, disk[name] = chunk"
_SHARED = (
    "a chunk goes only when no other file needs it: count the files that do, or look through all of them"
)
_TWICE = "a file that was put twice must be removed twice: keep a list of recipes, or count"
_DAMAGE = "hash each chunk when you read it: what no longer hashes to its name is a ValueError"
_ABSENT = "see whether the name is on the disk: NotFound if not"
_STRANGER = "look for the recipe among the files before you touch a chunk: NotFound if it is none of them"
_SEVERAL = (
    "one chunk may stand in a recipe several times: count it each time or once,"
    " but put and remove alike, and delete it once"
)
_OWN = "the list that you gave away is the caller's: keep a copy, tuple(recipe)"
_ALL = "a chunk that nobody needs any more leaves the disk"
_HERE = "all chunks are in the disk that you are given, and nothing else is: no copies in the store itself"


def _names(data: bytes) -> list[bytes]:
    return [hashlib.sha256(chunk).digest() for chunk in cut(data)]


class _Trial:
    """One store with its disk; each step is judged.

    Args:
        yours: the reader's class.
    """

    def __init__(self, yours: MakeStore) -> None:
        self.disk: Disk = {}
        self.store = yours(self.disk)
        self.kept: list[bytes] = []

    def put(self, data: bytes, what: str) -> list[bytes]:
        """Put a file, and see that the recipe is right."""
        recipe = self._called(lambda: self.store.put(data), f"put({what})")
        if not isinstance(recipe, list):
            hint = "is a return missing?" if recipe is None else "return a list of hashes"
            raise Wrong(f"put({what}) gave {describe(recipe)}", hint)
        if recipe != _names(data):
            hint = (
                "the SHA-256 (digest) of each chunk of cut(data), in their order, also where two are the same"
            )
            raise Wrong(f"put({what}) gave a wrong recipe, of {plural(len(recipe), 'name', 'names')}", hint)
        self.kept.append(data)
        self.look(f"after put({what})", _ONCE)
        return recipe

    def get(self, recipe: list[bytes], data: bytes, what: str, hint: str) -> None:
        """Get a file back."""
        given = list(recipe)
        got = self._called(lambda: self.store.get(given), f"get({what})", hint)
        if got is None:
            raise Wrong(f"get({what}) gave None", "is a return missing?")
        if got != data:
            raise Wrong(f"get({what}) gave {describe(got, 40)}, and {len(data)} other bytes were put", hint)

    def remove(self, recipe: list[bytes], data: bytes, what: str) -> None:
        """Remove a file, and see what is left."""
        given = list(recipe)
        several = _SEVERAL if len(set(recipe)) < len(recipe) else ""
        self._called(lambda: self.store.remove(given), f"remove({what})", several or _TWICE)
        if given != recipe:
            raise Wrong(f"remove({what}) changed the recipe", "the recipe is the caller's: copy it first")
        self.kept.remove(data)
        hint = several or (_TWICE if data in self.kept else _SHARED)
        self.look(f"after remove({what})", hint)
        for other in self.kept:
            self.get(_names(other), other, "a file that is still here", hint)

    def refuses(self, call: Callable[[], Any], error: type[Exception], what: str, hint: str) -> None:
        """See that a call raises, and changes nothing."""
        before = dict(self.disk)
        try:
            got = call()
        except (NotImplementedError, NameError, TypeError, AttributeError):
            raise
        except error:
            got = None
        except Exception as other:
            raise Wrong(f"{what} raised {type(other).__name__}, not {error.__name__}", hint) from None
        else:
            raise Wrong(f"{what} gave {describe(got, 40)}, and no {error.__name__}", hint)
        if self.disk != before:
            raise Wrong(f"{what} changed what is on the disk", hint)

    def look(self, when: str, hint: str) -> None:
        """See that the disk has what the files need, and no more."""
        needed = {name for data in self.kept for name in _names(data)}
        if lost := len(needed - set(self.disk)):
            raise Wrong(
                f"{when} the disk lacks {lost} of {len(needed)} chunks",
                hint if self.disk or hint != _ONCE else _HERE,
            )
        if more := len(set(self.disk) - needed):
            raise Wrong(
                f"{when} the disk has {plural(more, 'chunk', 'chunks')} too many",
                _HERE if "remove" not in when else hint if hint == _SEVERAL else _ALL,
            )
        if any(hashlib.sha256(chunk).digest() != name for name, chunk in self.disk.items()):
            raise Wrong(f"{when} a chunk has another name than its SHA-256", _HERE)

    def _called(self, call: Callable[[], Any], what: str, hint: str = "") -> Any:
        try:
            return call()
        except (NotImplementedError, Wrong):
            raise
        except (NotFound, KeyError, ValueError) as error:
            raise Wrong(f"{what} raised {type(error).__name__}", hint) from None


def _file(rng: Random, size: int) -> bytes:
    return rng.randbytes(size)


def keeps(files: Sequence[tuple[str, bytes]]) -> Case:
    """A probe: files are put and got back."""

    def probe(yours: MakeStore) -> None:
        trial = _Trial(yours)
        recipes = [trial.put(data, what) for what, data in files]
        for (what, data), recipe in zip(files, recipes, strict=True):
            trial.get(recipe, data, what, "join the chunks in the recipe's order")

    return probe


def removes(files: Sequence[tuple[str, bytes]], order: Sequence[int]) -> Case:
    """A probe: files are put, and removed in some order; the others stay whole at each step."""

    def probe(yours: MakeStore) -> None:
        trial = _Trial(yours)
        recipes = [trial.put(data, what) for what, data in files]
        for place in order:
            trial.remove(recipes[place], files[place][1], files[place][0])
        if not trial.kept and trial.disk:
            raise Wrong(f"all files are removed, and {len(trial.disk)} chunks are left", _ALL)

    return probe


def notices(data: bytes) -> Case:
    """A probe: the disk changes, cuts, exchanges or loses one chunk after another."""

    def probe(yours: MakeStore) -> None:
        trial = _Trial(yours)
        recipe = trial.put(data, "a file")
        for number, name in enumerate(recipe, 1):
            chunk = trial.disk[name]
            other = trial.disk[recipe[number % len(recipe)]]
            ways = (chunk[:-1], bytes([chunk[0] ^ 1]) + chunk[1:], b"", other)
            for way, damaged in zip(("cut short", "flipped", "emptied", "exchanged"), ways, strict=True):
                trial.disk[name] = damaged
                what = f"chunk {number} of {len(recipe)} was {way}: get"
                trial.refuses(lambda: trial.store.get(list(recipe)), ValueError, what, _DAMAGE)
            del trial.disk[name]
            what = f"chunk {number} of {len(recipe)} is not on the disk: get"
            trial.refuses(lambda: trial.store.get(list(recipe)), NotFound, what, _ABSENT)
            trial.disk[name] = chunk
        trial.get(recipe, data, "a file that was put right", _DAMAGE)
        trial.disk[recipe[0]] = b"damaged"
        trial.store.put(data)
        trial.get(
            recipe, data, "a file put again after damage", "put writes the chunk, even over a damaged one"
        )

    return probe


def refuses_strangers(rng: Random) -> Case:
    """A probe: files that are not there are removed."""

    def probe(yours: MakeStore) -> None:
        trial = _Trial(yours)
        data = _file(rng, 3000)
        recipe = trial.put(data, "a file")
        for what, other in (
            ("a part of a file", recipe[:-1]),
            ("one chunk of a file", recipe[:1]),
            ("a file backwards", recipe[::-1]),
            ("what was never put", [bytes(32)]),
            ("an empty recipe", []),
        ):
            remove = functools.partial(trial.store.remove, list(other))
            trial.refuses(remove, NotFound, f"remove({what})", _STRANGER)
            trial.get(recipe, data, "a file that is still here", _STRANGER)
        trial.remove(recipe, data, "a file")
        trial.refuses(lambda: trial.store.remove(list(recipe)), NotFound, "remove(a file) again", _STRANGER)
        trial.refuses(lambda: trial.store.get(list(recipe)), NotFound, "get(a removed file)", _ABSENT)

    return probe


def keeps_its_own_list(rng: Random) -> Case:
    """A probe: the caller does what it likes with the list that it was given."""

    def probe(yours: MakeStore) -> None:
        trial = _Trial(yours)
        first, second = _file(rng, 2000), _file(rng, 2000)
        recipe = trial.put(first + second, "a file")
        other = trial.put(second, "its second half")
        right = list(recipe)
        recipe.clear()
        trial._called(lambda: trial.store.remove(other), "remove(its second half)", _OWN)
        try:
            trial.get(right, first + second, "a file whose recipe the caller has emptied", _OWN)
        except Wrong as wrong:
            raise Wrong(wrong.what, _OWN) from None
        trial._called(lambda: trial.store.remove(list(right)), "remove(a file whose list is emptied)", _OWN)

    return probe


def two_stores(rng: Random) -> Case:
    """A probe: two stores with a disk each know nothing of each other."""

    def probe(yours: MakeStore) -> None:
        one, other = _Trial(yours), _Trial(yours)
        data = _file(rng, 900)
        recipe = one.put(data, "a file in another store")
        other.refuses(
            lambda: other.store.remove(list(recipe)), NotFound, "remove from another store", _STRANGER
        )
        one.get(recipe, data, "a file in the first store", _SHARED)

    return probe


def store_cases(rng: Random) -> tuple[Case, ...]:
    """A probe for each promise; the same generator gives the same probes."""
    photo = _file(rng, 3000)
    edited = photo[:1000] + b"edited" + photo[1000:]
    plain = b"\0" * (3 * LARGEST_BYTES + 10)  # chunks that are all the same
    files = [("a photo", photo), ("the same photo", photo), ("the photo, edited", edited), ("zeros", plain)]
    return (
        keeps([("hello", b"hello")]),
        keeps([("a photo", photo)]),
        keeps([("nothing", b"")]),
        keeps([("zeros", plain)]),
        keeps(files),
        removes([("hello", b"hello")], [0]),
        removes(files[2:], [0, 1]),
        removes([files[0], files[2]], [0]),
        removes([files[0], files[2]], [1, 0]),
        removes(files[:2], [0]),
        removes(files[:2], [1, 0]),
        removes([files[3], ("the end of zeros", plain[-11:])], [1]),
        removes([files[3], ("fewer zeros", plain[LARGEST_BYTES:])], [0, 1]),
        removes([("nothing", b""), files[0], ("nothing", b"")], [0, 1, 2]),
        removes(files, [2, 0, 3, 1]),
        notices(photo),
        refuses_strangers(rng),
        keeps_its_own_list(rng),
        two_stores(rng),
    )


CHUNK_STORE = Task(
    "ChunkStore",
    ChunkStore,
    cases=store_cases(Random(1)),
    hint="disk has chunks by their SHA-256; the store remembers the recipes, to know which chunks are needed",
)
