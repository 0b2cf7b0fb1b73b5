"""Signed hyperlogs: entries that only the owner of a log can have made.

npm's `hyperlog` leaves signing to two functions of the application. This is ours: the name of a log is the
Scuttlebutt id of its writer's key, and the writer signs which node is which number of the log::

    identity    the public key, 32 bytes
    signature   Ed25519 over "hyperlog entry" ‖ "\\n" ‖ log ‖ "\\n" ‖ seq ‖ "\\n" ‖ key, as text

With it nobody can put entries into another writer's log, and a writer that signs two nodes for one number has
signed the proof against itself: `Forked` carries both.
"""

from __future__ import annotations

from dataclasses import replace

from p2plib.data.hyperlog.graph import Hyperlog
from p2plib.data.hyperlog.nodes import HyperlogNode
from p2plib.errors import RemoteError, SignatureError
from p2plib.identity import ids
from p2plib.identity.keys import PublicKey, SecretKey


def signed_bytes(node: HyperlogNode) -> bytes:
    """What the writer of an entry signs."""
    return f"hyperlog entry\n{node.log}\n{node.seq}\n{node.key}".encode()


def signed_hyperlog(secret: SecretKey) -> Hyperlog:
    """An empty replica whose own log is that of a key, and which takes signed entries alone."""

    def sign(node: HyperlogNode) -> HyperlogNode:
        return replace(node, identity=secret.public.raw, signature=secret.sign_raw(signed_bytes(node)))

    return Hyperlog(ids.ssb_feed_id(secret.public), sign=sign, verify=verify)


def verify(node: HyperlogNode) -> None:
    """Returns if the owner of the log has signed that this node is its number `seq`.

    Raises:
        SignatureError: it has not, or nobody can tell.
    """
    if node.identity is None or node.signature is None:
        raise SignatureError(f"number {node.seq} of log {node.log!r} is not signed")
    try:
        key = PublicKey(node.identity)
    except (RemoteError, ValueError) as error:
        raise SignatureError(f"the identity in an entry is no key: {error}") from None
    if ids.ssb_feed_id(key) != node.log:
        raise SignatureError(f"an entry of log {node.log!r} is signed by {ids.ssb_feed_id(key)}")
    key.verify_raw(signed_bytes(node), node.signature)
