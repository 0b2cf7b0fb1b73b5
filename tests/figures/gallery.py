"""One of every figure, with words that try to break out of it; run as a program, it prints their digests."""

from __future__ import annotations

import hashlib
import random

from p2plib import figures
from p2plib.sim.faults import Crash, Cut
from p2plib.sim.packet import Flag, Packet, Segment
from p2plib.wire.fields import Field

HOSTILE = "<script>alert(1)</script> & \"double\" 'single' ]]> --> \x00 \ud800 \u202etxt.exe"


def player(title: str = "A greeting", steps: int = 3) -> figures.Player:
    """Two peers, something that stays, something that goes."""
    ada, ben = (80, 70), (400, 70)
    p = figures.Player(title, height=130)
    p.keep(figures.peer(*ada, "Ada"), figures.peer(*ben, "Ben"))
    p.step(f"{title}: step 1.", figures.arrow(ada, ben, "only in step 1"))
    token = p.keep(figures.label(240, 110, "from step 1 to the last but one"))
    for i in range(2, steps + 1):
        p.step(f"{title}: step {i}.", figures.label(240, 40, f"only in step {i}"))
    p.keep(figures.label(240, 20, "in the last step"))
    p.drop(token)
    return p


def sliders(title: str = "A lookup") -> figures.Control:
    """Two sliders over meters; it begins in the middle."""

    def frame(k: int, alpha: int) -> figures.Figure:
        rows = [figures.Meter("k", k, 20), figures.Meter("alpha", alpha, 3, f"{alpha} at once")]
        return figures.meters(rows, caption=f"k is {k}, alpha is {alpha}.")

    labels = {"k": "k, contacts in a bucket"}
    return figures.control(
        frame, k=[2, 8, 20], alpha=[1, 3], start={"k": 8, "alpha": 3}, labels=labels, title=title
    )


def switches(title: str = "Who answers?") -> figures.Control:
    """Three switches over tables."""
    names = ["Ana", "Ben", "Cy"]

    def frame(down: tuple[str, ...]) -> figures.Table:
        rows = [[name, "no" if name in down else "yes"] for name in names]
        answer = len(names) - len(down)
        return figures.Table(["peer", "answers"], rows, title=title, caption=f"{answer} of 3 answer.")

    return figures.switches(frame, names, legend="Down", title=title, start=["Cy"])


def packets() -> list[Packet]:
    """A handshake, hostile bytes, a datagram that is lost on its way to a hostile name, one to nobody."""
    ana, ben, eve = ("192.0.2.1", 4000), ("192.0.2.2", 4001), ("192.0.2.3", 4002)
    syn, ack = Segment(Flag.SYN, 1, 0, 9000), Segment(Flag.SYN | Flag.ACK, 5, 2, 9000)
    return [
        Packet(0, 0.0, 0.05, "Ada", "Ben", ana, ben, "tcp", b"", syn),
        Packet(1, 0.05, 0.1, "Ben", "Ada", ben, ana, "tcp", b"", ack),
        Packet(2, 0.06, 0.2, "Ada", "Ben", ana, ben, "udp", HOSTILE.encode("utf8", "replace")),
        Packet(3, 0.07, None, "Ben", HOSTILE, ben, eve, "udp", b"hi", fate=HOSTILE),
        Packet(4, 0.08, None, "Ada", "", ana, ("192.0.2.9", 1), "udp", b"anybody?", fate="no such host"),
        Packet(5, 0.09, 0.3, HOSTILE, "Ada", eve, ana, "udp", b"hello"),
    ]


def network(title: str) -> figures.Player:
    """The same packets in steps, with a wall, a host that is down, and words from everywhere."""
    return figures.network_player(
        packets(),
        ["Ada", "Ben", HOSTILE],
        [0.0, 0.02, 0.08, 0.15],
        title=title,
        label=lambda packet: HOSTILE if packet.kind == "udp" else "SYN",
        notes={0.08: HOSTILE},
        states={0.0: {"Ada": HOSTILE}},
        faults=[Cut(("Ben",), 0.0, 0.1), Crash("Ben", 0.1)],
    )


