"""Feeds: what logs of one author and graphs of many have in common, and how they get from peer to peer.

`interface` is what they share, `kinds` the three of this book behind it, `comparing` their differences as
measured. `shelf` keeps many authors' logs; `history` and `blobs` are Scuttlebutt's exchange of logs and of
blobs, both over `p2plib.protocol.muxrpc`.
"""
