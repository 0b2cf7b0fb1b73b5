"""BIND, dig and nsupdate: a name server and two clients of somebody else's, in a namespace.

What runs here is called with `Namespace.run_together`, so it is inside the namespace already, and starts the
programs itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from tests.discovery.dns.world import KEY

PROGRAMS = {"named": "bind9", "dig": "bind9-dnsutils", "nsupdate": "bind9-dnsutils"}
PORT = 5354
READY_S = 60.0
# Where Debian puts what is for administrators, which not everybody's path has.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

OPTIONS = """
options {{
  directory "{home}"; pid-file "{home}/named.pid"; session-keyfile none; managed-keys-directory "{home}";
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  dnssec-validation no; allow-query {{ any; }}; {more}
}};
controls {{ }};
key "tracker" {{ algorithm hmac-sha256; secret "{secret}"; }};
"""
PRIMARY = """
zone "p2p.test" {{
  type primary; file "{home}/p2p.test.db";
  update-policy {{ grant tracker zonesub ANY; }};
}};
"""
FORWARDING = """
zone "p2p.test" {{ type forward; forward only; forwarders port {ours} {{ 127.0.0.1; }}; }};
"""
ZONE_FILE = """
$TTL 60
@ IN SOA ns.p2p.test. hostmaster.p2p.test. 1 3600 600 86400 10
@ IN NS ns.p2p.test.
ns IN A 127.0.0.1
"""


def why_no_bind() -> str | None:
    """Say in one sentence what is missing; None when all is there. For `peers.demand_peers`."""
    for program, package in PROGRAMS.items():
        if shutil.which(program, path=PATH) is None:
            return f"`{program}` (Debian: {package}), of the name server BIND, is not installed"
    return None


def program(name: str) -> str:
    """The path of one of its programs."""
    found = shutil.which(name, path=PATH)
    assert found is not None
    return found


@contextlib.asynccontextmanager
async def bind(
    home: Path, zones: str = PRIMARY, more: str = "recursion no;", ours: int = 0
) -> AsyncIterator[int]:
    """BIND, from its first answer to its end.

    Args:
        home: an empty folder, or one of its earlier life.
        zones: what it serves.
        more: further options.
        ours: the port of our own name server, if it forwards questions there.

    Yields:
        Its port.
    """
    values = {"home": home, "port": PORT, "secret": KEY.text, "more": more, "ours": ours}
    (home / "named.conf").write_text((OPTIONS + zones).format(**values))
    if not (home / "p2p.test.db").exists():
        (home / "p2p.test.db").write_text(ZONE_FILE)
    log = (home / "named.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        program("named"), "-g", "-c", str(home / "named.conf"), stdout=log, stderr=log
    )
    try:
        async with asyncio.timeout(READY_S):
            while not (home / "named.log").read_bytes().rstrip().endswith(b"running"):
                assert process.returncode is None, (home / "named.log").read_text()
                await asyncio.sleep(0.02)
        yield PORT
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        log.close()


async def said_by(*command: str, text: str = "") -> str:
    """What a program prints, errors included."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(READY_S):
        output, _ = await process.communicate(text.encode())
    return output.decode()


async def dig(port: int, *words: str) -> list[str]:
    """What dig prints, in lines."""
    where = ("@127.0.0.1", "-p", str(port), "+tries=1", "+time=30")
    return (await said_by(program("dig"), *where, *words)).splitlines()


async def nsupdate(port: int, *lines: str, secret: str = KEY.text, algorithm: str = "hmac-sha256") -> str:
    """What nsupdate says to a signed update."""
    head = [f"server 127.0.0.1 {port}", f"key {algorithm}:tracker {secret}", "zone p2p.test"]
    return await said_by(program("nsupdate"), text="\n".join([*head, *lines, "send", "answer", ""]))
