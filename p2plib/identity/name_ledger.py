"""A ledger of names, and three ways to lose one. Small, for reading; `p2plib.identity.zooko` uses it.

A model, and the smallest that shows the point: blocks with claims in them; the first valid claim of a name
has it; the longest chain counts; and whoever makes a block orders what is in it. There are no signatures,
fees, or expiry, and "longest" stands for whatever a real ledger counts: work, or stake.

`commit_first` is what real ones do against those who see a claim and are quick. Namecoin's design document
has two steps, `name_new` with a hash and, at least twelve blocks later, `name_firstupdate` with the name;
ENS has `commit` and, after a waiting time, `register`. Here the wait is one block.

Vocabulary::

    claim          "this name is mine", in a block
    commitment     the hash of a claim that will follow
    branch         a chain that began in the same place and went another way
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from p2plib.errors import UsageError
from p2plib.identity.keys import PublicKey, SecretKey


def key_of(person: str) -> PublicKey:
    """A person's key, the same in every run; for examples only: anybody can make the secret half."""
    return SecretKey.from_seed(hashlib.sha256(person.encode("utf-8", "surrogatepass")).digest()).public


@dataclass(frozen=True, slots=True)
class Claim:
    """What stands in a block: a name with its owner, or the hash of one that will be named later.

    Args:
        owner: whose the name shall be.
        name: the name; empty in a commitment.
        salt: what makes the commitment unguessable; empty in a claim without one.
        commitment: the hash; empty in a claim that names its name.
    """

    owner: PublicKey
    name: str = ""
    salt: bytes = b""
    commitment: bytes = b""


def commitment(owner: PublicKey, name: str, salt: bytes) -> bytes:
    """The hash that is published first: it fixes owner and name and shows neither."""
    return hashlib.sha256(owner.raw + salt + name.encode("utf-8", "surrogatepass")).digest()


@dataclass(slots=True)
class Chain:
    """Blocks of claims, in order. Everybody who reads the same blocks gets the same owners.

    Args:
        commit_first: whether a claim counts only after its commitment, in a block before it.
        blocks: the blocks so far.
    """

    commit_first: bool = False
    blocks: list[tuple[Claim, ...]] = field(default_factory=list)

    def add(self, *claims: Claim) -> None:
        """One more block. Who makes it chooses the order."""
        self.blocks.append(claims)

    def owners(self) -> dict[str, PublicKey]:
        """The first valid claim of each name, by its place in the chain."""
        owners: dict[str, PublicKey] = {}
        committed: set[bytes] = set()
        for block in self.blocks:
            for claim in block:
                known = commitment(claim.owner, claim.name, claim.salt) in committed
                if claim.name and (known or not self.commit_first):
                    owners.setdefault(claim.name, claim.owner)
            committed.update(claim.commitment for claim in block if claim.commitment)
        return owners


def longest(*chains: Chain) -> Chain:
    """The chain that counts: the longest, and of equal ones the first. Stands for the most work or stake."""
    return max(chains, key=lambda chain: len(chain.blocks))


def register(chain: Chain, person: str, name: str) -> None:
    """Appends what it takes to have a name: the claim, after its commitment if the chain asks for one."""
    owner, salt = (
        key_of(person),
        hashlib.sha256(b"salt of " + person.encode("utf-8", "surrogatepass")).digest(),
    )
    if chain.commit_first:
        chain.add(Claim(owner, commitment=commitment(owner, name, salt)))
    chain.add(Claim(owner, name, salt))


def front_running(commit_first: bool) -> str:
    """Alice publishes her claim; Mallory, who makes the next block, sees it and puts her own before it.

    Args:
        commit_first: whether the ledger asks for a commitment a block earlier.

    Returns:
        "alice" or "mallory": who has the name.
    """
    chain = Chain(commit_first)
    alice, mallory = key_of("alice"), key_of("mallory")
    salt, own_salt = b"alice's salt", b"mallory's salt"
    if commit_first:
        # The hash tells Mallory nothing: not the name, and a copy of it fixes Alice as the owner.
        chain.add(Claim(alice, commitment=commitment(alice, "alice", salt)))
    chain.add(
        Claim(mallory, commitment=commitment(mallory, "alice", own_salt)),
        Claim(mallory, "alice", own_salt),
        Claim(alice, "alice", salt),
    )
    chain.add(Claim(mallory, "alice", own_salt))
    return "alice" if chain.owners()["alice"] == alice else "mallory"


def reorganisation(confirmations: int, branch_blocks: int) -> str:
    """Alice has her name, with blocks on top; Mallory publishes a branch that starts before Alice's claim.

    Args:
        confirmations: how many blocks came after Alice's claim.
        branch_blocks: how many blocks Mallory can make in that time; two of them are her claim.

    Returns:
        "alice" or "mallory": who has the name when everybody has heard of both.

    Raises:
        UsageError: a number that is negative, or a branch too short for a claim.
    """
    if confirmations < 0 or branch_blocks < 2:
        raise UsageError("confirmations are not negative, and a claim takes a branch of two blocks")
    public, branch = Chain(commit_first=True), Chain(commit_first=True)
    register(public, "alice", "alice")
    for _ in range(confirmations):
        public.add()
    register(branch, "mallory", "alice")
    while len(branch.blocks) < branch_blocks:
        branch.add()
    owner = longest(public, branch).owners()["alice"]
    return "alice" if owner == key_of("alice") else "mallory"


def partition(blocks_here: int, blocks_there: int) -> tuple[str, str, str]:
    """The network is cut in two; in each half somebody takes the same name; then it heals.

    Args:
        blocks_here: how many blocks Alice's half makes after her claim.
        blocks_there: how many the other half makes after Bob's.

    Returns:
        who has the name in Alice's half, who in Bob's, and who when it healed: "alice" or "bob".

    Raises:
        UsageError: a negative number.
    """
    if min(blocks_here, blocks_there) < 0:
        raise UsageError("a half makes no negative number of blocks")
    here, there = Chain(commit_first=True), Chain(commit_first=True)
    for chain, person, blocks in ((here, "alice", blocks_here), (there, "bob", blocks_there)):
        register(chain, person, "sam")
        for _ in range(blocks):
            chain.add()
    who = {key_of(person): person for person in ("alice", "bob")}
    return (
        who[here.owners()["sam"]],
        who[there.owners()["sam"]],
        who[longest(here, there).owners()["sam"]],
    )
