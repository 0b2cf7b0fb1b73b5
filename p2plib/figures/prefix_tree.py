"""The binary tree of ids: a bit to the left or to the right at each step down, peers at its leaves.

What Kademlia's distance looks like (Maymounkov and Mazières 2002, figures 1 and 2). Two ids are the nearer,
the deeper they part; the subtrees that branch off on the way down to a peer are its buckets; a lookup ends in
smaller and smaller subtrees round its target. One picture, or several in steps.

Rules

* Whatever is drawn is told in the words of the picture, too.
* Leaves stand side by side in the order of their ids, each in a column of its own; so a column is no measure
  of the space of ids, and the depth at which two ids part is. Levels at which nobody parts are left out.
* Peers are discs, targets are diamonds; a hollow disc is a peer that is not known, one that is down is dashed
  and crossed out. Questions are heavy lines that hang below, thin lines are whom somebody knows or names, and
  a question without an answer ends in a cross.
* In steps the leaves keep their places, whoever comes or goes.

Vocabulary::

    bucket i   of a peer: those whose ids first differ from its own in bit i, counted from the right from 0
    range      (any id in a subtree, how many leading bits all ids there share)
    link       a pair (from whom, to whom) of ids
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise

from p2plib.errors import UsageError
from p2plib.figures.player import Player
from p2plib.figures.prefix_tree_shapes import WIDTH, Link, Range, Stage
from p2plib.figures.svg import Figure, require_words

MOST_LEAVES = 500
MOST_STEPS = 60
TOLD = 12  # leaves and links of one kind that are listed in words; of more there is a count


@dataclass(frozen=True, slots=True)
class TreeStep:
    """What is in the tree at one moment.

    Args:
        caption: what happens, in a sentence.
        peers: ids, each once, in any order.
        targets: ids that are looked for; one may be a peer's.
        buckets_of: the peer whose buckets are boxed.
        ranges: other subtrees to box.
        known: peers that are known; the others are hollow. None: all.
        links: thin lines.
        asks: heavy lines, questions of the same moment.
        path: the peers that a lookup went to, in order, from the asker on; its hops are numbered.
        missed: questions that got no answer.
        down: peers that are dead.
        highlight: peers that stand out.
    """

    caption: str
    peers: Sequence[int] = ()
    targets: Sequence[int] = ()
    _: KW_ONLY
    buckets_of: int | None = None
    ranges: Sequence[Range] = ()
    known: Collection[int] | None = None
    links: Sequence[Link] = ()
    asks: Sequence[Link] = ()
    path: Sequence[int] = ()
    missed: Sequence[Link] = ()
    down: Collection[int] = ()
    highlight: Collection[int] = ()


def prefix_tree(
    peers: Sequence[int],
    *,
    bits: int,
    title: str,
    caption: str = "",
    alt: str = "",
    targets: Sequence[int] = (),
    buckets_of: int | None = None,
    ranges: Sequence[Range] = (),
    known: Collection[int] | None = None,
    links: Sequence[Link] = (),
    asks: Sequence[Link] = (),
    path: Sequence[int] = (),
    missed: Sequence[Link] = (),
    down: Collection[int] = (),
    highlight: Collection[int] = (),
    names: Mapping[int, str] | None = None,
    colours: Mapping[int, str] | None = None,
) -> Figure:
    """Draw the tree of ids.

    Args:
        peers: ids of peers; what the arguments from `targets` to `highlight` are, `TreeStep` says.
        bits: how long ids are, 1 to 256.
        title: what the drawing shows; required.
        caption: what to see in it.
        alt: words for it; made from all that is drawn when empty.
        names: what to write at some leaves instead of the id.
        colours: a colour for some peers, see `figures.colour`.

    Raises:
        UsageError: no peer, an id that is too long or there twice, a link or a path to nobody, no title.

    Example:
        >>> prefix_tree([2, 5, 6, 11], bits=4, buckets_of=5, targets=[7], title="The buckets of 0101")
    """
    step = TreeStep(
        "",
        peers,
        targets,
        buckets_of=buckets_of,
        ranges=ranges,
        known=known,
        links=links,
        asks=asks,
        path=path,
        missed=missed,
        down=down,
        highlight=highlight,
    )
    title = require_words("a title", title)
    stage = _stage([step], bits, names, colours)
    words = alt.strip() or _alt(step, stage)
    return Figure("\n".join(_parts(step, stage)), WIDTH, stage.height, words, title, caption)


def prefix_tree_player(
    steps: Iterable[TreeStep],
    *,
    bits: int,
    title: str,
    names: Mapping[int, str] | None = None,
    colours: Mapping[int, str] | None = None,
) -> Player:
    """Draw the tree of ids in steps.

    Args:
        steps: what is in it at each moment.
        bits, title, names, colours: as for `prefix_tree`.

    Raises:
        UsageError: as there, no step or more than 60, or a step without a caption.

    Example:
        >>> prefix_tree_player(
        ...     [TreeStep("5 asks 11.", [2, 5, 11], [10], asks=[(5, 11)])], bits=4, title="A lookup")
    """
    steps = list(steps)
    if not 1 <= len(steps) <= MOST_STEPS:
        raise UsageError(f"1 to {MOST_STEPS} steps can be followed, not {len(steps)}")
    stage = _stage(steps, bits, names, colours)
    player = Player(title, WIDTH, stage.height)
    for step in steps:
        player.picture(step.caption, _parts(step, stage))
    return player


def _stage(
    steps: Sequence[TreeStep], bits: int, names: Mapping[int, str] | None, colours: Mapping[int, str] | None
) -> Stage:
    if not 1 <= bits <= 256:
        raise UsageError(f"an id has 1 to 256 bits, not {bits}")
    for step in steps:
        _check(step, bits)
    leaves = sorted({one for step in steps for one in (*step.peers, *step.targets)})
    if len(leaves) > MOST_LEAVES:
        raise UsageError(f"at most {MOST_LEAVES} leaves can be drawn, not {len(leaves)}")
    told = {one for step in steps for one in (*step.targets, *step.highlight, *step.path)}
    told |= {end for step in steps for link in (*step.asks, *step.missed) for end in link}
    told |= {step.buckets_of for step in steps if step.buckets_of is not None}
    has_row = any(step.buckets_of is not None or step.ranges for step in steps)
    has_lines = any(step.links or step.asks or step.missed or len(step.path) > 1 for step in steps)
    return Stage(bits, leaves, told, names or {}, colours or {}, (has_row, has_lines))


def _check(step: TreeStep, bits: int) -> None:
    peers = set(step.peers)
    if not peers or len(peers) != len(step.peers):
        raise UsageError("a tree needs at least one peer, and every id only once")
    for ident in (*step.peers, *step.targets, *(one for one, _ in step.ranges)):
        if not 0 <= ident < 1 << bits:
            raise UsageError(f"{ident} is not an id of {bits} bits")
    for _, shared in step.ranges:
        if not 0 <= shared <= bits:
            raise UsageError(f"ids share 0 to {bits} bits, not {shared}")
    links = (*step.links, *step.asks, *step.missed)
    named = (*(end for link in links for end in link), *step.path, *step.down, *step.highlight)
    own = () if step.buckets_of is None else (step.buckets_of,)
    for ident in (*named, *own, *(step.known or ())):
        if ident not in peers:
            raise UsageError(f"{ident} is not a peer in this tree")
    if any(a == b for a, b in (*links, *pairwise(step.path))):
        raise UsageError("nobody asks itself")


def _boxes(step: TreeStep, stage: Stage) -> list[tuple[Range, str]]:
    """The subtrees that are boxed, with their names; buckets without a leaf are not."""
    boxes = []
    if step.buckets_of is not None:
        for i in range(stage.bits - 1, -1, -1):
            one = (step.buckets_of ^ 1 << i, stage.bits - i)
            if stage.within(one):
                boxes.append((one, f"bucket {i}"))
    return boxes + [(one, f"{one[1]} bits") for one in step.ranges if stage.within(one)]


def _parts(step: TreeStep, stage: Stage) -> list[str]:
    """Everything of a step as SVG, the lowest first."""
    parts = [stage.shade(one, name, i) for i, (one, name) in enumerate(_boxes(step, stage))]
    parts.append(stage.tree())
    if step.buckets_of is not None:
        parts.append(stage.way(step.buckets_of))
    parts += [stage.link(*link) for link in step.links]
    parts += [stage.ask(*link) for link in step.asks]
    parts += [stage.ask(*hop, str(i)) for i, hop in enumerate(pairwise(step.path), 1)]
    parts += [stage.missed(*link) for link in step.missed]
    strong, down = {*step.highlight, *step.path}, set(step.down)
    if step.buckets_of is not None:
        strong.add(step.buckets_of)
    known = set(step.peers) if step.known is None else {*step.known, *strong}
    asked = {end for link in (*step.asks, *step.missed) for end in link}
    single = {*strong, *down, *asked} if stage.is_crowded else set(step.peers)
    if stage.is_crowded:
        parts.append(stage.dots([one for one in step.peers if one not in single]))
    parts += [
        stage.leaf(
            one, strong=one in strong, down=one in down, known=one in known, named=one not in step.targets
        )
        for one in sorted(single)
    ]
    parts += [stage.target(one) for one in sorted(set(step.targets))]
    return [part for part in parts if part]


# In words


def _alt(step: TreeStep, stage: Stage) -> str:
    def some(ids: Iterable[int]) -> str:
        ids = list(ids)
        more = f" and {len(ids) - TOLD} more" if len(ids) > TOLD else ""
        return ", ".join(stage.name(one) for one in ids[:TOLD]) + more

    def pairs(links: Sequence[Link]) -> str:
        more = f" and {len(links) - TOLD} more" if len(links) > TOLD else ""
        return ", ".join(f"{stage.name(a)} to {stage.name(b)}" for a, b in links[:TOLD]) + more

    count = len(step.peers)
    told = [
        f"A binary tree of ids of {stage.bits} bits, {count} peer{'' if count == 1 else 's'} at its leaves"
    ]
    told[0] += f": {some(sorted(step.peers))}"
    if step.targets:
        told.append(f"Looked for: {some(sorted(step.targets))}")
    if step.buckets_of is not None:
        told.append(f"Boxed are the buckets of {stage.name(step.buckets_of)}")
    peers = set(step.peers)
    for one, name in _boxes(step, stage):
        inside = [leaf for leaf in stage.within(one) if leaf in peers]
        told.append(f"{name.capitalize()}: {some(inside) or 'nobody'}")
    if step.known is not None:
        told.append(f"Known: {some(sorted(step.known)) or 'nobody'}")
    kinds = (("Lines", step.links), ("Asked", step.asks), ("No answer", step.missed))
    told += [f"{kind}: {pairs(links)}" for kind, links in kinds if links]
    if step.path:
        told.append(f"Path: {some(step.path)}")
    if step.down:
        told.append(f"Down: {some(sorted(step.down))}")
    if step.highlight:
        told.append(f"Standing out: {some(sorted(step.highlight))}")
    return ". ".join(told) + "."