def circle() -> dict[str, figures.Figure | figures.Player]:
    """The circle of ids: everything that it can show, a crowd, and steps."""
    peers, names = [8, 14, 21, 42, 48], {14: HOSTILE}
    step = figures.RingStep(
        HOSTILE, peers, keys=[10], arcs=[14], successors=[(8, 14), (8, 8)], predecessors=[(14, 8)],
        fingers=[(8, 42)], path=[8, 42], missed=[(42, 48)], points=[9], down=[48], highlight=[21],
        note=HOSTILE,
    )  # fmt: skip
    crowd = random.Random(1).sample(range(1 << 32), 300)
    return {
        "identifier ring": figures.identifier_ring(
            peers, bits=6, title=HOSTILE, caption=HOSTILE, keys=[10], arcs=[14], path=[8, 42], names=names
        ),
        "identifier ring, crowd": figures.identifier_ring(crowd, bits=32, title="A crowd", path=crowd[:3]),
        "player, identifier ring": figures.identifier_ring_player(
            [figures.RingStep("First.", peers), step], bits=6, title="A circle in steps", names=names
        ),
    }


def tree() -> dict[str, figures.Figure | figures.Player]:
    """The tree of ids: everything that it can show, a crowd, and steps."""
    peers, names = [1, 3, 4, 9, 14], {4: HOSTILE}
    step = figures.TreeStep(
        HOSTILE, peers, [5], buckets_of=3, ranges=[(9, 2)], known=[1, 9], links=[(3, 4)], asks=[(3, 9)],
        path=[3, 4], missed=[(3, 14)], down=[14], highlight=[9],
    )  # fmt: skip
    rng = random.Random(1)
    crowd = [rng.getrandbits(160) for _ in range(300)]
    return {
        "prefix tree": figures.prefix_tree(
            peers, bits=4, title=HOSTILE, caption=HOSTILE, targets=[5], buckets_of=4, names=names
        ),
        "prefix tree, crowd": figures.prefix_tree(crowd, bits=160, title="A crowd", path=crowd[:3]),
        "player, prefix tree": figures.prefix_tree_player(
            [figures.TreeStep("First.", peers), step], bits=4, title="A tree in steps", names=names
        ),
    }


def blocks() -> dict[str, figures.Figure]:
    """Blocks that link to each other: few with words, many without."""
    few = {"new": ["cat", HOSTILE], "old": ["cat"], HOSTILE: ["note"]}
    many = {"root": [str(n) for n in range(60)], **{str(n): [f"leaf {n // 9}"] for n in range(60)}}
    return {
        "dag": figures.dag(
            few,
            title=HOSTILE,
            caption=HOSTILE,
            path=["new", HOSTILE],
            missing=["note"],
            words={"cat": HOSTILE},
        ),
        "dag, crowd": figures.dag(many, title="A crowd"),
    }


def hostile_control() -> figures.Control:
    """A slider whose every word tries to break out."""
    return figures.control(
        lambda n: figures.meters([figures.Meter(HOSTILE, n, 2, HOSTILE)], title=HOSTILE, caption=HOSTILE),
        n=[1, 2], labels={"n": HOSTILE}, formats={"n": "{} " + HOSTILE}, title=HOSTILE,
    )  # fmt: skip


