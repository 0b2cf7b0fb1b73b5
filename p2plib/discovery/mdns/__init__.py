"""Multicast DNS: find peers on the same link by asking everybody there at once (RFC 6762, RFC 6763).

names          domain names, and their compression on the wire
records        resource records: A, AAAA, PTR, SRV, TXT, NSEC and what else a packet may carry
rdata          the bytes of their data
packets        whole packets of DNS, for multicast and for servers; `dissect` for drawings
packing        records into as few datagrams as they need
claims         owning a name: probing, tie-break, announcing, conflicts
replies        which answers go when, and what makes them unnecessary
answering      which records a question gets, and who is told
questions      what is asked, and how seldom
cache          what others have said, for as long as it holds
echoes         telling our own datagrams from those of others
manners        what keeps a link quiet, each with a switch
events         what happens to a host
links          which addresses are on a link
machine        one host's part in all that, without a socket
driver         a machine on a socket that is in a multicast group
service        services on a link (DNS-SD)
responder      for a program: offer a service, watch for those of others
source         peers for a topic, as a `Source`
libp2p         libp2p's peers on a link
dns_discovery  the dialect of npm's discovery-channel; `dns_discovery_source` makes a `Source` of it
command        `python -m p2plib.discovery mdns`
"""
