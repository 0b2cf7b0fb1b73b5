"""QUIC as libp2p speaks it (`/quic-v1`): secured, and of many streams, over UDP; all of it in one handshake.

The wire is aioquic's, which the extra `quic` brings; what libp2p adds to it is here.
"""
