"""The harness itself: nothing gets out, nothing hangs, nothing stays."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop import namespace as namespaces
from tests.interop.namespace import Namespace, NamespaceError
from tests.interop.peers import ASK_TIMEOUT_S, ForeignPeer, PeerError, PeerRefused

pytestmark = pytest.mark.interop

FAR_AWAY = {"IPv4": "192.0.2.1", "IPv6": "2001:db8::1"}  # RFC 5737 and RFC 3849: addresses for documentation


@pytest.fixture(scope="module")
def trouble() -> Iterator[ForeignPeer]:
    with ForeignPeer("trouble.js") as peer:
        yield peer


def processes_with(token: str) -> list[int]:
    """List the processes on this machine whose command line holds a token."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command_line = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if token.encode() in command_line:
            found.append(int(folder.name))
    return found


def wait_until(condition: object, timeout_s: float = 60.0) -> None:
    """Poll a condition that another process brings about; fail when it does not come."""
    deadline = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


# -- nothing gets out
# --------------------------------------------------------------------------------------------------


def test_the_only_interface_is_loopback(trouble: ForeignPeer) -> None:
    assert trouble.ask("interfaces") == ["lo"]


@pytest.mark.parametrize("operation", ["connect", "datagram"])
@pytest.mark.parametrize("family", FAR_AWAY)
def test_no_packet_leaves_the_namespace(trouble: ForeignPeer, operation: str, family: str) -> None:
    assert trouble.ask(operation, host=FAR_AWAY[family], port=443) == "ENETUNREACH"


def test_loopback_answers(trouble: ForeignPeer) -> None:
    """The counterpart of the test above: the network is there, and a closed port on it refuses."""
    assert trouble.ask("connect", host="127.0.0.1", port=1) == "ECONNREFUSED"


def test_no_name_is_looked_up_outside(trouble: ForeignPeer) -> None:
    assert trouble.ask("lookup", host="example.com") in ("ECONNREFUSED", "ETIMEOUT", "ENOTFOUND", "ESERVFAIL")


def interfaces_seen_by_python() -> list[str]:
    import socket

    return [name for _, name in socket.if_nameindex()]


def test_a_python_function_runs_in_there_too() -> None:
    with Namespace() as net:
        assert net.run_together(interfaces_seen_by_python) == ["lo"]


# -- together
# ----------------------------------------------------------------------------------------------------------


async def shout(port: int, text: str) -> str:
    """Send a text to an echo server on loopback and return what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.encode())
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.decode()


def test_python_talks_to_a_node_server_in_the_same_namespace() -> None:
    with Namespace() as net, ForeignPeer("echo_server.js", namespace=net) as server:
        port = server.ask("listen")["port"]
        assert net.run_together(shout, port, "Grüße") == "Grüße"
        assert server.next_event() == ("connection", "127.0.0.1")


def test_two_peers_share_a_namespace_and_a_third_has_its_own() -> None:
    with Namespace() as net, ForeignPeer("echo_server.js", namespace=net) as server:
        port = server.ask("listen")["port"]
        with ForeignPeer("trouble.js", namespace=net) as neighbour, ForeignPeer("trouble.js") as stranger:
            assert neighbour.ask("connect", host="127.0.0.1", port=port) == "no error"
            assert stranger.ask("connect", host="127.0.0.1", port=port) == "ECONNREFUSED"


def test_async_use() -> None:
    async def main() -> list[dict[str, int]]:
        async with ForeignPeer("trouble.js") as one, ForeignPeer("trouble.js") as two:
            return await asyncio.gather(one.ask_async("echo", n=1), two.ask_async("echo", n=2))

    assert asyncio.run(main()) == [{"n": 1}, {"n": 2}]


def test_a_cancelled_question_is_not_waited_for() -> None:
    async def main() -> None:
        async with ForeignPeer("trouble.js") as peer:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(peer.ask_async("hang"), timeout=0.2)

    begun = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - begun < ASK_TIMEOUT_S / 2


def multicast_to_the_group() -> str:
    """Send a datagram to mDNS's group, on the interface that the system chooses; return what arrives."""
    import socket

    group, port = "224.0.0.251", 5353
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.settimeout(60)
        listener.bind(("", port))
        membership = socket.inet_aton(group) + socket.inet_aton("0.0.0.0")
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"who is here?", (group, port))
        data, (address, _) = listener.recvfrom(100)
        return f"{address}: {data.decode()}"


def test_multicast_stays_on_loopback_and_arrives() -> None:
    with Namespace() as net:
        assert net.run_together(multicast_to_the_group) == "127.0.0.1: who is here?"


# -- questions and answers
# ---------------------------------------------------------------------------------------------


def test_any_text_survives_the_way_there_and_back(trouble: ForeignPeer) -> None:
    given = {"nasty": "\u2028\x00\ud83d é 😀", "empty": {}, "list": [None, True, 1.5]}
    assert trouble.ask("echo", **given) == given


def test_a_megabyte_survives_the_way_there_and_back(trouble: ForeignPeer) -> None:
    text = "proquint " * 120_000
    assert trouble.ask("echo", text=text)["text"] == text


def test_what_a_module_prints_stays_out_of_the_answers(trouble: ForeignPeer) -> None:
    assert trouble.ask("print", text='{"id": 1, "result": "forged"}') == "printed"


