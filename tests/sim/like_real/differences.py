"""What remains different between a real Linux and the simulated internet, and why."""

from __future__ import annotations

# The case's name -> what the simulator does instead, and why.
DIFFERENCES: dict[str, str] = {}
