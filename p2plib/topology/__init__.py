"""Swarm topology: who keeps a line to whom, and what that costs.

Protocols (each a codec of messages and a machine without I/O)::

    mesh            everybody with everybody, up to a cap
    ring            each with the next, and with some after the next in case it dies
    chord           a ring with fingers: half of log2 N steps to any key
    kademlia        buckets by XOR distance, lookups that ask several peers at once
    hyparview       no structure at all, and connected nevertheless
    random_walk     a peer picked evenly from a graph that nobody sees whole

On UDP sockets: `peer` drives any of them, `ring_peer` and `kademlia_peer` with calls that one can await.

What they stand on: `machine` (the interface), `datagram` (bytes), `requests` (answers and time-outs),
`routing_table`, `lookup`, `values` and `density` (parts of Kademlia).

Whole populations as arrays, up to a million peers: `population_chord`, `population_kademlia` (hops),
`population_lookups` (whole lookups, with the dead and the hostile) and `population_churn`, run over many
settings by `sweep`; and `graph`, which measures any overlay. These need numpy, which the extra `topology`
brings; the protocols do not.

Populations whose peers come and go: `population_ring_churn` (a ring, event by event) and
`population_kademlia_churn` (Kademlia's machines on the virtual time of `population_machines`).
"""
