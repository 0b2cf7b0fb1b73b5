"""When slow start ends by itself."""

from __future__ import annotations

from p2plib.sim.packet import Segment
from p2plib.sim.tcp.hystart import GAP, AckTrain
from tests.sim.tcp.link import Pair


def test_a_train_of_a_quarter_of_a_round_trip_and_of_a_whole_one() -> None:
    train = AckTrain()
    assert not train.fills_the_way(1.0, 0.0625)
    careful, full = [], []
    for n in range(1, 70):
        full.append(train.fills_the_way(1.0 + n / 1024, 0.0625))
        careful.append(train.is_careful)
    assert careful.index(True) + 1 == 16
    assert full.index(True) + 1 == 64


def test_what_comes_at_once_is_no_train_and_a_gap_breaks_one() -> None:
    train = AckTrain()
    assert not any(train.fills_the_way(1.0, 0.04) for n in range(100))
    gap_s = GAP * 0.04 * 1.5
    assert not any(train.fills_the_way(2.0 + n * gap_s, 0.04) for n in range(1, 30))
    assert not train.is_careful


def test_slow_start_ends_when_the_way_is_full() -> None:
    """1 MB/s and 100 ms of round trip carry 100 kB; a queue without end would hold what is more."""
    free_s = 0.0

    def fate(who: int, segment: Segment, now_s: float) -> tuple[float, ...]:
        nonlocal free_s
        if who == 1:
            return (0.05,)
        free_s = max(free_s, now_s) + (len(segment.data) + 40) / 1e6
        return (free_s - now_s + 0.05,)

    pair = Pair(fate)
    pair.connect()
    pair.ends[0].write(bytes(3_000_000))
    pair.run(pair.now_s + 2)
    sender = pair.ends[0].sender
    assert sender._congestion_window >= sender._threshold
    assert 90_000 < sender._threshold < 150_000
    assert len(pair.got(1)) > 1_500_000
