"""Populations: the overlays of `p2plib.topology` as arrays, up to a million peers. Most of it needs numpy.

    chord, kademlia     path lengths and hops, all lookups together
    lookups             whole Kademlia lookups, among dead and hostile peers too
    churn               how long peers stay, and what that does to lookups
    ring_churn          a Chord ring whose peers come and go, event by event
    kademlia_churn      Kademlia's machines while peers come and go
    machines            hundreds of real machines in virtual time
    sweep               one simulation under many settings and seeds

No package of a role imports it; it stands beside them, as the simulated internet does.
"""
