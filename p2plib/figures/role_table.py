"""The table of roles: what each is called, what it answers, its colour, and the folder of its rooms.

Everything else reads it: the drawing of the roles, the chapters' cards, the parts of the book, the road on
the front page, and the tool that begins a chapter.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.figures.palette import AMBER, BLUE, GREEN, PLUM, SKY, SLATE, VERMILION, VIOLET


@dataclass(frozen=True, slots=True)
class Role:
    """One role, or one of the two parts of the book that are not roles.

    Args:
        key: its name in a chapter's front matter.
        name: its name in the drawing.
        question: the question that it answers, in one or two lines of the drawing.
        colour: the colour of its card.
        folder: that of its chapters in `book/src`, its package in `p2plib` and its tests in `tests`.
        leans_on: the roles that it depends on.
    """

    key: str
    name: str
    question: tuple[str, ...]
    colour: str
    folder: str
    leans_on: tuple[str, ...] = ()

    @property
    def caption(self) -> str:
        """The name of its part in the table of contents."""
        return self.key.capitalize()


INTRODUCTION = Role("introduction", "Introduction", ("What is this about?",), SLATE, "introduction")
ROLES = (
    Role("identity", "Identity", ("Who are you?",), BLUE, "identity"),
    Role(
        "discovery",
        "Discovery",
        ("Who else is there?",),
        AMBER,
        "discovery",
        ("identity", "protocols", "swarm topology"),
    ),
    Role(
        "peer routing",
        "Peer routing",
        ("How do I reach you?",),
        GREEN,
        "peer_routing",
        ("discovery", "protocols", "identity"),
    ),
    Role(
        "swarm topology",
        "Swarm topology",
        ("To whom do I", "keep a link?"),
        VERMILION,
        "topology",
        ("identity", "protocols"),
    ),
    Role(
        "content routing",
        "Content routing",
        ("How does news", "get to everyone?"),
        PLUM,
        "content_routing",
        ("swarm topology", "peer routing", "data structures"),
    ),
    Role("data structures", "Data structures", ("What do we", "agree on?"), VIOLET, "data", ("identity",)),
    Role("protocols", "Protocols", ("How do we talk?",), SKY, "protocol", ("identity",)),
)
APP = Role("applications", "Picture sharing", ("All of it at once",), SLATE, "pictures")
TABLE = {role.key: role for role in (INTRODUCTION, *ROLES, APP)}  # in the order of the book
PLACES = tuple(TABLE)
