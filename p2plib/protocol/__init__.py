"""Protocol: from a socket to a private, named, shared connection.

`stream` is what everything here runs over. `secure` makes a stream private and tells who is at its other end,
in one of two ways: libp2p's (`libp2p_noise`, on the Noise framework in `noise`) or Scuttlebutt's
(`secret_handshake`, then `box_stream`); each is a machine without input or output, which can also be driven by
hand.
"""
