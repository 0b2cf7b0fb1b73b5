"""Machine: what every protocol without a connection stands on.

machine     the interface of all machines, and the half that they share
addresses   where datagrams go, and which peer is there
timers      instants with names
requests    whose response is awaited, and for how long
fields      what messages are made of: numbers, ids, contacts, lists
datagram    messages as bytes: layouts, and the codec made of them
straight    the straight code that is made of a layout
peer        the driver: any machine on a UDP socket
awaited     who waits for which outcome of a machine: a part of drivers
"""
