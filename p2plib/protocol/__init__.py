"""Protocol: from a socket to a private, named, shared connection.

`noise` agrees on keys by the Noise framework, `libp2p_noise` is libp2p's use of it; `secret_handshake` and
`box_stream` are Scuttlebutt's; each is a machine without input or output, and `secure` of `secure_noise` and
`secure_shs` runs one over any stream.
"""
