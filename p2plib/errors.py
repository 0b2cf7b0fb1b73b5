"""Everything that p2plib raises, in one tree::

    P2PError
    ├── LocalError                 you, the caller, did something wrong
    │   ├── UsageError             an argument has the wrong type, size or value (also a ValueError)
    │   ├── CannotListen           this machine does not let us listen at that address
    │   ├── NotAllowed             our own connection gater refuses that peer
    │   ├── KeyExhausted           a key has encrypted as many messages as it safely can
    │   ├── StoreError             a store on disk cannot be used as it is
    │   │   ├── StoreLocked        another process has it open
    │   │   ├── StoreCorrupt       bytes on disk are not what was written: `path` and `offset` say where
    │   │   └── StoreFull          the disk is full or refuses to be written; what was acknowledged is safe
    │   ├── WouldFork              appending would give our own log two entries with one sequence number
    │   ├── KeyFileError           a key file cannot be used as it is
    │   │   ├── KeyFileMissing     there is none (also a FileNotFoundError)
    │   │   ├── KeyFileExists      something is there already and would be lost
    │   │   ├── KeyFileCorrupt     the bytes are not what this version wrote
    │   │   ├── KeyFilePermissions somebody else may read or write it
    │   │   └── WrongPassphrase    the file is whole, the passphrase does not open it
    │   └── SimulationError        a program in the simulated internet did what it must not
    │       ├── Deadlock           everybody waits and nothing is under way
    │       ├── TimeLimit          the run went on past the time or the number of events it was given
    │       │   └── Livelock       it did so without a step of the clock
    │       ├── Leak               tasks, timers or sockets were left, or a handler raised
    │       └── Unsupported        the simulated internet cannot do this (also a NotImplementedError)
    ├── RemoteError                the other peer sent something wrong
    │   ├── DecodeError            what a specification forbids: `rule` and `offset` say why and where
    │   ├── SignatureError         a signature that our rule does not accept: `rule` says which part of it
    │   ├── WeakKey                a key that gives no secrecy or no unforgeability (small order)
    │   ├── WrongPeer              somebody answered, with another key than the one we were promised
    │   ├── InvalidEntry           an entry of a log breaks its format's rules: `reason` says which
    │   ├── WrongContent           bytes that are not those that their hash, or their size, promised
    │   ├── InvalidProof           a Merkle proof does not lead from what it proves to the root
    │   ├── Forked                 an author signed two entries with one sequence number: `proof` shows both
    │   ├── NotForUs               a sealed message that none of our keys opens
    │   ├── HandshakeFailed        no secure channel: changed, cut, replayed, or meant for another key
    │   ├── Tampered               what came over a secure channel is not what its peer sent, or not in order
    │   ├── CallFailed             the peer answered a call with an error: `code` says of which kind
    │   ├── NoCommonProtocol       the peer speaks none of the protocols that we proposed
    │   ├── JoinRefused            a network did not let us in: it is full, or our id is taken
    │   ├── RequestRefused         somebody whom we asked for something refused it: with their `code`, if any
    │   └── Truncated              a stream ended before its peer had said that it was over
    ├── Refusal                    a handler of ours refuses a call: its caller gets CallFailed
    ├── PeerTimeout                nobody answered in time
    ├── Unreachable                there is no connection to an address: refused, or no way there
    ├── OverBudget             a walk through linked blocks would need more than it may
    ├── NotFound                   it was looked for everywhere where it could be, and nobody has it
    └── Closed                     the connection, or the thing itself, was closed
        ├── HostDown               a simulated host has crashed or been switched off
        ├── EndOfStream            the other side said that nothing follows, and we waited for something
        └── StreamReset            the other side broke the stream off, or the connection under it broke

Which branch an error is on says whose fault it is (h11's idea): a program that talks to strangers catches
`RemoteError` around what they sent, drops them, and goes on; a `LocalError` is a bug of its own and should be
seen. No function of the library returns None or False for "it went wrong".
"""

from __future__ import annotations


class P2PError(Exception):
    """The root: catch this to catch everything that p2plib raises on purpose."""


class LocalError(P2PError):
    """The local caller broke a rule of this library."""


class UsageError(LocalError, ValueError):
    """An argument has the wrong type, size or value; the sentence names the rule."""


class CannotListen(LocalError):
    """This machine does not let us listen at an address: in use, not ours, or not allowed."""


class NotAllowed(LocalError):
    """Our own connection gater refuses an address or a peer; the sentence says which."""


class KeyExhausted(LocalError):
    """A key has encrypted as many messages as it safely can: agree on a new one."""


class KeyFileError(LocalError):
    """A key file cannot be used as it is; the sentence names the path and what to do."""


class KeyFileMissing(KeyFileError, FileNotFoundError):
    """There is no key file at this path: the one case in which making a new key loses nothing."""


class KeyFileExists(KeyFileError):
    """A key file is there already, and writing would lose it."""


class KeyFileCorrupt(KeyFileError):
    """A key file is truncated, changed, or of a version that this library does not know."""


class KeyFilePermissions(KeyFileError):
    """A key file can be read or written by somebody who is not its owner."""


class WrongPassphrase(KeyFileError):
    """A key file is whole, but this passphrase does not open it."""


class StoreError(LocalError):
    """A store on disk cannot be used as it is; the sentence names the path and what to do."""


class StoreLocked(StoreError):
    """Another process, or another object of this one, has the store open."""


