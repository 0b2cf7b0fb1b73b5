"""Run a notebook's cells in a fresh kernel, and keep of their outputs what is the same on every run.

The kernel is this very interpreter, whatever kernels the machine knows by name; it starts in the notebook's
folder (as nbval does), imports the library of this checkout, knows nothing of the user's IPython profile,
and keeps a lab's functions in a folder of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

SECONDS_PER_CELL = 120
WIDGET = "application/vnd.jupyter.widget-view+json"
TAG_STDERR = "allow-stderr"


class CellFailed(Exception):
    """A cell raised, took too long, or wrote what a notebook must not keep.

    Args:
        number: which code cell, counted from 1.
        cell: the cell.
        why: one sentence.
    """

    def __init__(self, number: int, cell: Any, why: str) -> None:
        self.number, self.cell, self.why = number, cell, why
        super().__init__(f"code cell {number}: {why}")


class _ThisInterpreter(KernelSpecManager):
    """Knows one kernel: the interpreter that runs this tool."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


def run(notebook: Any, folder: Path, library: Path, done: Callable[[], object] = lambda: None) -> None:
    """Run all cells; their outputs are written into the notebook. Threads may do this at the same time.

    Args:
        notebook: the notebook, changed in place.
        folder: the directory that the cells run in.
        library: the checkout's root, first on the kernel's import path.
        done: called after each code cell.

    Raises:
        CellFailed: a cell did what it must not.
    """
    folder.mkdir(parents=True, exist_ok=True)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    running = [0]

    def started(cell: Any, cell_index: int) -> None:
        running[0] = sum(c.cell_type == "code" for c in notebook.cells[: cell_index + 1])

    def finished(cell: Any, cell_index: int, execute_reply: Any = None) -> None:
        if cell.cell_type == "code":
            done()

    with tempfile.TemporaryDirectory(prefix="handbook-") as scratch:
        manager = AsyncKernelManager(
            kernel_name="python3",
            kernel_spec_manager=_ThisInterpreter(),
            # Over TCP two kernels that start together may draw the same ports; these files are of one kernel.
            transport="tcp" if sys.platform == "win32" else "ipc",
            connection_file=str(Path(scratch) / "kernel.json"),
        )
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=SECONDS_PER_CELL,
            record_timing=False,
            resources={"metadata": {"path": str(folder)}},
            on_cell_execute=started,
            on_cell_executed=finished,
        )
        try:
            with open(Path(scratch) / "kernel.log", "w+", encoding="utf-8") as log:
                asyncio.run(client.async_execute(env=_environment(library, Path(scratch)), stderr=log))
        except CellExecutionError as error:
            raise CellFailed(running[0], code[running[0] - 1], f"{error.ename}: {error.evalue}") from None
        except CellTimeoutError:
            why = f"still running after {SECONDS_PER_CELL} s"
            raise CellFailed(running[0], code[running[0] - 1], why) from None
        except RuntimeError as error:
            if not running[0]:  # it died, or was silent for a minute, before any cell could begin
                atexit.unregister(client._cleanup_kernel)  # done already, and at the exit it would fail
                raise CellFailed(1, code[0], f"the kernel did not start: {error}") from None
            if not isinstance(error, DeadKernelError):
                raise
            log_lines = (Path(scratch) / "kernel.log").read_text("utf-8", "replace").split("\n")
            said = [line for line in log_lines if line.strip() and "[IPKernelApp]" not in line]
            why = "; ".join(["the kernel died", *(f"it last said: {line}" for line in said[-1:])])
            raise CellFailed(running[0], code[running[0] - 1], why) from None
    for number, cell in enumerate(code, 1):
        settle(number, cell)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)


def _environment(library: Path, scratch: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NBGRADER_EXECUTION", "PYTHONHASHSEED")
    }
    path = [str(library), *filter(None, [kept.get("PYTHONPATH")])]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(path),
        "P2PLIB_LABS_HOME": str(scratch / "my_peer"),
        "IPYTHONDIR": str(scratch / "ipython"),
    }


def settle(number: int, cell: Any) -> None:
    """Bring one executed cell into its lasting form.

    A kernel may send one stream in pieces, as the clock falls, so pieces are joined; a traceback holds
    paths and colours, so its last line is kept; cells are counted as they stand.

    Raises:
        CellFailed: it wrote to stderr without the tag for that, or showed a widget.
    """
    cell["execution_count"] = number
    settled: list[Any] = []
    for output in cell.outputs:
        if output.output_type == "stream":
            if output.name == "stderr" and TAG_STDERR not in cell.metadata.get("tags", []):
                raise CellFailed(number, cell, f"it wrote to stderr: {output.text.strip()}")
            earlier = next((o for o in settled if o.output_type == "stream" and o.name == output.name), None)
            if earlier is not None:
                earlier["text"] += output.text
                continue
        elif output.output_type == "error":
            output["traceback"] = [f"{output.ename}: {output.evalue}"]
        else:
            if WIDGET in output.data:
                raise CellFailed(number, cell, "it shows a widget, which no page can")
            if "execution_count" in output:
                output["execution_count"] = number
        settled.append(output)
    cell["outputs"] = settled


if sys.platform == "win32":  # zmq needs the loop that Windows does not start by default
    asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
