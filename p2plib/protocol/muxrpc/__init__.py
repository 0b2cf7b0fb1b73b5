"""muxrpc: Scuttlebutt's calls and streams over one connection.

`frames` is the wire, `machine` the rules, `methods` what a side can be asked for, `driver` runs both over a
`Stream`, which is usually the box stream of `p2plib.protocol.secure`.
"""
