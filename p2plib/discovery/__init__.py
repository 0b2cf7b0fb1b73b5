"""Discovery: given a key, find peers that are interested in it.

Each way to find peers is a room of its own, and they all have one shape::

    source        what every way of discovery does, and what it gives
    conformance   the checks that each of them passes, over a world of `worlds`

    bootstrap     a list of peers that came with the program, and seeds that name others
    dns           a zone whose name server deals out the peers of a swarm
    mdns          everybody on the same link, by multicast
    tracker       servers that know swarms, over HTTP, UDP and WebSocket
    signal        hubs that pass on what peers say to each other, signed
    mainline      the DHT of BitTorrent

    one_channel   all of them as one stream: `merging` takes turns, `kept` tries again
    peerstore     what is remembered; `peerstore_file` on disk, `stored` as one more source
    commands      `python -m p2plib.discovery`, with `doctor`: who found whom, and why others failed
"""