class StoreCorrupt(StoreError):
    """Bytes on disk are not what was written there.

    Args:
        sentence: what is wrong.
        path: the file.
        offset: where in it, in bytes; None where no single place is at fault.
    """

    def __init__(self, sentence: str, path: str, offset: int | None = None) -> None:
        self.path = path
        self.offset = offset
        where = path if offset is None else f"{path}, at offset {offset}"
        super().__init__(f"{sentence} ({where})")


class StoreFull(StoreError):
    """The disk has no room left, or refuses to be written. Whatever was acknowledged before is safe."""


class WouldFork(LocalError):
    """To append would give our own log two entries with one sequence number; the sentence says what to do."""


class SimulationError(LocalError):
    """A program in the simulated internet did what it must not; the sentence says where."""


class Deadlock(SimulationError):
    """Everybody waits, and no packet and no timer is under way that could wake anybody."""


class TimeLimit(SimulationError):
    """A run went on past the virtual time, or the number of events, that it was given."""


class Livelock(TimeLimit):
    """A million events happened in a run without a step of the clock: something loops endlessly."""


class Leak(SimulationError):
    """At its end a run had tasks, timers or sockets left, or one of its handlers had raised."""


class Unsupported(SimulationError, NotImplementedError):
    """The simulated internet cannot do this; the sentence says what to do instead."""


class RemoteError(P2PError):
    """What another peer sent breaks a rule of its protocol."""


class DecodeError(RemoteError, ValueError):
    """Bytes or text that the specification forbids.

    Args:
        rule: one sentence that names the rule, with the value that broke it.
        offset: where in the input, in bytes (in characters for text); None where no single place is at fault.
    """

    def __init__(self, rule: str, offset: int | None = None) -> None:
        self.rule = rule
        self.offset = offset
        super().__init__(rule if offset is None else f"{rule} (at offset {offset})")


class SignatureError(RemoteError):
    """A signature that the rule in `p2plib.identity.keys` does not accept.

    Args:
        rule: which part of the rule it breaks, as a sentence.
    """

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(rule)


class WeakKey(RemoteError):
    """A public key of small order: whatever is agreed on or signed with it protects nothing."""


class WrongPeer(RemoteError):
    """Somebody answered, with another key than the one we were promised."""


class InvalidEntry(RemoteError):
    """An entry of a log breaks a rule of its format.

    Args:
        reason: which rule, as a sentence.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class WrongContent(RemoteError):
    """Bytes are not those that their name promised: another hash, too many, or too few; nothing was kept."""


class InvalidProof(RemoteError):
    """A Merkle proof does not lead from what it proves to the root that is trusted."""


class Forked(RemoteError):
    """An author signed two different entries with one sequence number.

    Args:
        sentence: whose log, and where.
        proof: both entries, as bytes that convince anybody who has the author's key.
    """

    def __init__(self, sentence: str, proof: bytes = b"") -> None:
        self.proof = proof
        super().__init__(sentence)


class NotForUs(RemoteError):
    """A sealed message that none of our keys opens."""


class HandshakeFailed(RemoteError):
    """A secure channel was not agreed on, and nothing more is sent.

    One class for all reasons: whoever is on the other side must not learn from us which of them it was.
    """


class Tampered(RemoteError):
    """Bytes on a secure channel that are not what its peer sent, or not where it sent them. It is over."""


class Truncated(RemoteError):
    """A stream ended before its peer had said that it was over: somebody may have cut it."""


class NoCommonProtocol(RemoteError):
    """The peer speaks none of the protocols that we proposed; the sentence lists them."""


class JoinRefused(RemoteError):
    """A network did not let us in, though somebody answered; the sentence says why."""


class RequestRefused(RemoteError):
    """Somebody whom we asked to find, to store or to pass on something refused it.

    Args:
        sentence: what they said, or what it means, and who said it.
        code: the number that their protocol gives it, such as 301 of BEP 44; None where it has none.
    """

    def __init__(self, sentence: str, code: int | None = None) -> None:
        self.code = code
        super().__init__(sentence)


class CallFailed(RemoteError):
    """A call was answered with an error.

    Args:
        code: of which kind, as `p2plib.protocol.rpc.messages` lists them, or one of the application's own.
        sentence: what happened, for people.
    """

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        self.sentence = sentence
        super().__init__(f"{code}: {sentence}" if sentence else code)


class Refusal(P2PError):
    """What a handler raises to refuse a request; its caller gets a `CallFailed` that says the same.

    It is a class of its own because a handler may call others: a `CallFailed` that it lets out is theirs.

    Args:
        code: of which kind, such as "not allowed": 1 to 64 printable ASCII characters.
        sentence: why, for people; at most 512 bytes of it are sent.
    """

    def __init__(self, code: str, sentence: str = "") -> None:
        self.code = code
        self.sentence = sentence
        super().__init__(f"{code}: {sentence}" if sentence else code)


class PeerTimeout(P2PError, TimeoutError):
    """A peer did not answer in time; the sentence says which peer and at which stage."""


class Unreachable(P2PError):
    """There is no connection to an address: refused, or no way there; the sentence says which address."""


class OverBudget(P2PError):
    """A walk through linked blocks would need more than it was given: more blocks, bytes or depth."""


class NotFound(P2PError):
    """It was looked for everywhere where it could be, and nobody has it; it says how many were asked."""


class Closed(P2PError):
    """The connection, or the object itself, is closed."""


class EndOfStream(Closed):
    """The other side said that nothing follows, between two messages, and we waited for one."""


class StreamReset(Closed):
    """The other side broke a stream off, or the connection under it broke: what was sent may be lost."""


class HostDown(Closed):
    """A simulated host has crashed or been switched off; the sentence says which and when."""
