"""`python -m p2plib.discovery PART`: see `p2plib.discovery.commands`."""

import sys

from p2plib.discovery.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
