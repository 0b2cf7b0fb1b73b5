"""Swarm topology: which peer keeps a link to which, and what that costs.

Protocols, a package each with its messages (a codec), its machine (the rules, without I/O) and, where calls
can be awaited, a driver::

    mesh            everybody with everybody, up to a cap
    ring            each with the next, and with some after that in case it dies; and Chord, a ring with
                    fingers: half of log2 N steps to any key
    kademlia        buckets by XOR distance, lookups that ask several peers at once
    hyparview       no structure at all, and yet connected
    random_walk     a peer picked evenly from a graph that nobody sees whole

They are built on `p2plib.machine`, whose `Peer` drives any of them on a UDP socket. `graph` measures an
overlay and needs numpy, which the extra `topology` brings; the protocols do not. Whole populations as arrays,
up to a million peers, are in `p2plib.population`.
"""