def everything() -> dict[str, figures.Figure | figures.Table | figures.Player | figures.Control]:
    """Every kind of figure, with kind words and with hostile ones."""
    raw = random.Random(1).randbytes(133)
    fields = [Field("code", b"\x00", "the identity hash"), Field(HOSTILE, raw, HOSTILE), Field("empty", b"")]
    said = [
        figures.Message("Ada", "Ben", HOSTILE, 0, 0.5, note=HOSTILE),
        figures.Message("Ben", "Ben", "thinks", 0.6),
        figures.Message("Ben", HOSTILE, "lost", 1, lost=True),
    ]
    names = ["Ada", "Ben", HOSTILE]
    edges = [("Ada", "Ben"), ("Ben", HOSTILE)]
    many = [str(i) for i in range(1000)]
    fig, ax = figures.subplots()
    ax.plot([1, 2, 3], [1.123456, 4, 9], label="<measured & counted>")
    ax.set_xlabel("people")
    ax.legend()
    shapes = [
        figures.peer(80, 60, HOSTILE, active=False, above=True),
        figures.arrow((80, 60), (400, 60), HOSTILE, lost=True),
        figures.arrow((80, 60), (80, 260), "down", curve=20, both=True),
        figures.bubble(200, 120, HOSTILE),
        figures.bubble(200, 120, "x", below=True),
        figures.box(20, 150, 120, 60, HOSTILE, dashed=True),
        figures.label(240, 250, HOSTILE, width=100),
    ]
    return {
        "roles": figures.roles(),
        "roles, linked": figures.roles(
            "identity", {"identity": "a.html?x=1&y=<2>", "introduction": "b.html"}
        ),
        "roles, compact": figures.roles("introduction", compact=True),
        "byte layout": figures.byte_layout(fields, title=HOSTILE, caption=HOSTILE),
        "byte layout, 8": figures.byte_layout(fields, title="Eight", bytes_per_row=8, legend=False),
        "sequence": figures.sequence(said, peers=names, title=HOSTILE, caption=HOSTILE, unit="s"),
        "ring": figures.graph(names, edges, title=HOSTILE, path=["Ada", "Ben"], highlight=[HOSTILE]),
        "plane": figures.graph(names, edges, title="Plane", layout="plane", directed=True),
        "placed": figures.graph(
            names, edges, title="Placed", positions={"Ada": (0, 0), "Ben": (9, 1), HOSTILE: (1, 1)}
        ),
        "many": figures.graph(many, [(n, many[0]) for n in many[:300]], title="Many", highlight=many[:9]),
        "overlay": figures.overlay(
            names, edges, title=HOSTILE, caption=HOSTILE, dead=["Ada"], highlight=[HOSTILE], lost=edges
        ),
        "overlay, many": figures.overlay(many[:400], [(n, many[0]) for n in many[1:400]], title="A star"),
        "key": figures.key_picture(b"Ada", caption=HOSTILE),
        "plot": figures.plot(fig, alt=HOSTILE, caption=HOSTILE),
        "shapes": figures.drawing(*shapes, height=280, title=HOSTILE, alt=HOSTILE),
        "player": player(HOSTILE),
        "player, one step": player("Short", steps=1),
        "player, overlay": figures.overlay_player(
            names,
            [
                figures.OverlayStep("Two.", edges[:1], absent=[HOSTILE]),
                figures.OverlayStep(HOSTILE, edges, arrows=edges),
            ],
            title="An overlay",
        ),
        "packet sequence": figures.packet_sequence(packets(), title=HOSTILE, caption=HOSTILE, unit="ms"),
        "packet table": figures.packet_table(
            packets(), title=HOSTILE, caption=HOSTILE, label=lambda _: HOSTILE
        ),
        "traffic": figures.traffic(packets(), title="Traffic", caption=HOSTILE),
        "player, network": network("A cut"),
        "meters": figures.meters([figures.Meter("Short", 1, 2), figures.Meter("Wide", 2, 2)], title="Two"),
        "control": sliders(),
        "control, hostile": hostile_control(),
        "control, switches": switches(),
        **circle(),
        **tree(),
        **blocks(),
    }


def digests() -> str:
    """A line per figure: the SHA-256 of its HTML and its name."""
    return "\n".join(
        f"{hashlib.sha256(figure.html.encode()).hexdigest()} {name}" for name, figure in everything().items()
    )


if __name__ == "__main__":
    print(digests())
