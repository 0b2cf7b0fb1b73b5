"""asyncssh in the simulated internet, as it is: a server and clients with a password and with a key."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.sim import Internet, Link

pytest.importorskip("asyncssh")


async def served(ip: str, port: int, client_key: Any) -> None:
    """Serve a program that says who asks and gives its input back in capitals, until cancelled."""
    import asyncssh

    class Server(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("ana", "a secret")

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: Any) -> bool:
            return bool(username == "ben" and key == client_key.convert_to_public())

    async def program(process: Any) -> None:
        process.stdout.write(f"{process.get_extra_info('username')} asks for {process.command}\n")
        process.stdout.write((await process.stdin.read()).upper())
        process.exit(3)

    host_key = asyncssh.generate_private_key("ssh-ed25519")
    async with asyncssh.listen(
        ip, port, server_factory=Server, server_host_keys=[host_key], process_factory=program
    ):
        await asyncio.Event().wait()


async def asked(host: str, port: int, text: str, **named: Any) -> tuple[str, int | None]:
    """Run a command there; its output and its status."""
    import asyncssh

    async with asyncssh.connect(host, port, known_hosts=None, config=None, agent_path=None, **named) as there:
        done = await there.run("shout", input=text)
        return str(done.stdout), done.exit_status


async def wrong_password(host: str, port: int) -> str:
    import asyncssh

    with pytest.raises(asyncssh.PermissionDenied) as refused:
        await asked(host, port, "", username="ana", password="a guess", client_keys=None)
    return type(refused.value).__name__


def run(link: Link) -> tuple[Internet, list[Any]]:
    import asyncssh

    key = asyncssh.generate_private_key("ssh-ed25519")

    async def main(net: Internet) -> list[Any]:
        server, ana, ben = net.host("server"), net.host("ana"), net.host("ben")
        server.start(served, "", 22, key)
        await asyncio.sleep(0.1)
        return list(
            await asyncio.gather(
                ana.run(asked("server", 22, TEXT, username="ana", password="a secret", client_keys=None)),
                ben.run(asked("server", 22, TEXT, username="ben", client_keys=[key])),
                ana.run(wrong_password("server", 22)),
            )
        )

    net = Internet(seed=14, link=link, max_events=2_000_000)
    seen: list[Any] = net.run(main)
    return net, seen


TEXT = "some words " * 5_000
SEEN = [
    ("ana asks for shout\n" + TEXT.upper(), 3),
    ("ben asks for shout\n" + TEXT.upper(), 3),
    "PermissionDenied",
]


def test_commands_run_with_a_password_and_with_a_key() -> None:
    _, seen = run(Link(latency=0.02))
    assert seen == SEEN


def test_commands_run_over_a_bad_link() -> None:
    net, seen = run(Link(latency=0.03, jitter_s=0.01, loss=0.03))
    assert seen == SEEN
    assert net.trace.dropped()["lost"] > 3


def test_the_same_seed_gives_the_same_times() -> None:
    times = [[packet.sent_s for packet in run(Link(latency=0.02))[0].trace] for _ in range(2)]
    assert times[0] == times[1]
