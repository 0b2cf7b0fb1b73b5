"""An overlay: peers on a circle and the links that they keep, as a picture or in steps.

In steps, the figure compares each with the one before: a link that is new is green and thick, one that is
gone is shown once more, red and dotted, and the caption names both. A peer that is dead stays at its place,
dashed, pale and crossed out, and so do the links that others still believe they have to it. What a peer sends
may be drawn too: an arrow that arrives, or one that is lost on its way.

Up to 24 peers have names; hundreds are dots. The first peer stands at the top, and they go clockwise.

Vocabulary: a *link* has two ends and no direction, so ("Ada", "Ben") and ("Ben", "Ada") are the same; an
*arrow* goes from the first to the second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from p2plib.errors import UsageError
from p2plib.figures.overlay_shapes import (
    FEW,
    GONE,
    MANY,
    NEW,
    SOME,
    TO_THE_DEAD,
    WIDTH,
    Look,
    Pair,
    Person,
    Stage,
)
from p2plib.figures.player import Player
from p2plib.figures.svg import Figure, require_words

MOST_LINKS = 3000  # at one moment; past that the picture is a disc of ink
MOST_STEPS = 60
TOLD = 4  # how many links or peers a caption names before it only counts them
LISTED = 24  # the same for the words of a still picture


@dataclass(frozen=True, slots=True)
class OverlayStep:
    """One moment of an overlay.

    Args:
        caption: what happens, in a sentence.
        links: which links there are; in any order, each either way round.
        dead: peers that do not answer any more.
        absent: peers that are not there yet, or gone for good; not drawn.
        highlight: peers that stand out.
        arrows: messages that arrive, from the first to the second.
        lost: messages that do not.

    Example:
        >>> OverlayStep("Ben is dead, and Ada does not know.", [("Ada", "Ben")], dead=["Ben"])
    """

    caption: str
    links: Collection[Pair] = ()
    _: KW_ONLY
    dead: Collection[str] = ()
    absent: Collection[str] = ()
    highlight: Collection[str] = ()
    arrows: Collection[Pair] = ()
    lost: Collection[Pair] = ()


def overlay(
    peers: Sequence[str],
    links: Collection[Pair] = (),
    *,
    title: str,
    caption: str = "",
    alt: str = "",
    dead: Collection[str] = (),
    highlight: Collection[str] = (),
    arrows: Collection[Pair] = (),
    lost: Collection[Pair] = (),
    new: Collection[Pair] = (),
    colours: Mapping[str, str] | None = None,
    places: Mapping[str, float] | None = None,
) -> Figure:
    """Draw an overlay at one moment.

    Args:
        peers: names, each once.
        links: pairs of names.
        title: what the drawing shows; required.
        caption: what to see in it.
        alt: words for it; made from the links when empty.
        dead, highlight, arrows, lost: see `OverlayStep`.
        new: those of the links that stand out.
        colours: a colour for some peers, see `figures.colour`; the others are blue.
        places: where on the circle each peer stands, as a part of a turn, 0 to 1, clockwise from the top; by
            default they are evenly apart.

    Raises:
        UsageError: no peers or more than 500, a name twice, an unknown name, a place missing, more than 3,000
            links, or no title.

    Example:
        >>> overlay(["Ada", "Ben", "Cy"], [("Ada", "Ben"), ("Ben", "Cy")], title="A chain", dead=["Cy"])
    """
    require_words("a title", title)
    story = _Story(peers)
    stage = Stage(peers, colours or {}, places)
    step = OverlayStep(caption, links, dead=dead, highlight=highlight, arrows=arrows, lost=lost)
    now = story.moment(step)
    before = _Moment(now.links - story.pairs(new), now.dead, now.absent)
    parts = [part for look, those in story.looks(now, before) for part in stage.links(look, those)]
    parts += [stage.peer(peer, person) for peer, person in story.people(step).items()]
    parts += _sent(stage, step)
    words = alt.strip() or story.words(now, step)
    return Figure("\n".join(parts), WIDTH, stage.height, words, title.strip(), caption)


def overlay_player(
    peers: Sequence[str],
    steps: Iterable[OverlayStep],
    *,
    title: str,
    colours: Mapping[str, str] | None = None,
    places: Mapping[str, float] | None = None,
) -> Player:
    """Draw an overlay in steps.

    Args:
        peers: the names of all that ever appear, each once.
        steps: what there is at each moment. What changed since the one before is found and told.
        title, colours, places: see `overlay`.

    Raises:
        UsageError: as for `overlay`; no step, or more than 60; one without a caption, or with a link to
            somebody who is absent.

    Example:
        >>> overlay_player(["Ada", "Ben"], [OverlayStep("Ada is alone.", absent=["Ben"]),
        ...                                 OverlayStep("Ben joins.", [("Ada", "Ben")])], title="A join")
    """
    steps = list(steps)
    if not 1 <= len(steps) <= MOST_STEPS:
        raise UsageError(f"1 to {MOST_STEPS} steps can be followed, not {len(steps)}")
    story = _Story(peers)
    stage = Stage(peers, colours or {}, places)
    player = Player(title, WIDTH, stage.height)
    seen: dict[str, tuple[int, ...]] = {}
    before: _Moment | None = None
    for step in steps:
        now = story.moment(step)
        caption = require_words("a caption for every step", step.caption)
        player.step(" ".join([caption, *story.news(now, before or now)]))
        looks = story.looks(now, before or now)
        parts = [part for look, those in looks for part in stage.links(look, those, apart=True)]
        parts += [stage.peer(peer, person) for peer, person in story.people(step).items()]
        for part in seen.keys() - set(parts):
            player.drop(seen.pop(part))
        for part in parts:
            if part not in seen:
                seen[part] = player.keep(part)
        player.show(*_sent(stage, step))
        before = now
    return player


@dataclass(frozen=True, slots=True)
class _Moment:
    """A step, checked; a link begins at the end that comes first in the list of peers."""

    links: frozenset[Pair]
    dead: frozenset[str]
    absent: frozenset[str]


class _Story:
    """What the steps say, and what changes from one to the next."""

    def __init__(self, peers: Sequence[str]) -> None:
        self.order = {peer: i for i, peer in enumerate(peers)}

    def pairs(self, links: Iterable[Pair]) -> frozenset[Pair]:
        """Links in one direction, each once."""
        links = list(links)
        self._check(end for link in links for end in link)
        order = self.order
        return frozenset((a, b) if order[a] < order[b] else (b, a) for a, b in links if a != b)

    def moment(self, step: OverlayStep) -> _Moment:
        """A step, checked."""
        self._check([*step.dead, *step.absent, *step.highlight])
        self._check(end for arrow in (*step.arrows, *step.lost) for end in arrow)
        links, absent = self.pairs(step.links), frozenset(step.absent)
        if len(links) > MOST_LINKS:
            raise UsageError(f"{MOST_LINKS} links can be drawn, not {len(links)}")
        for link in self._sorted(links):
            if absent.intersection(link):
                raise UsageError(f"the link {link!r} ends at a peer that is absent")
        return _Moment(links, frozenset(step.dead) - absent, absent)

    def people(self, step: OverlayStep) -> dict[str, Person]:
        """Who is there, and how."""
        return {
            peer: Person(peer in step.dead, peer in step.highlight)
            for peer in self.order
            if peer not in step.absent
        }

    def looks(self, now: _Moment, before: _Moment) -> list[tuple[Look, list[Pair]]]:
        """The links by how they are drawn."""
        count = len(now.links)
        plain = FEW if count < 60 else SOME if count < 300 else MANY
        groups: dict[Look, list[Pair]] = {plain: [], TO_THE_DEAD: [], GONE: [], NEW: []}
        for link in self._sorted(now.links | before.links):
            if link not in now.links:
                groups[GONE].append(link)
            elif link not in before.links:
                groups[NEW].append(link)
            else:
                groups[TO_THE_DEAD if now.dead.intersection(link) else plain].append(link)
        return [(look, those) for look, those in groups.items() if those]

    def news(self, now: _Moment, before: _Moment) -> list[str]:
        """What changed, in words."""
        said = []
        for what, those in (("New", now.links - before.links), ("Gone", before.links - now.links)):
            if those:
                named = ", ".join(f"{a} to {b}" for a, b in self._sorted(those))
                said.append(f"{what}: {named if len(those) <= TOLD else f'{len(those)} links'}.")
        died = sorted(now.dead - before.dead, key=self.order.__getitem__)
        if died:
            said.append(f"Dead: {', '.join(died) if len(died) <= TOLD else f'{len(died)} peers'}.")
        return said

    def words(self, now: _Moment, step: OverlayStep) -> str:
        """A still picture in words."""
        out = f"{_count(len(self.order), 'peer')} on a circle, {_count(len(now.links), 'link')}"
        if 0 < len(now.links) <= LISTED:
            out += ": " + ", ".join(f"{a} to {b}" for a, b in self._sorted(now.links))
        for what, those in (("Dead", step.dead), ("Standing out", step.highlight)):
            listed = [peer for peer in self.order if peer in those]
            if listed:
                out += f". {what}: {', '.join(listed) if len(listed) <= LISTED else len(listed)}"
        for what, arrows in (("Sent", step.arrows), ("Sent and lost", step.lost)):
            if arrows:
                out += f". {what}: {', '.join(f'{a} to {b}' for a, b in arrows)}"
        return out + "."

    def _check(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.order:
                raise UsageError(f"{name!r} is not a peer of this overlay")

    def _sorted(self, links: Iterable[Pair]) -> list[Pair]:
        return sorted(links, key=lambda link: (self.order[link[0]], self.order[link[1]]))


def _sent(stage: Stage, step: OverlayStep) -> list[str]:
    arrived = [stage.arrow(a, b, arrives=True) for a, b in step.arrows]
    return arrived + [stage.arrow(a, b, arrives=False) for a, b in step.lost]


def _count(amount: int, what: str) -> str:
    return f"{amount} {what}{'' if amount == 1 else 's'}"
