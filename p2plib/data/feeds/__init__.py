"""Feeds: what the three kinds of log have in common, and how Scuttlebutt passes them on."""
