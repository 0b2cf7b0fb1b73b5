"""DNS: find peers under a name that anybody can ask for, and keep the name up to date.

deck         who comes next, when an answer has room for a few of many
zone         what a name server knows, and what it says when asked
limits       how much it may send to an address that has proved nothing
edns         how large a datagram may be, and for how long an update is good
tsig         signed packets
updates      how a zone is changed over the network
machine      what a name server says to a packet
server       the driver: a name server on UDP and TCP
asking       one question to a name server, and its answer; a part of drivers
calls        what is under way for the owner of a thing; a part of drivers
cache        answers that may be used again for a while
resolver     the driver: asks name servers, and believes no more than it must
forwarder    the driver: a resolver for others, as a provider has one
dnsaddr      whole multiaddrs behind a name
updating     a signed change, and its signed answer; a part of drivers
wanted       which records a zone should have
publisher    the driver: keeps the zone of a real name server, such as BIND, as it should be
source       the driver: peers for a topic
command      the command line

The packets themselves are those of `p2plib.discovery.mdns.packets`.
"""
