"""A meeting in the simulated internet: a server, and guests that each want to speak a few times."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import ModuleType

from p2plib.sim import Internet, current_host

GUESTS = ("ana", "ben", "cleo")
TURNS, SPEECH_S = 2, 8.0  # a speech is longer than a lease


def meeting(module: ModuleType) -> Callable[[Internet], Awaitable[None]]:
    """Return a meeting as a program for `Internet.run` or `search`."""

    async def main(net: Internet) -> None:
        speaking: set[str] = set()
        interruptions: list[str] = []
        spoken = dict.fromkeys(GUESTS, 0)
        everybody_has_spoken = asyncio.Event()

        async def attend() -> None:
            me = current_host().name
            speaking.discard(me)  # if its machine lost power in mid-speech, it no longer speaks
            while spoken[me] < TURNS:
                try:
                    async with module.stick("server", 4000):
                        await speak(me)
                except (module.StickLost, OSError):
                    await asyncio.sleep(0.5)  # and try again
            if min(spoken.values()) == TURNS:
                everybody_has_spoken.set()

        async def speak(me: str) -> None:
            others = {name for name in speaking if net.hosts[name].is_up}
            if others:
                interruptions.append(f"at {net.time:.2f} s {me} interrupts {' and '.join(sorted(others))}")
            speaking.add(me)
            try:
                await asyncio.sleep(SPEECH_S)
                spoken[me] += 1
            finally:
                speaking.discard(me)

        net.host("server").start(module.serve, "0.0.0.0", 4000)
        for name in GUESTS:
            net.host(name).start(attend)
        await everybody_has_spoken.wait()
        assert not interruptions, interruptions

    return main
