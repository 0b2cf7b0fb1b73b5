"""`python -m p2plib.sim script.py`: see `p2plib.sim.command`."""

import sys

from p2plib.sim.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
