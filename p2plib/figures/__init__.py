"""Figures: what the notebooks draw.

Calm, exact, the same bytes every time; readable in light and dark, on a phone and on paper. A figure is the
last line of a cell. Each has words for a reader who cannot see it; where none can be made from the data, they
are required. Positions are pixels at natural size, x to the right, y down; up to 480 px wide a figure stays
readable on a phone.

Pictures made from data, each a `Figure`::

    from p2plib import figures

    figures.roles(here="identity")                     # the seven roles; compact=True: the strip
    figures.byte_layout(sealed.dissect(raw), title="A sealed message", bytes_per_row=16)
    figures.sequence(
        [figures.Message("Ada", "Ben", "hello"), figures.Message("Ben", "Ada", "hello, Ada", lost=True)],
        peers=["Ada", "Ben"], title="A greeting",
    )
    figures.graph(["Ada", "Ben", "Cy"], [("Ada", "Ben")], path=["Ada", "Ben"], title="One hop")
    figures.key_picture(key.raw, caption="Ada")
    fig, ax = figures.subplots()                       # matplotlib in the book's style
    ax.plot([1, 2, 3])
    figures.plot(fig, alt="A rising line.", caption="Growth.")

What happened in a simulated internet, made from its packets (`Table` is what the second and third are)::

    figures.packet_sequence(net.trace, title="A handshake", unit="ms", acks=False)
    figures.packet_table(net.trace.between(0, 0.5), title="The first half second", label=decode_mine)
    figures.traffic(net.trace, title="Who sent how much")
    figures.network_player(
        net.trace, ["ana", "ben", "cy"], [0.0, 0.05, 0.1], title="A partition",
        notes={0.05: "Ana asks both."}, faults=net.happened,
    )

Peers and keys on the circle of ids, as a picture and in steps::

    figures.identifier_ring(
        [8, 21, 42], bits=6, keys=[10], arcs=[21], fingers=[(8, 21), (8, 42)], title="21 owns key 10"
    )
    figures.identifier_ring_player(
        [figures.RingStep("8 asks 42.", [8, 21, 42], path=[8, 42])], bits=6, title="A lookup"
    )

Peers and the links that they keep, as a picture and in steps; what changed between two steps is told::

    figures.overlay(["Ada", "Ben", "Cy"], [("Ada", "Ben"), ("Ben", "Cy")], title="A chain", dead=["Cy"])
    figures.overlay_player(
        ["Ada", "Ben"],
        [figures.OverlayStep("Ada is alone.", absent=["Ben"]),
         figures.OverlayStep("Ben joins.", links=[("Ada", "Ben")], arrows=[("Ben", "Ada")])],
        title="A join",
    )

Peers at the leaves of the binary tree of ids, with buckets and lookups, as a picture and in steps::

    figures.prefix_tree([2, 5, 6, 11], bits=4, buckets_of=5, targets=[7], title="The buckets of 0101")
    figures.prefix_tree_player(
        [figures.TreeStep("5 asks 11.", [2, 5, 11], [10], asks=[(5, 11)])], bits=4, title="A lookup"
    )

Blocks that link to each other, what is shared among them, and which of them are read::

    figures.dag(
        {"new": ["cat", "dog"], "old": ["cat"]}, title="Two versions",
        colours={"new": figures.PALETTE["green"]}, path=["new", "dog"],
    )

A picture made by hand, of shapes that are one line each::

    ada, ben = (80, 70), (400, 70)
    figures.drawing(
        figures.arrow(ada, ben, "hello"), figures.peer(*ada, "Ada"), figures.peer(*ben, "Ben"),
        height=130, title="A greeting", alt="Ada sends hello to Ben.",
    )

A picture in steps, with slider, buttons, arrow keys, a print state, and all its steps in words::

    p = figures.Player("A greeting", height=130)
    p.keep(figures.peer(*ada, "Ada"), figures.peer(*ben, "Ben"))    # from here on
    p.step("Ada says hello.", figures.arrow(ada, ben, "hello"))     # in this step only
    p.step("Ben knows her now.")
    known = p.keep(figures.bubble(320, 60, "Ada!"))                 # from this step on
    p.step("He forgets.")
    p.drop(known)                                                   # gone from this step on
    p

A picture that the reader turns: one or two sliders, or up to five switches, over frames that are all computed
when the page is made. Each frame is a `Figure` or a `Table` whose caption says what to see; `meters` draws
numbers on scales that stay, so that the eye sees them grow::

    def frame(k, alpha):
        found, seconds = measure(k, alpha)
        return figures.meters(
            [figures.Meter("found", found, most=1, text=f"{found:.0%}"),
             figures.Meter("seconds", seconds, most=5)],
            caption=f"{found:.0%} of the lookups find the nearest.",
        )

    figures.control(frame, k=[2, 8, 20], alpha=[1, 3], start={"k": 8}, title="A lookup",
                    labels={"k": "k, contacts"})
    figures.switches(draw, ["Ana-Ben", "Ben-Cy"], legend="Cut", title="Who is served?")  # draw(("Ben-Cy",))

Colours and text::

    figures.colour("Ada", ["Ada", "Ben"])    # one per peer through a whole chapter; figures.dash goes with it
    print(figures.randomart(digest, title="ED25519 256", footer="SHA256"))
    figures.show(keys.with_context)          # the library's real source; docstring=False leaves that out
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same as in _WHERE below, for type checkers and editors
    from p2plib.figures.control import Control, control, switches
    from p2plib.figures.dag import dag
    from p2plib.figures.graph import graph
    from p2plib.figures.identifier_ring import RingStep, identifier_ring, identifier_ring_player
    from p2plib.figures.internet import packet_sequence, packet_table, traffic
    from p2plib.figures.layout import byte_layout
    from p2plib.figures.meters import Meter, meters
    from p2plib.figures.network import network_player
    from p2plib.figures.overlay import OverlayStep, overlay, overlay_player
    from p2plib.figures.packets import packet_contents, packet_label
    from p2plib.figures.palette import BAD, COLOURS, GOOD, INK, PALETTE, colour, dash
    from p2plib.figures.player import Player
    from p2plib.figures.plot import plot, style, subplots
    from p2plib.figures.prefix_tree import TreeStep, prefix_tree, prefix_tree_player
    from p2plib.figures.randomart import key_picture, randomart
    from p2plib.figures.roles import roles
    from p2plib.figures.sequence import Message, sequence
    from p2plib.figures.shapes import arrow, box, bubble, cross, label, peer
    from p2plib.figures.show import Source, show
    from p2plib.figures.svg import Figure, drawing, escape
    from p2plib.figures.table import Table

__all__ = [
    "BAD",
    "COLOURS",
    "GOOD",
    "INK",
    "PALETTE",
    "Control",
    "Figure",
    "Message",
    "Meter",
    "OverlayStep",
    "Player",
    "RingStep",
    "Source",
    "Table",
    "TreeStep",
    "arrow",
    "box",
    "bubble",
    "byte_layout",
    "colour",
    "control",
    "cross",
    "dag",
    "dash",
    "drawing",
    "escape",
    "graph",
    "identifier_ring",
    "identifier_ring_player",
    "key_picture",
    "label",
    "meters",
    "network_player",
    "overlay",
    "overlay_player",
    "packet_contents",
    "packet_label",
    "packet_sequence",
    "packet_table",
    "peer",
    "plot",
    "prefix_tree",
    "prefix_tree_player",
    "randomart",
    "roles",
    "sequence",
    "show",
    "style",
    "subplots",
    "switches",
    "traffic",
]

# Which module gives which names. A page loads, and stands on, those that it uses.
_WHERE = {
    "p2plib.figures.control": ("Control", "control", "switches"),
    "p2plib.figures.dag": ("dag",),
    "p2plib.figures.graph": ("graph",),
    "p2plib.figures.identifier_ring": ("RingStep", "identifier_ring", "identifier_ring_player"),
    "p2plib.figures.internet": ("packet_sequence", "packet_table", "traffic"),
    "p2plib.figures.layout": ("byte_layout",),
    "p2plib.figures.meters": ("Meter", "meters"),
    "p2plib.figures.network": ("network_player",),
    "p2plib.figures.overlay": ("OverlayStep", "overlay", "overlay_player"),
    "p2plib.figures.packets": ("packet_contents", "packet_label"),
    "p2plib.figures.palette": ("BAD", "COLOURS", "GOOD", "INK", "PALETTE", "colour", "dash"),
    "p2plib.figures.player": ("Player",),
    "p2plib.figures.plot": ("plot", "style", "subplots"),
    "p2plib.figures.prefix_tree": ("TreeStep", "prefix_tree", "prefix_tree_player"),
    "p2plib.figures.randomart": ("key_picture", "randomart"),
    "p2plib.figures.roles": ("roles",),
    "p2plib.figures.sequence": ("Message", "sequence"),
    "p2plib.figures.shapes": ("arrow", "box", "bubble", "cross", "label", "peer"),
    "p2plib.figures.show": ("Source", "show"),
    "p2plib.figures.svg": ("Figure", "drawing", "escape"),
    "p2plib.figures.table": ("Table",),
}
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}


class _Facade(ModuleType):
    """This package as a module that looks its names up when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_MODULE_OF[name]), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Once p2plib.figures.roles is loaded, Python binds the module to that name here. But the name is the
        # function's, and stays free for it.
        if not (name in _MODULE_OF and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_MODULE_OF})


sys.modules[__name__].__class__ = _Facade
