"""Populations: the overlays of `p2plib.topology` as arrays, up to a million peers. With numpy, in most of it.

    chord, kademlia     path lengths and hops, all lookups together
    lookups             whole Kademlia lookups, with the dead and the hostile
    churn               how long peers stay, and what that does to lookups
    ring_churn          a Chord ring whose peers come and go, event by event
    kademlia_churn      Kademlia's machines while peers come and go
    machines            hundreds of real machines on a heap of virtual time
    sweep               one simulation with many settings and seeds

Nothing in the roles imports it; it stands beside them, as the simulated internet does.
"""
