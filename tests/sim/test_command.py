"""The command `python -m p2plib.sim`: most of it in this process, some as its users run it."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from p2plib.sim import Internet, Link
from p2plib.sim.command import FAILED, FINE, USAGE, main
from tests.conftest import ROOT
from tests.sim.capture.test_pcap import frames
from tests.sim.capture.test_pcap_tshark import fields

SHOP = """
    import asyncio

    sold = 0

    async def answer(reader, writer):
        while await reader.readline():
            writer.write(b"sold\\n")
        writer.close()

    async def serve(port="80"):
        async with await asyncio.start_server(answer, "0.0.0.0", int(port)) as server:
            await server.serve_forever()

    async def buy(times="3", port="80"):
        global sold
        reader, writer = await asyncio.open_connection("shop", int(port))
        for _ in range(int(times)):
            asked = asyncio.get_running_loop().time()
            writer.write(b"buy\\n")
            await reader.readline()
            sold += 1
            took = asyncio.get_running_loop().time() - asked
            assert took < 0.3, f"it took {took:.2f} s"
        print("bought", sold)
        writer.close()
        await writer.wait_closed()
    """
WATCHED = """
    async def main(net):
        net.host("shop").start(serve)
        await net.host("ana").run(buy())
    """


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("shop.py").write_text(dedent(SHOP))
    Path("watched.py").write_text(dedent(SHOP) + dedent(WATCHED))
    return tmp_path


def script(text: str) -> str:
    Path("script.py").write_text(dedent(text))
    return "script.py"


@pytest.mark.usefixtures("folder")
class TestRuns:
    def test_a_main_of_an_internet(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["watched.py", "--latency", "40ms", "--digest"]) == FINE
        said, told = capsys.readouterr()
        net = Internet(0, link=Link(latency=0.04))
        net.run(runpy.run_path("watched.py")["main"])
        assert f"digest {net.trace.digest()}\n" in said, "the same run as in a program of one's own"
        assert told == f"seed 0: {net.time:.6g} virtual seconds, {len(net.trace)} packets\n"

    def test_the_same_seed_is_the_same_run_and_another_is_not(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        runs = []
        for seed in ("7", "7", "8"):
            assert main(["watched.py", "--loss", "0.05", "--digest", "--seed", seed]) in (FINE, FAILED)
            runs.append(capsys.readouterr().out)
        assert runs[0] == runs[1] != runs[2]

    def test_functions_on_hosts(self, capsys: pytest.CaptureFixture[str]) -> None:
        hosts = ["--host", "shop=serve 8080", "--host", "ana,ben=buy 2 8080"]
        assert main(["shop.py", *hosts, "--latency", "0.04"]) == FINE
        assert capsys.readouterr().out.count("bought") == 2

    def test_words_after_two_dashes_are_the_scripts(self, capsys: pytest.CaptureFixture[str]) -> None:
        name = script(
            "import asyncio, sys\nasyncio.run(asyncio.sleep(float(sys.argv[2])))\nprint(sys.argv)\n"
        )
        assert main([name, "--seed", "3", "--", "--port", "80"]) == FINE
        said, told = capsys.readouterr()
        assert said == "['script.py', '--port', '80']\n"
        assert told == "seed 3: 80 virtual seconds, 0 packets\n"

    def test_a_network_that_no_packet_enters_is_mentioned(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([script("import asyncio\nasyncio.run(asyncio.sleep(1))\n"), "--loss", "0.1"]) == FINE
        assert "everything stayed on one host" in capsys.readouterr().err

    def test_a_lan_carries_multicast_and_the_public_internet_does_not(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        name = script("""
            import asyncio, socket, struct

            async def hear():
                sock = socket.socket(type=socket.SOCK_DGRAM)
                sock.bind(("", 5000))
                member = struct.pack("=4sl", socket.inet_aton("239.1.2.3"), socket.INADDR_ANY)
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
                sock.setblocking(False)
                with sock:
                    async with asyncio.timeout(10):
                        print(await asyncio.get_running_loop().sock_recv(sock, 100))

            async def call():
                with socket.socket(type=socket.SOCK_DGRAM) as sock:
                    while True:
                        sock.sendto(b"hello", ("239.1.2.3", 5000))
                        await asyncio.sleep(1)
            """)
        hosts = [name, "--host", "ana=call", "--host", "ben=hear", "--loss", "50%"]
        assert main([*hosts, "--lan", "--trace", "1"]) == FINE
        said, told = capsys.readouterr()
        assert "b'hello'" in said
        assert "multicast" not in told
        sent, arrives = said.splitlines()[-1].split()[:2]
        assert float(arrives) - float(sent) == pytest.approx(0.0005), "as fast as a LAN"
        assert main(hosts) == FAILED
        assert "multicast reaches nobody on the public internet: use --lan" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
class TestFailures:
    def test_a_failure_is_told_by_the_programs_own_lines(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["watched.py", "--latency", "200ms", "--seed", "4"]) == FAILED
        told = capsys.readouterr().err
        assert re.search(r'File "watched.py", line \d+, in buy\n    assert took < 0.3', told)
        assert "AssertionError: it took 0.40 s" in told
        assert not re.search(r"asyncio/|p2plib/sim|frozen", told)
        assert re.search(r"^seed 4 failed after [\d.]+ virtual seconds, \d+ packets$", told, re.M)
        assert told.endswith("to run it again: python -m p2plib.sim watched.py --latency 200ms --seed 4\n")

    def test_the_host_of_a_program_that_raised(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["shop.py", "--host", "shop=serve", "--host", "ana=buy", "--latency", "200ms"]) == FAILED
        assert "AssertionError: it took 0.40 s\nraised on the host ana\n" in capsys.readouterr().err

    def test_a_server_that_raises_ends_the_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        name = script(
            "import asyncio\nasync def serve(): 1 / 0\nasync def wait(): await asyncio.sleep(1e9)\n"
        )
        assert main([name, "--host", "server=serve", "--host", "ana=wait"]) == FAILED
        told = capsys.readouterr().err
        assert "ZeroDivisionError: division by zero\nraised on the host server\n" in told
        assert "seed 0 failed after 0 virtual seconds" in told

    def test_causes_and_groups_are_trimmed_too(self, capsys: pytest.CaptureFixture[str]) -> None:
        name = script("""
            import asyncio, contextlib
            @contextlib.asynccontextmanager
            async def answered():
                await asyncio.wait_for(asyncio.Event().wait(), 5)
                yield
            async def wrong():
                try:
                    async with answered():
                        pass
                except TimeoutError as error:
                    raise ValueError("no answer") from error
            async def main(net):
                async with asyncio.TaskGroup() as group:
                    group.create_task(wrong())
            """)
        assert main([name]) == FAILED
        told = capsys.readouterr().err
        assert "ValueError: no answer" in told
        assert "TimeoutError" in told
        assert "in answered" in told
        assert not re.search(r"asyncio/|contextlib|p2plib/sim", told)

    def test_a_script_that_does_not_compile(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([script("import asyncio\nasync def main(net):\n    retrun 1\n")]) == FAILED
        told = capsys.readouterr().err
        assert 'File "script.py", line 3\n    retrun 1' in told.replace(str(Path.cwd()) + "/", "")
        assert "SyntaxError: invalid syntax" in told

    def test_what_is_left_is_told_and_can_be_allowed(self, capsys: pytest.CaptureFixture[str]) -> None:
        name = script("""
            import asyncio
            async def main(net):
                with net.host("ana"):
                    await asyncio.start_server(print, "0.0.0.0", 80)
            """)
        assert main([name]) == FAILED
        told = capsys.readouterr().err
        assert re.search(r"^p2plib.errors.Leak: ana left .*script.py:5\)$", told, re.M)
        assert told.count("ana left") == 1, "it is not told twice"
        two = Path(name).read_text() + '        await asyncio.start_server(print, "0.0.0.0", 81)\n'
        Path("two.py").write_text(two)
        assert main(["two.py"]) == FAILED
        told = capsys.readouterr().err
        assert re.search(
            r"^left at the end:\n    ana left .*two.py:5\)\n    ana left .*two.py:6\)$", told, re.M
        )
        assert main([name, "--allow-leaks"]) == FINE
        assert "left at the end:\n    ana left" in capsys.readouterr().err

    def test_everybody_waits(self, capsys: pytest.CaptureFixture[str]) -> None:
        name = script("import asyncio\nasync def wait():\n    await asyncio.Event().wait()\n")
        assert main([name, "--host", "ana=wait"]) == FAILED
        assert "Deadlock: nothing can wake anybody" in (told := capsys.readouterr().err)
        assert "ana waits at wait (script.py:3)" in told

    def test_time_has_a_limit(self, capsys: pytest.CaptureFixture[str]) -> None:
        name = script("import asyncio\nasync def tick():\n    while True:\n        await asyncio.sleep(1)\n")
        assert main([name, "--host", "ana=tick", "--time-limit", "5min"]) == FAILED
        assert "TimeLimit: 300 virtual seconds were not enough" in capsys.readouterr().err

    def test_a_script_that_exits(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main([script("import asyncio, sys\nsys.exit(asyncio.run(asyncio.sleep(1, 3)))\n")]) == FAILED
        assert "the script exited with 3" in capsys.readouterr().err
        assert main([script("import asyncio, sys\nsys.exit(asyncio.run(asyncio.sleep(1, 0)))\n")]) == FINE


@pytest.mark.usefixtures("folder")
class TestSeeds:
    def test_the_first_seed_that_fails_and_what_it_takes(self, capsys: pytest.CaptureFixture[str]) -> None:
        given = ["watched.py", "--loss", "0.05", "--latency", "40ms"]
        assert main([*given, "--seeds", "50", "--seed=1", "--digest"]) == FAILED
        said, told = capsys.readouterr()
        assert "bought" not in said, "what the runs print is kept back"
        assert re.search(
            r"AssertionError: it took [\d.]+ s\nraised on the host ana\nseed (\d+) fails after", told
        )
        assert re.search(
            r"^it takes 1 of the \d+ faults that happened:\n    packet \d+ of \w+ is lost$", told, re.M
        )
        again = told.splitlines()[-1].removeprefix("to run it again: python -m p2plib.sim ").split()
        assert again[:-1] == [*given, "--digest", "--seed"]
        assert main(again) == FAILED, "each run has its script anew: the count of the others is not there"
        assert "AssertionError" in capsys.readouterr().err
        before = int(again[-1]) - 1
        assert before < 1 or main([*given, "--seed", str(before)]) == FINE

    def test_an_error_of_the_scripts_own_class_is_shrunk(self, capsys: pytest.CaptureFixture[str]) -> None:
        """Each run makes the class anew."""
        text = Path("watched.py").read_text().replace("assert took < 0.3, f", "if took > 0.3: raise Slow(f")
        text = text.replace('{took:.2f} s"', '{took:.2f} s")') + "\nclass Slow(Exception): ...\n"
        name = script(text)
        assert main([name, "--loss", "0.05", "--latency", "40ms", "--seeds", "50"]) == FAILED
        told = capsys.readouterr().err
        assert "Slow: it took" in told
        assert "it takes 1 of the" in told
        assert "not deterministic" not in told

    def test_none_fails(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["watched.py", "--latency", "40ms", "--seeds", "5", "--seed", "2"]) == FINE
        assert capsys.readouterr().err == "5 seeds, 2 to 6: none failed\n"

    def test_what_went_wrong_is_told_and_so_is_that_nothing_did(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        name = script("import asyncio\nasync def wait(): await asyncio.sleep(20)\n")
        faults = ["--host", "ana=wait", "--host", "ben=wait", "--crashes", "1", "--cuts", "1"]
        assert main([name, *faults, "--within", "10s"]) == FINE
        told = capsys.readouterr().err
        assert re.search(r"^    (ana|ben) loses its power at \d.* s, and starts again", told, re.M)
        assert re.search(r"^    (ana|ben) cut off from all others at \d.* s, for", told, re.M)
        too_short = "the run ended before any crash or cut began: use a shorter --within\n"
        assert main([name, *faults, "--within", "300h"]) == FINE
        assert capsys.readouterr().err.endswith(f"packets\n{too_short}")
        assert main([name, *faults, "--within", "300h", "--seeds", "3"]) == FINE
        assert capsys.readouterr().err == f"3 seeds, 0 to 2: none failed\nunder 3 of them {too_short}"

    def test_a_crash_starts_a_script_from_its_beginning(self, capsys: pytest.CaptureFixture[str]) -> None:
        name = script("""
            import asyncio
            print("booted")
            async def main():
                await asyncio.sleep(20)
            asyncio.run(main())
            """)
        assert main(["--host", f"ana={name}", "--crashes", "2", "--within", "15s"]) == FINE
        assert 2 <= capsys.readouterr().out.count("booted") <= 3
        assert main(["--host", f"ana={name}", "--crashes", "2", "--within", "15s", "--spare", "ana"]) == FINE
        assert capsys.readouterr().out.count("booted") == 1


@pytest.mark.usefixtures("folder")
class TestUsage:
    @pytest.mark.parametrize(
        ("words", "why"),
        [
            (["nowhere.py"], "there is no script nowhere.py"),
            ([], "name a script, or hosts that run one"),
            (["shop.py", "--host", "serve"], "as in server=serve"),
            (["shop.py", "--host", "a=nowhere.py"], "there is no script nowhere.py"),
            (["shop.py", "--host", "a=sell"], "shop.py has no function sell"),
            (["--host", "a=serve"], "no script is given that it could be in"),
            (["shop.py", "--host", "a,b=serve", "--host", "a=buy"], "every host needs a name of its own"),
            (["shop.py", "--host", "a=serve", "--", "80"], "belong in its --host"),
            (["shop.py"], "ended without calling asyncio.run"),
            (["shop.py", "--loss", "2"], "argument --loss: '2' is not a probability: write 0.02 or 2%"),
            (["shop.py", "--latency", "soon"], "'soon' is not a time"),
            (["shop.py", "--bandwidth", "fast"], "'fast' is not a rate"),
            (["shop.py", "--seeds", "0"], "it must be 1 or more"),
            (["shop.py", "--sed", "1"], "unrecognized: --sed 1"),
            (["shop.py", "80"], "arguments of the script come after --"),
            (["shop.py", "--seeds", "many"], "argument --seeds: 'many' is not a whole number"),
            (["shop.py", "--latency", "1.2.3"], "'1.2.3' is not a time"),
            (["shop.py", "--pcap", "nowhere/out.pcapng"], "--pcap takes a file in a folder that exists"),
            (["shop.py", "--host", "a='serve"], "cannot be split into words: No closing quotation"),
            (["shop.py", "--host", "a=serve", "--spare", "b"], "no --host is called b"),
        ],
    )
    def test_what_makes_no_sense(
        self, words: list[str], why: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(words) == USAGE
        assert why in capsys.readouterr().err

    def test_help(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--help"]) == FINE
        said = capsys.readouterr().out
        assert "async def main(net)" in said
        for option in ("--host", "--seed ", "--seeds", "--loss", "--latency", "--jitter", "--bandwidth",
                       "--pcap", "--time-limit", "--trace", "--digest"):  # fmt: skip
            assert option in said

    @pytest.mark.parametrize(
        ("rate", "arrives"),
        [("1000", "1.5"), ("1k", "1.5"), ("8kbit", "1.5"), ("0.001M", "1.5"), ("1MB/s", "0.0015")],
    )
    def test_rates(self, rate: str, arrives: str, capsys: pytest.CaptureFixture[str]) -> None:
        name = script("""
            import asyncio
            async def main(net):
                ana, ben = net.host("ana"), net.host("ben")
                loop = asyncio.get_running_loop()
                with ana:
                    transport, _ = await loop.create_datagram_endpoint(
                        asyncio.DatagramProtocol, ("0.0.0.0", 0))
                transport.sendto(bytes(1472), (ben.address, 80))
                transport.close()
            """)
        assert main([name, "--latency", "0", "--bandwidth", rate, "--trace"]) == FINE
        last = capsys.readouterr().out.splitlines()[-1]
        assert last.split()[:2] == ["0.000000", f"{float(arrives):.6f}"], "1,500 bytes with the headers"


def test_what_is_looked_at_afterwards(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["watched.py", "--latency", "40ms", "--loss", "0.1", "--seed", "1", "--pcap", "out.pcapng",
                 "--trace", "4"]) in (FINE, FAILED)  # fmt: skip
    said, told = capsys.readouterr()
    lines = [line for line in said.splitlines() if "bought" not in line]
    assert lines[0].split() == ["sent", "arrives", "from", "to", "what", "bytes"]
    assert len(lines) == 5
    assert float(lines[1].split()[0]) > 0.1, "they are the last ones"
    packets = int(re.findall(r"(\d+) packets written to out.pcapng", told)[0])
    assert packets == int(re.findall(r"virtual seconds, (\d+) packets", told)[0])
    raw = (folder / "out.pcapng").read_bytes()
    assert len(frames(raw)) == packets
    rows = fields(raw, folder, "frame.interface_name", "tcp.dstport", "frame.comment")
    assert {row[0] for row in rows} == {"ana", "shop"}
    lost = re.findall(r"packets, (\d+) lost", told)
    assert sum(row[2] == "lost" for row in rows) == int(lost[0])


# As its users run it


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "p2plib.sim", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def test_in_a_process_of_its_own(folder: Path) -> None:
    (folder / "server.py").write_text(
        dedent(SHOP) + "\nif __name__ == '__main__':\n    asyncio.run(serve())\n"
    )
    (folder / "client.py").write_text(
        "import argparse, asyncio\nfrom shop import buy\n"
        "async def main():\n"
        "    parser = argparse.ArgumentParser()\n    parser.add_argument('--times')\n"
        "    await buy(parser.parse_args().times)\n"
        "if __name__ == '__main__':\n    asyncio.run(main())\n"
    )
    hosts = ["--host", "shop=server.py", "--host", "ana=client.py --times 2"]
    done = run(folder, *hosts, "--latency", "40ms", "--seed", "5", "--digest")
    assert done.returncode == FINE, done.stderr
    assert done.stdout.startswith("bought 2\ndigest ")
    assert re.fullmatch(r"seed 5: [\d.]+ virtual seconds, \d+ packets\n", done.stderr)
    again = run(folder, *hosts, "--latency", "40ms", "--seed", "5", "--digest")
    assert again.stdout == done.stdout
    assert not list(folder.glob("__pycache__/server*")), "a script leaves no bytecode behind"


def test_exit_codes(folder: Path) -> None:
    assert run(folder, "watched.py", "--latency", "0.2").returncode == FAILED
    assert run(folder, "nowhere.py").returncode == USAGE


def test_the_command_is_named_in_the_readme() -> None:
    assert "python -m p2plib.sim" in (ROOT / "README.md").read_text("utf8")
