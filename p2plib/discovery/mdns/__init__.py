"""Multicast DNS: find peers on the same link by asking everybody there at once (RFC 6762, RFC 6763).

names          domain names, and their compression on the wire
records        resource records: A, AAAA, PTR, SRV, TXT, NSEC and what else a packet may carry
packets        whole packets of DNS, for multicast and for servers; `dissect` for drawings
"""
