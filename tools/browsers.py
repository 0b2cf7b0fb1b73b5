"""A browser without a window, led by playwright: `with launched("firefox") as browser`.

Both are what a distribution installs, and speak to this machine alone. Chromium is led as playwright always
leads it. Firefox is led over WebDriver BiDi, through tools/firefox_relay.py, which adds what it lacks.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# The programs of each, by the names that distributions give them.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FIREFOX = ("firefox-esr", "firefox")
RELAY = Path(__file__).resolve().with_name("firefox_relay.py")
# Nothing but the page: no graphics card, no first-run page, no calls home.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Firefox has a switch for each of its calls home, and new ones come. So it looks up no name of a host, and
# what does not go to this machine goes to a port of it where nobody listens.
NOWHERE: dict[str, str | float | bool] = {
    "network.dns.disabled": True,
    "network.proxy.type": 1,
    "network.proxy.allow_hijacking_localhost": False,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
}
START_MS = 120_000  # a browser starts in seconds; on a busy machine it may take a while


class NoBrowser(Exception):
    """Pages cannot be run here; the message is one sentence that says why."""


@contextmanager
def launched(name: str = "chromium") -> Iterator[Any]:
    """A browser without a window.

    Args:
        name: "chromium" or "firefox".

    Raises:
        NoBrowser: it is not installed, or playwright is not.
        KeyError: there is no browser of this name.
    """
    launch = {"chromium": _chromium, "firefox": _firefox}[name]
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NoBrowser("playwright is not installed, so no page is opened in a browser.") from None
    with sync_playwright() as player:
        browser = launch(player)
        try:
            yield browser
        finally:
            browser.close()


def _chromium(player: Any) -> Any:
    program = _installed("Chromium", "chromium", CHROMIUM)
    return player.chromium.launch(executable_path=program, args=QUIET, timeout=START_MS)


def _firefox(player: Any) -> Any:
    program = _installed("Firefox", "firefox-esr", FIREFOX)
    python = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return player.firefox.launch(
        channel="moz-firefox",
        executable_path=RELAY,
        env={**os.environ, "PATH": python, "HANDBOOK_FIREFOX": program},
        firefox_user_prefs=NOWHERE,
        timeout=START_MS,
    )


def _installed(title: str, package: str, names: tuple[str, ...]) -> str:
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        raise NoBrowser(f"{title} is not on this machine (Debian: apt-get install {package}).")
    return program
