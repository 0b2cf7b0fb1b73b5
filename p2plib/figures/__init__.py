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

Colours and text::

    figures.colour("Ada", ["Ada", "Ben"])    # one per peer through a whole chapter; figures.dash goes with it
    print(figures.randomart(digest, title="ED25519 256", footer="SHA256"))
    figures.show(keys.with_context)          # the library's real source; docstring=False leaves that out
"""

from p2plib.figures.graph import graph
from p2plib.figures.identifier_ring import RingStep, identifier_ring, identifier_ring_player
from p2plib.figures.internet import packet_sequence, packet_table, traffic
from p2plib.figures.layout import byte_layout
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
    "Figure",
    "Message",
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
    "cross",
    "dash",
    "drawing",
    "escape",
    "graph",
    "identifier_ring",
    "identifier_ring_player",
    "key_picture",
    "label",
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
    "traffic",
]
