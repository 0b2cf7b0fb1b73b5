"""QUIC as libp2p speaks it (`/quic-v1`): secured, and of many streams, over UDP; all of it in one handshake.

The wire is aioquic's, which the extra `quic` brings; what libp2p adds to it is here. A `Node` speaks it at
addresses for it, and then everything is as it is over TCP::

    address = await node.listen("/ip4/127.0.0.1/udp/0/quic-v1")     # .../udp/41234/quic-v1/p2p/12D3Koo...

Programs without a node find listeners and connections in `sockets`.
"""
