"""A hyperlog in a store: each entry is written down before it goes in, and read again at the next start.

The store is any `p2plib.data.stores.interfaces.OrderedStore`; several hyperlogs may share one under different
names. The graph itself is held in memory. Keys and values::

    "hyperlog/" ‖ name ‖ "/" ‖ number (8 bytes)    the node message of the wire, in the order of going in
"""

from __future__ import annotations

from p2plib.data.hyperlog import messages
from p2plib.data.hyperlog.graph import Hyperlog, LogEntry, Sign, Verify
from p2plib.data.hyperlog.messages import HyperlogSend
from p2plib.data.stores.interfaces import OrderedStore, Put
from p2plib.errors import DecodeError, RemoteError, StoreCorrupt, UsageError


def open_hyperlog(
    store: OrderedStore,
    log: str,
    *,
    name: str = "graph",
    sign: Sign | None = None,
    verify: Verify | None = None,
    durable: bool = True,
) -> Hyperlog:
    """The replica that a store holds, empty if it holds none. What goes in is written to the store first.

    Args:
        store: where it is kept; it stays open as long as the replica is used.
        log: the name of our own log.
        name: of the replica within the store.
        sign: as for `Hyperlog`.
        verify: as for `Hyperlog`; what is read from the store passes it, too.
        durable: whether each entry has to survive a power failure before it counts.

    Raises:
        StoreCorrupt: what is there is not what was written.
    """
    prefix = b"hyperlog/" + name.encode() + b"/"
    graph = Hyperlog(log, sign=sign, verify=verify)
    count = 0
    for key, raw in store.scan(prefix, prefix + b"\xff" * 9):
        try:
            message = messages.decode(raw)
            if not isinstance(message, HyperlogSend) or key != prefix + count.to_bytes(8, "big"):
                raise DecodeError("not the next node")
            graph.insert(message.node)
        except (RemoteError, UsageError) as error:
            raise StoreCorrupt(f"entry {count} of the hyperlog {name!r}: {error}", "the store") from None
        count += 1

    def keep(entry: LogEntry) -> None:
        nonlocal count
        raw = messages.encode(HyperlogSend(entry.node, entry.change))
        store.write((Put(prefix + count.to_bytes(8, "big"), raw),), durable=durable)
        count += 1

    graph.keep = keep
    return graph
