"""Trackers: one server that is told who has what, and tells everybody who asks.

announce        what a peer says to a tracker, and what it hears; values
compact         peers in 6 or 18 bytes
swarms          who is in which swarm, with expiry and bounds
pace            how often one host may ask
http_messages   the query and the bencoded response of BEP 3, 7, 23 and 48
udp_messages    the packets of BEP 15
connection_ids  how a UDP tracker knows that an asker is where it says it is
udp_server      the rules of a UDP tracker; a machine
udp_client      the rules of asking one; a machine
offers          the JSON of WebTorrent's trackers
offer_relay     the rules of such a tracker: it carries offers and answers between peers; a machine
http_server     HTTP and WebSocket on one port; a driver
offer_client    a peer of a WebSocket tracker; a driver
server          all of a tracker, under one roof; a driver
client          asking a tracker, by its URL; a driver
tiers           several trackers at once, in the order of BEP 12
source          trackers as a source of peers
command         python -m p2plib.discovery tracker
"""
