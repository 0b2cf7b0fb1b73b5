"""`python -m p2plib.discovery PART`: see `p2plib.discovery.commands`."""

import io
import sys

from p2plib.discovery.commands import main

for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):  # what a terminal cannot show is no reason to stop
        stream.reconfigure(errors="backslashreplace")

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
