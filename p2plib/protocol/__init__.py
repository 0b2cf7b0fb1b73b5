"""Protocol: from a socket to a private, named, shared connection.

`stream` is what everything here runs over, in memory or over `tcp`; `conformance` checks one. `framing` says
where messages end, and `multistream` agrees on what is spoken. `secure` makes a stream private and tells who
is at its other end, in one of two ways: libp2p's (`noise.libp2p`, on the Noise framework in `noise`) or
Scuttlebutt's (`scuttlebutt`: a secret handshake, then a box stream). `yamux` makes many streams of one.
`connection` puts all of it together, and `node` has many: it reaches `endpoints` through `transports`,
trying several if need be (`dialling`); `gater`, `peer_score` and `admission` say which strangers come in, and
`keep_alive` when a connection has been silent for too long. `ping` and `identify` are libp2p's first
questions, and `rpc` is ours.

Each has its rules in a machine without input or output, which can also be driven by hand.
"""
