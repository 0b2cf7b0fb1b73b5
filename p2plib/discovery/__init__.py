"""Discovery: given a key, find peers that are interested in it.

source  what every way of discovery does, and what it gives
"""
