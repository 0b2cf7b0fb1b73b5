"""Avahi, the multicast DNS of nearly every Linux desktop, in a private namespace with a bus of its own.

    with Namespace() as net, Avahi(net) as avahi:
        avahi.publish("theirs", "_p2pbook._tcp", 7777, "id=theirs")
        lines = avahi.browse("_p2pbook._tcp")

The daemon wants D-Bus, and a folder /run/avahi-daemon for its pid: it gets a bus on a socket in the
namespace's home, and a mount namespace in which that folder is its own. No other Avahi of the machine is
touched.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.interop.namespace import Namespace, close_pipes, end, shown

PROGRAMS = {
    "avahi-daemon": "avahi-daemon",
    "avahi-publish": "avahi-utils",
    "avahi-browse": "avahi-utils",
    "avahi-resolve": "avahi-utils",
    "dbus-daemon": "dbus",
}
READY_S = 60.0
ASK_S = 60.0

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"""

DAEMON = """[server]
host-name=avahi-here
use-ipv4=yes
use-ipv6=no
allow-interfaces=lo
ratelimit-burst=100000
[wide-area]
enable-wide-area=no
[publish]
publish-workstation=no
publish-hinfo=no
[rlimits]
"""

RUN = """
mkdir -p /run/avahi-daemon && mount -t tmpfs tmpfs /run/avahi-daemon || exit 1
exec avahi-daemon -f "$0" --no-drop-root --no-chroot --no-rlimits
"""


def why_no_avahi() -> str | None:
    """Say in one sentence why Avahi cannot run here; None when it can. For `peers.demand_peers`."""
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            return f"`{program}` (Debian: {package}), the other responder, is not installed"
    return None


class Avahi:
    """A daemon in an entered namespace, and its programs.

    Args:
        net: the namespace.
    """

    def __init__(self, net: Namespace) -> None:
        self.net = net
        self._cleanup = contextlib.ExitStack()
        self._errors: IO[bytes]

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            self._errors = undo.enter_context(tempfile.TemporaryFile())
            home = Path(self.net.home)
            socket = home / "bus"
            (home / "bus.conf").write_text(BUS.format(socket=socket))
            (home / "avahi.conf").write_text(DAEMON)
            self._bus = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={socket}"}
            self._start(undo, "dbus-daemon", f"--config-file={home / 'bus.conf'}", "--nofork")
            self._until(socket.exists, "the bus did not come up")
            self._start(undo, "unshare", "--mount", "sh", "-c", RUN, str(home / "avahi.conf"))
            self._until(self._answers, "the daemon did not come up")
            self._cleanup = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def publish(self, label: str, kind: str, port: int, txt: str) -> None:
        """Offers a service until the end."""
        self._start(self._cleanup, "avahi-publish", "-s", label, kind, str(port), txt)

    def browse(self, kind: str) -> list[list[str]]:
        """The services of a kind that are resolved, a list of fields each: name, type, host, address, …"""
        lines = self._ask("avahi-browse", "-rpt", kind).splitlines()
        return [line.split(";") for line in lines if line.startswith("=")]

    def resolve(self, host: str) -> str:
        """The address of a host, or an empty text."""
        return self._ask("avahi-resolve", "-4n", host).partition("\t")[2].strip()

    def _answers(self) -> bool:
        return self._ask("avahi-resolve", "-4n", "avahi-here.local").strip().endswith("127.0.0.1")

    def _start(self, undo: contextlib.ExitStack, *command: str) -> None:
        process = self.net.start(*command, stderr=self._errors, environment=self._bus)
        undo.callback(_stop, process)

    def _ask(self, *command: str) -> str:
        process = self.net.start(*command, stderr=self._errors, environment=self._bus)
        try:
            output, _ = process.communicate(timeout=ASK_S)
            return output.decode()
        except subprocess.TimeoutExpired:
            return ""
        finally:
            _stop(process)

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + READY_S
        while not holds():
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what}{shown(self._errors)}")
            time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    end(process)
    close_pipes(process)
