"""The identifier circle: ids from 0 clockwise round to 0 again, peers at their ids, keys between them.

What a ring, a Chord lookup or consistent hashing looks like. One picture, or several in steps. The place of a
peer is its id, so two peers whose ids are close are close on the page, and an arc is as long as the share of
all keys that falls into it.

Rules

* Whatever is drawn is told in the words of the picture, too.
* Peers are discs, keys are diamonds, ids that are nobody's are ticks; who is down is dashed and crossed out.
  A successor is a line with a head, a predecessor a broken one, a finger a thin one; the hops of a lookup
  are heavy and numbered, a hop without an answer ends in a cross.
* In steps the names keep their places, whoever comes or goes.

Vocabulary::

    arc    the ids that a peer owns: after the peer before it, up to and with its own
    link   a pair (whose, to whom) of ids
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise

from p2plib.errors import UsageError
from p2plib.figures.identifier_ring_shapes import HEIGHT, WIDTH, Link, Stage
from p2plib.figures.player import Player
from p2plib.figures.svg import Figure, require_words

MOST_PEERS = 2000
MOST_STEPS = 60
TOLD = 12  # peers, keys and links of one kind that are listed in words; of more there is a count


@dataclass(frozen=True, slots=True)
class RingStep:
    """What is on the circle at one moment.

    Args:
        caption: what happens, in a sentence.
        peers: ids, each once, in any order.
        keys: ids of keys.
        arcs: peers whose arc is shaded; it begins after the peer before them that is not down.
        successors, predecessors, fingers: links.
        path: the peers that a lookup went to, in order, from the asker on.
        missed: links along which a lookup got no answer.
        points: ids that get a tick, such as the points that fingers aim at.
        down: peers that are dead.
        highlight: peers that stand out.
        note: words in the middle.
    """

    caption: str
    peers: Sequence[int] = ()
    _: KW_ONLY
    keys: Sequence[int] = ()
    arcs: Collection[int] = ()
    successors: Sequence[Link] = ()
    predecessors: Sequence[Link] = ()
    fingers: Sequence[Link] = ()
    path: Sequence[int] = ()
    missed: Sequence[Link] = ()
    points: Sequence[int] = ()
    down: Collection[int] = ()
    highlight: Collection[int] = ()
    note: str = ""


def identifier_ring(
    peers: Sequence[int],
    *,
    bits: int,
    title: str,
    caption: str = "",
    alt: str = "",
    keys: Sequence[int] = (),
    arcs: Collection[int] = (),
    successors: Sequence[Link] = (),
    predecessors: Sequence[Link] = (),
    fingers: Sequence[Link] = (),
    path: Sequence[int] = (),
    missed: Sequence[Link] = (),
    points: Sequence[int] = (),
    down: Collection[int] = (),
    highlight: Collection[int] = (),
    note: str = "",
    names: Mapping[int, str] | None = None,
    colours: Mapping[int, str] | None = None,
) -> Figure:
    """Draw the identifier circle.

    Args:
        peers: ids of peers; what the arguments from `keys` to `note` are, `RingStep` says.
        bits: there are 2**bits ids.
        title: what the drawing shows; required.
        caption: what to see in it.
        alt: words for it; made from all that is drawn when empty.
        names: what to write at some ids instead of the id.
        colours: a colour for some peers, see `figures.colour`.

    Raises:
        UsageError: no peer, an id that is not on the circle or twice, a link or a path to nobody, no title.

    Example:
        >>> identifier_ring([8, 21, 42], bits=6, keys=[10], arcs=[21], title="21 owns key 10")
    """
    step = RingStep(
        "",
        peers,
        keys=keys,
        arcs=arcs,
        successors=successors,
        predecessors=predecessors,
        fingers=fingers,
        path=path,
        missed=missed,
        points=points,
        down=down,
        highlight=highlight,
        note=note,
    )
    title = require_words("a title", title)
    stage = _stage([step], bits, names, colours)
    words = alt.strip() or _alt(step, stage)
    return Figure("\n".join(_parts(step, stage)), WIDTH, HEIGHT, words, title, caption)


def identifier_ring_player(
    steps: Iterable[RingStep],
    *,
    bits: int,
    title: str,
    names: Mapping[int, str] | None = None,
    colours: Mapping[int, str] | None = None,
) -> Player:
    """Draw the identifier circle in steps.

    Args:
        steps: what is on it at each moment.
        bits, title, names, colours: as for `identifier_ring`.

    Raises:
        UsageError: as there, no step or more than 60, or a step without a caption.

    Example:
        >>> identifier_ring_player(
        ...     [RingStep("8 asks 42.", [8, 21, 42], path=[8, 42])], bits=6, title="A lookup")
    """
    steps = list(steps)
    if not 1 <= len(steps) <= MOST_STEPS:
        raise UsageError(f"1 to {MOST_STEPS} steps can be followed, not {len(steps)}")
    stage = _stage(steps, bits, names, colours)
    player = Player(title, WIDTH, HEIGHT)
    for step in steps:
        player.picture(step.caption, _parts(step, stage))
    return player


def _stage(
    steps: Sequence[RingStep], bits: int, names: Mapping[int, str] | None, colours: Mapping[int, str] | None
) -> Stage:
    if not 1 <= bits <= 256:
        raise UsageError(f"an id has 1 to 256 bits, not {bits}")
    for step in steps:
        _check(step, bits)
    peers = sorted({peer for step in steps for peer in step.peers})
    keys = sorted({key for step in steps for key in step.keys})
    told = {ident for step in steps for ident in (*step.path, *step.highlight)}
    return Stage(bits, peers, keys, told, names or {}, colours or {})


def _check(step: RingStep, bits: int) -> None:
    known = set(step.peers)
    if not known or len(known) != len(step.peers):
        raise UsageError("a ring needs at least one peer, and every id only once")
    if len(known) > MOST_PEERS:
        raise UsageError(f"at most {MOST_PEERS} peers can be drawn, not {len(known)}")
    for ident in (*step.peers, *step.keys, *step.points):
        if not 0 <= ident < 1 << bits:
            raise UsageError(f"{ident} is not an id of {bits} bits")
    links = (*step.successors, *step.predecessors, *step.fingers, *step.missed)
    for ident in (
        *(end for link in links for end in link),
        *step.path,
        *step.arcs,
        *step.highlight,
        *step.down,
    ):
        if ident not in known:
            raise UsageError(f"{ident} is not a peer of this ring")


def _before(step: RingStep, peer: int) -> int:
    """Where the arc of a peer begins: at the peer before it that is not down, or at itself."""
    living = sorted({ident for ident in step.peers if ident not in step.down} | {peer})
    return living[living.index(peer) - 1]


def _parts(step: RingStep, stage: Stage) -> list[str]:
    """Everything of a step as SVG, the lowest first."""
    parts = [stage.rim(), *(stage.arc(_before(step, ident), ident) for ident in sorted(step.arcs))]
    parts += [stage.tick(point) for point in sorted(set(step.points))]
    parts += [stage.finger(*link) for link in step.fingers]
    parts += [stage.successor(*link) for link in step.successors]
    parts += [stage.predecessor(*link) for link in step.predecessors]
    parts += [stage.hop(*hop, str(i)) for i, hop in enumerate(pairwise(step.path), 1)]
    parts += [stage.missed(*link) for link in step.missed]
    if step.note:
        parts.append(stage.note(step.note))
    strong = {*step.highlight, *step.path}
    if stage.is_crowded:
        parts.append(
            stage.dots([ident for ident in step.peers if ident not in strong and ident not in step.down])
        )
    parts += [
        stage.peer(ident, strong=ident in strong, down=ident in step.down)
        for ident in sorted(step.peers)
        if not stage.is_crowded or ident in strong or ident in step.down
    ]
    parts += [stage.key(key) for key in sorted(set(step.keys))]
    return [part for part in parts if part]


# In words


def _alt(step: RingStep, stage: Stage) -> str:
    def some(ids: Iterable[int]) -> str:
        ids = list(ids)
        more = f" and {len(ids) - TOLD} more" if len(ids) > TOLD else ""
        return ", ".join(stage.name(ident) for ident in ids[:TOLD]) + more

    def pairs(links: Sequence[Link]) -> str:
        more = f" and {len(links) - TOLD} more" if len(links) > TOLD else ""
        return ", ".join(f"{stage.name(a)} to {stage.name(b)}" for a, b in links[:TOLD]) + more

    count = len(step.peers)
    peers = f"{count} peer{'' if count == 1 else 's'} at {some(sorted(step.peers))}"
    told = [f"A circle of 2^{stage.bits} ids with {peers}"]
    if step.keys:
        told.append(f"Keys: {some(sorted(step.keys))}")
    told += [
        f"{stage.name(ident)} owns what comes after {stage.name(_before(step, ident))}"
        for ident in sorted(step.arcs)[:TOLD]
    ]
    kinds = (
        ("Successors", step.successors), ("Predecessors", step.predecessors), ("Fingers", step.fingers),
        ("No answer", step.missed),
    )  # fmt: skip
    told += [f"{kind}: {pairs(links)}" for kind, links in kinds if links]
    if step.path:
        told.append(f"Path: {some(step.path)}")
    if step.down:
        told.append(f"Down: {some(sorted(step.down))}")
    if step.highlight:
        told.append(f"Standing out: {some(sorted(step.highlight))}")
    if step.note:
        told.append(step.note.rstrip("."))
    return ". ".join(told) + "."
