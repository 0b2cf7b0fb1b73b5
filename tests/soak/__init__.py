"""Soak tests: random closes, resets, cancels and restarts, as long as there is time; see `__main__`."""
