"""Machine: what every protocol without connections is built on.

machine     the interface of all machines, and the parts that they share
addresses   where datagrams go, and which peer is there
timers      named instants
requests    which responses are awaited, and for how long
fields      what messages are made of: numbers, ids, contacts, lists
datagram    messages as bytes: layouts, and the codec made from them
straight    the straight-line code that is made from a layout
saved       what a peer writes down about itself for its next life, as bytes
saved_peer  the same, for overlays that keep no values
retries     when to try again what has failed
doors       where a peer asks now and then, so as not to be left on an island
hearsay     takes out of a message what its sender may not name
peer        the driver: any machine on a UDP socket
member      what the drivers of overlays without values share
udp         the addresses that its socket takes and shows; a part of it
awaited     which call waits for which outcome of a machine; a part of drivers
"""
