"""Timers for now: due now, until a program has set a thousand of them at one instant."""

from __future__ import annotations

import asyncio

from p2plib.sim import Internet
from p2plib.sim.clock.at_once import ENOUGH, MOST_TICKS, TICK_S, AtOnce


def test_after_a_thousand_the_clock_moves_and_after_ten_such_moves_no_more() -> None:
    timers, now_s, moves = AtOnce(), 5.0, 0
    for _ in range(3 * MOST_TICKS * ENOUGH):
        due_s = timers.due_s(now_s)
        if due_s > now_s:
            assert due_s == now_s + TICK_S
            now_s, moves = due_s, moves + 1
    assert moves == MOST_TICKS
    now_s += 1
    assert [timers.due_s(now_s) for _ in range(ENOUGH)] == [now_s] * (ENOUGH - 1) + [now_s + TICK_S]


def test_a_program_whose_reckoning_is_a_digit_off_gets_on() -> None:
    async def main(net: Internet) -> tuple[float, int]:
        loop, sent_s, delay_s = asyncio.get_running_loop(), 0.1, 0.7
        done, tries = loop.create_future(), 0

        def lost() -> None:
            nonlocal tries
            tries += 1
            if sent_s <= loop.time() - delay_s:  # false at 0.1 + 0.7, by the last digit
                done.set_result(None)
            else:
                loop.call_at(sent_s + delay_s, lost)

        lost()
        await done
        return loop.time(), tries

    ended_s, tries = Internet().run(main)
    assert 0.8 < ended_s < 0.80001
    assert 0.1 > (0.1 + 0.7) - 0.7
    assert 900 < tries < 1100
