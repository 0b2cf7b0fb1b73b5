"""Kernels that talk over sockets in the file system, so that many can start at the same time.

The TCP ports of a kernel are chosen, let go, and taken again by the kernel; where others start meanwhile, one
may find its port gone and dies before its first reply. Windows has no such sockets: there all is as before.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager, KernelManager
from traitlets import HasTraits, default


class _OverFiles(HasTraits):
    @default("transport")
    def _ipc(self) -> str:
        return "ipc" if os.name == "posix" else "tcp"

    @default("connection_file")
    def _own_file(self) -> str:  # the sockets get names that begin like this one's
        return str(Path(tempfile.gettempdir()) / f"handbook-{uuid.uuid4().hex[:16]}.json")


class OverFiles(_OverFiles, KernelManager):
    """For programs that wait for their kernels."""


class AsyncOverFiles(_OverFiles, AsyncKernelManager):
    """For programs that await them."""
