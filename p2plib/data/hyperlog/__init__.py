"""hyperlog: a log of many writers, in which every entry links to those that its writer had seen.

The format and the replication of npm's `hyperlog` 4. `nodes` is what an entry is, `graph` the replica that
keeps them, `waiting` those that came before what they link to. `messages` is the wire, `machine` the exchange
between two replicas, `driver` runs it over a `Stream`. `kept` puts a replica into a store, and
`signed` makes its entries unforgeable.
"""
