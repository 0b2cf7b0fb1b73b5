"""Serve the built handbook on this machine alone, and print its address.

    python tools/serve.py [--port 8000]

If the port is taken, the next free one of the ten after it is used.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import sys
from pathlib import Path

SITE = Path(__file__).resolve().parents[1] / "_build" / "html"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line per request."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a reader's terminal keeps the address in sight."""


def listen(first_port: int) -> http.server.ThreadingHTTPServer:
    """A server on the first free port from `first_port` on."""
    handler = functools.partial(Quiet, directory=str(SITE))
    for port in range(first_port, first_port + 10):
        try:
            return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError:
            continue
    sys.exit(
        f"Ports {first_port} to {first_port + 9} are all taken: choose another, as in make book PORT=9000."
    )


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    if not (SITE / "index.html").exists():
        sys.exit("There is no built book: run make book, or jupyter-book build . first.")
    with listen(arguments.port) as server:
        print(
            f"The handbook is at http://127.0.0.1:{server.server_address[1]}/  (Ctrl-C stops it)", flush=True
        )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
