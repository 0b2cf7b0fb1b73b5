"""The simulated internet needs nothing but Python: no package beside p2plib, not even PyNaCl."""

from __future__ import annotations

import subprocess
import sys
import tomllib

from tests.conftest import ROOT

ALONE = """
import importlib, pkgutil, sys

class OnlyPython:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in {"p2plib"} | sys.stdlib_module_names:
            raise ModuleNotFoundError(f"{name} is not there", name=name)

sys.meta_path.insert(0, OnlyPython())
import p2plib.sim
count = 1
for module in pkgutil.walk_packages(p2plib.sim.__path__, "p2plib.sim."):
    importlib.import_module(module.name)
    count += 1

async def main(net):
    async def answer(reader, writer):
        writer.write((await reader.read(5)).upper())
        writer.close()

    async def ask():
        reader, writer = await asyncio.open_connection("server", 80)
        writer.write(b"hello")
        print(count, await reader.read())
        writer.close()
        await writer.wait_closed()

    import asyncio
    with net.host("server"):
        server = await asyncio.start_server(answer, "0.0.0.0", 80)
    await net.host("ana").run(ask())
    server.close()

p2plib.sim.Internet(1).run(main)
others = {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names
others |= {name for name in sys.modules if name.startswith("p2plib.")}
rest = [name for name in others if not name.startswith(("_", "p2plib.sim", "p2plib.errors"))]
print(sorted(rest))
"""


def test_it_imports_and_runs_with_the_standard_library_alone() -> None:
    """-I: nothing of the environment; the packages installed are there, and refused."""
    program = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{ALONE}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    ran, loaded = done.stdout.splitlines()
    count, answer = ran.split()
    assert int(count) > 30
    assert answer == "b'HELLO'"
    assert loaded == "['p2plib']", "besides Python's own"


def test_the_extra_asks_for_no_package() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]["optional-dependencies"]
    assert extras["sim"] == []
