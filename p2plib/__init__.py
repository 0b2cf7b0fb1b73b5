"""p2plib: the library behind the Peer-to-Peer Handbook, written to be read.

One package per role of a peer-to-peer system, and what they write on::

    p2plib.errors       everything that is raised on purpose, in one tree
    p2plib.wire         formats: varint, multibase, multihash, CID, multiaddr, protobuf, canonical JSON
    p2plib.identity     keys, ids, key files, names, sealed messages
    p2plib.machine      what every protocol without a connection stands on
    p2plib.protocol     streams, secure channels, multiplexing
    p2plib.topology     which peer keeps a link to which: mesh, ring, Chord, Kademlia, unstructured overlays
    p2plib.discovery    bootstrap lists, DNS, multicast, trackers, signals, a DHT, and all of them as one
    p2plib.data         logs and stores that an unreliable network and untrusted peers cannot spoil

Beside them, `p2plib.sim` is a simulated internet in which all of it runs, `p2plib.population` has the
overlays as arrays, up to a million peers, `p2plib.figures` draws for the notebooks, and `p2plib.labs` checks
a learner's answers. Nothing is imported here, and nothing runs at import: take the module that you need.
"""
