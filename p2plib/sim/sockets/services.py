"""Names of services, as a machine has them in /etc/services: a table of the usual ones.

Vocabulary: a *service* is a port with a name, of TCP, of UDP, or of both.
"""

from __future__ import annotations

BOTH, TCP, UDP = ("tcp", "udp"), ("tcp",), ("udp",)

# The names that Debian and IANA agree on and programs use, with their ports and transports.
SERVICES: dict[str, tuple[int, tuple[str, ...]]] = {
    "echo": (7, BOTH),
    "discard": (9, BOTH),
    "daytime": (13, TCP),
    "ftp-data": (20, TCP),
    "ftp": (21, TCP),
    "ssh": (22, TCP),
    "telnet": (23, TCP),
    "smtp": (25, TCP),
    "time": (37, BOTH),
    "whois": (43, TCP),
    "domain": (53, BOTH),
    "bootps": (67, UDP),
    "bootpc": (68, UDP),
    "tftp": (69, UDP),
    "gopher": (70, TCP),
    "finger": (79, TCP),
    "http": (80, TCP),
    "kerberos": (88, BOTH),
    "pop3": (110, TCP),
    "sunrpc": (111, BOTH),
    "nntp": (119, TCP),
    "ntp": (123, UDP),
    "imap2": (143, TCP),
    "snmp": (161, BOTH),
    "snmp-trap": (162, BOTH),
    "bgp": (179, TCP),
    "irc": (194, BOTH),
    "ldap": (389, BOTH),
    "https": (443, BOTH),
    "submissions": (465, TCP),
    "syslog": (514, UDP),
    "submission": (587, TCP),
    "ipp": (631, TCP),
    "ldaps": (636, BOTH),
    "domain-s": (853, BOTH),
    "rsync": (873, TCP),
    "ftps": (990, TCP),
    "imaps": (993, TCP),
    "pop3s": (995, TCP),
    "socks": (1080, TCP),
    "openvpn": (1194, BOTH),
    "mysql": (3306, TCP),
    "rdp": (3389, TCP),
    "stun": (3478, BOTH),
    "svn": (3690, TCP),
    "epmd": (4369, TCP),
    "sip": (5060, BOTH),
    "sip-tls": (5061, BOTH),
    "xmpp-client": (5222, TCP),
    "xmpp-server": (5269, TCP),
    "stuns": (5349, BOTH),
    "mdns": (5353, UDP),
    "postgresql": (5432, TCP),
    "amqps": (5671, TCP),
    "amqp": (5672, BOTH),
    "coap": (5683, UDP),
    "coaps": (5684, UDP),
    "redis": (6379, TCP),
    "http-alt": (8080, BOTH),
    "git": (9418, TCP),
}
ALIASES = {"www": "http", "mail": "smtp", "imap": "imap2", "ssmtp": "submissions"}


def port_of(name: str, transport: str) -> int | None:
    """Return the port of a service over "tcp" or "udp"; None if there is no such service."""
    port, transports = SERVICES.get(ALIASES.get(name, name), (None, ()))
    return port if transport in transports else None


def service_at(port: int, transport: str) -> str | None:
    """Return the name of the service at a port; None if it has no name."""
    return _BY_PORT.get((port, transport))


_BY_PORT = {(port, each): name for name, (port, transports) in SERVICES.items() for each in transports}
