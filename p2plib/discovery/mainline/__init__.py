"""Mainline: the DHT that BitTorrent clients have run since 2005, as a client and as a node of it."""
