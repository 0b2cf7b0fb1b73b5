"""asyncssh in the simulated internet, as it is: a server and clients with a password and with a key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from tests.sim.strangers.world import play_everywhere

pytest.importorskip("asyncssh")


@asynccontextmanager
async def serving(client_key: Any, ip: str, port: int) -> AsyncIterator[None]:
    """Serve a program that says who asks and gives its input back in capitals."""
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
        yield


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


async def using(key: Any, host: str, port: int) -> list[Any]:
    """Three clients at the same time: with a password, with a key, and with a wrong password."""
    return list(
        await asyncio.gather(
            asked(host, port, TEXT, username="ana", password="a secret", client_keys=None),
            asked(host, port, TEXT, username="ben", client_keys=[key]),
            wrong_password(host, port),
        )
    )


TEXT = "some words " * 5_000
SEEN = [
    ("ana asks for shout\n" + TEXT.upper(), 3),
    ("ben asks for shout\n" + TEXT.upper(), 3),
    "PermissionDenied",
]


def test_commands_run_with_a_password_and_with_a_key() -> None:
    import asyncssh

    key = asyncssh.generate_private_key("ssh-ed25519")
    assert play_everywhere(partial(serving, key), partial(using, key), repeats=False) == SEEN
