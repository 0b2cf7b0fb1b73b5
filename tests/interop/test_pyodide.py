"""The simulated internet in Pyodide, as a page in a browser runs it: every result is the same as here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from tests.interop.peers import ForeignPeer, PeerRefused
from tests.interop.pyodide_program import result
from tests.sim.like_real.compare import in_simulator
from tests.sim.test_repeats import WITHOUT_PYTEST, digest

pytestmark = pytest.mark.interop

LOADING_S = 90.0  # it takes two to nine seconds, as busy as the machine is


@pytest.fixture(scope="module")
def page() -> Iterator[ForeignPeer]:
    with ForeignPeer("pyodide.mjs", timeout_s=2 * LOADING_S) as peer:
        yield peer


def run(page: ForeignPeer, program: str) -> str:
    ran: str = page.ask("run", LOADING_S, program=program)
    return ran


def test_it_is_another_python(page: ForeignPeer) -> None:
    lacking = "[name for name in ('AF_UNIX', 'SO_REUSEADDR', 'SO_REUSEPORT') if not hasattr(socket, name)]"
    told = json.loads(run(page, f"import json, socket, sys\njson.dumps([sys.platform, *{lacking}])"))
    assert told == ["emscripten", "AF_UNIX", "SO_REUSEADDR", "SO_REUSEPORT"]


@pytest.mark.fault("F158")
def test_a_run_with_everything_in_it_has_the_same_digest(page: ForeignPeer) -> None:
    assert run(page, f"{WITHOUT_PYTEST}digest()") == digest()


def test_a_program_with_sockets_of_its_own_does_the_same_within_a_running_loop(page: ForeignPeer) -> None:
    theirs = run(page, "from tests.interop.pyodide_program import result\nawait result()")
    ours = asyncio.run(result())
    assert json.loads(theirs) == json.loads(ours)


# Of the cases that are compared with Linux: not those of TLS, of numbers of errors, which are others there,
# and of what asyncio does differently from version to version. The modules of the cases ask Python for what
# it lacks when they are imported, so it is put in meanwhile.
FAMILIES = ("accept", "bind", "broadcast", "half", "multicast", "nonblocking", "options", "reuse")
CASES = f"""{WITHOUT_PYTEST}
import json, socket
from types import ModuleType
from p2plib.sim.sockets.constants import LINUX
vars(socket).update(LINUX)
sys.modules["ssl"] = ModuleType("ssl")
sys.modules["ssl"].SSLError = type("SSLError", (OSError,), {{}})
from tests.sim.like_real.compare import in_simulator
seen = {{family: in_simulator(family) for family in {FAMILIES}}}
del sys.modules["ssl"]
for name in LINUX:
    delattr(socket, name)
json.dumps(seen)
"""


def test_what_sockets_do_is_the_same(page: ForeignPeer) -> None:
    ours = {family: in_simulator(family) for family in FAMILIES}
    assert all(len(seen) > 1 for seen in ours.values())
    assert json.loads(run(page, CASES)) == json.loads(json.dumps(ours))


ASK_FOR_TLS = """
import asyncio
from p2plib.sim import Internet
async def main(net):
    await net.host("ana").run(asyncio.open_connection("ben", 443, ssl=True))
net = Internet(seed=1)
net.host("ben").start(asyncio.start_server, print, "0.0.0.0", 443)
net.run(main)
"""


def test_to_ask_for_tls_is_an_error_that_says_so(page: ForeignPeer) -> None:
    with pytest.raises(PeerRefused, match="RuntimeError: stdlib ssl module not available"):
        run(page, ASK_FOR_TLS)


def test_the_module_socket_is_afterwards_as_it_was(page: ForeignPeer) -> None:
    program = """
import _socket, socket
from p2plib.sim import Internet
async def main(net):
    return socket.SO_REUSEADDR
seen = [Internet(seed=1).run(main) for _ in range(2)]
f"{seen} {[hasattr(module, 'SO_REUSEADDR') for module in (socket, _socket)]}"
"""
    assert run(page, program) == "[2, 2] [False, False]"
