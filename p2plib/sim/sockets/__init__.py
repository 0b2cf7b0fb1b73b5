"""Sockets: what the loop's network calls find underneath, by UDP and by name."""