def test_events_keep_their_order_and_do_not_disturb_answers(trouble: ForeignPeer) -> None:
    assert trouble.ask("tell", events=["a", "b"]) == 2
    assert [trouble.next_event(), trouble.next_event()] == [("told", "a"), ("told", "b")]


def test_an_error_in_an_operation_is_a_refusal(trouble: ForeignPeer) -> None:
    with pytest.raises(PeerRefused, match="refused 'throw': Error: the milk is sour"):
        trouble.ask("throw", text="the milk is sour")
    with pytest.raises(PeerRefused, match="no operation nonsense"):
        trouble.ask("nonsense")
    assert trouble.ask("echo", still="well") == {"still": "well"}


# -- bounded
# -----------------------------------------------------------------------------------------------------------


def test_a_peer_that_hangs_is_told_from_one_that_answers() -> None:
    with ForeignPeer("trouble.js") as peer, pytest.raises(PeerError, match="took too long to answer 'hang'"):
        peer.ask("hang", 0.2)


def test_a_peer_that_crashes_shows_its_stderr() -> None:
    with ForeignPeer("trouble.js") as peer:
        with pytest.raises(
            PeerError, match=r"ended and left a question open; its stderr:\nthe reason for the crash"
        ):
            peer.ask("crash")
        with pytest.raises(PeerError, match="ended"):
            peer.ask("echo")


def test_a_peer_that_answers_nonsense_is_quoted() -> None:
    with (
        ForeignPeer("trouble.js") as peer,
        pytest.raises(PeerError, match="no JSON object: b'this is not JSON'"),
    ):
        peer.ask("garbage")


def test_a_script_that_does_not_start_says_why() -> None:
    with ForeignPeer("no_such_script.js") as peer, pytest.raises(PeerError, match="Cannot find module"):
        peer.ask("echo")


def test_a_namespace_ends_when_its_time_is_over() -> None:
    """So does the peer in it, however far it has come by then."""
    with ForeignPeer("trouble.js", timeout_s=8) as peer:
        with pytest.raises(PeerError, match=r"ended (and left a question open|before it read a request)"):
            peer.ask("hang")
        wait_until(lambda: not peer.namespace.is_up)
        with pytest.raises(NamespaceError, match=r"its 8 s are over"):
            peer.namespace.run_together(interfaces_seen_by_python)


def never_returns() -> None:
    while True:
        time.sleep(3600)


def raises() -> None:
    raise LookupError("nobody by that name")


def test_a_python_function_is_bounded_and_its_traceback_shown() -> None:
    with Namespace() as net:
        with pytest.raises(NamespaceError, match=r"never_returns did not return in 0\.5 s"):
            net.run_together(never_returns, timeout_s=0.5)
        with pytest.raises(NamespaceError, match=r"(?s)raises failed with status 1.*nobody by that name"):
            net.run_together(raises)


def test_a_namespace_that_is_left_is_not_entered() -> None:
    """Otherwise the program would run outside, where there is a network."""
    with Namespace() as net:
        pass
    with pytest.raises(NamespaceError, match="not up"):
        net.run_together(interfaces_seen_by_python)


# -- nothing stays
# -----------------------------------------------------------------------------------------------------


def test_no_process_is_left_when_a_test_fails() -> None:
    """Not the peer, which is frozen in a loop; not its child, which left its session and ignores signals."""
    token = uuid.uuid4().hex
    with pytest.raises(ZeroDivisionError), ForeignPeer("trouble.js", token) as peer:  # noqa: PT012
        peer.ask("haunt", token=token)
        wait_until(lambda: len(processes_with(token)) == 3)  # nsenter, the peer, its child
        with pytest.raises(PeerError, match="took too long"):
            peer.ask("freeze", 0.1)
        home = peer.namespace.home
        assert home.is_dir()
        raise ZeroDivisionError("a test that fails")
    assert processes_with(token) == []
    assert not home.exists()


def test_a_frozen_peer_is_ended_and_its_neighbours_go_on() -> None:
    token = uuid.uuid4().hex
    with Namespace() as net, ForeignPeer("trouble.js", namespace=net) as neighbour:
        with (
            ForeignPeer("trouble.js", token, namespace=net) as peer,
            pytest.raises(PeerError, match="took too long"),
        ):
            peer.ask("freeze", 0.1)
        assert processes_with(token) == []
        assert neighbour.ask("echo", still="there") == {"still": "there"}


ORPHAN = """
import sys
from tests.interop.peers import ASK_TIMEOUT_S, ForeignPeer
with ForeignPeer("trouble.js", sys.argv[1]) as peer:
    peer.ask("haunt", token=sys.argv[1])
    print("ready", flush=True)
    peer.ask("freeze", 600)
"""


def test_no_process_is_left_when_the_test_run_is_killed() -> None:
    token = uuid.uuid4().hex
    run = subprocess.Popen([sys.executable, "-c", ORPHAN, token], stdout=subprocess.PIPE, cwd=namespaces.ROOT)
    assert run.stdout is not None
    assert namespaces.read_line(run, 120) == b"ready\n"
    wait_until(lambda: len(processes_with(token)) == 4)  # the run, nsenter, the peer, its child
    os.kill(run.pid, 9)
    run.wait()
    run.stdout.close()
    wait_until(lambda: processes_with(token) == [])
