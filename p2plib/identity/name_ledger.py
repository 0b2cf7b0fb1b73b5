"""A ledger of names, and three ways to lose one. Small, for reading; `p2plib.identity.zooko` uses it.

A model, and the smallest that shows the point: blocks with claims in them; the first valid claim of a name
has it; the longest chain counts; and whoever makes a block orders what is in it. There are no signatures,
fees, or expiry, and "longest" stands for whatever a real ledger counts: work, or stake.

`commit_first` is what real ones do against a thief who sees a claim and is quick. Namecoin's design document
has two steps, `name_new` with a hash and, at least twelve blocks later, `name_firstupdate` with the name;
ENS has `commit` and, after a waiting time, `register`. Here the wait is one block.

Vocabulary::

    claim          "this name is mine", in a block
    commitment     the hash of a claim that will follow
    branch         a chain that began in the same place and went another way
    confirmations  the blocks on top of a claim
    share          the part of all blocks that the thief makes, from 0 to 1
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
    """Ana publishes her claim; Mal, who makes the next block, sees it and puts his own before it.

    Args:
        commit_first: whether the ledger asks for a commitment a block earlier.

    Returns:
        "ana" or "mal": who has the name.
    """
    chain = Chain(commit_first)
    ana, mal = key_of("ana"), key_of("mal")
    salt, own_salt = b"ana's salt", b"mal's salt"
    if commit_first:
        # The hash tells Mal nothing: not the name, and a copy of it fixes Ana as the owner.
        chain.add(Claim(ana, commitment=commitment(ana, "ana", salt)))
    chain.add(
        Claim(mal, commitment=commitment(mal, "ana", own_salt)),
        Claim(mal, "ana", own_salt),
        Claim(ana, "ana", salt),
    )
    chain.add(Claim(mal, "ana", own_salt))
    return "ana" if chain.owners()["ana"] == ana else "mal"


def reorganisation(confirmations: int, branch_blocks: int) -> str:
    """Ana has her name, with blocks on top; Mal publishes a branch that starts before Ana's claim.

    Args:
        confirmations: how many blocks came after Ana's claim.
        branch_blocks: how many blocks Mal can make in that time; two of them are his claim.

    Returns:
        "ana" or "mal": who has the name when everybody has heard of both.

    Raises:
        UsageError: a number that is negative, or a branch too short for a claim.
    """
    if confirmations < 0 or branch_blocks < 2:
        raise UsageError("confirmations are not negative, and a claim takes a branch of two blocks")
    public, branch = Chain(commit_first=True), Chain(commit_first=True)
    register(public, "ana", "ana")
    for _ in range(confirmations):
        public.add()
    register(branch, "mal", "ana")
    while len(branch.blocks) < branch_blocks:
        branch.add()
    owner = longest(public, branch).owners()["ana"]
    return "ana" if owner == key_of("ana") else "mal"


def takeover_chance(share: float, confirmations: int) -> float:
    """The chance that a thief takes a name after somebody has waited for confirmations and believed it.

    As soon as Ana's claim is in a block, the thief begins a secret branch just before her commitment: he is
    two blocks behind. Each block after that is his with chance `share`; otherwise it goes on top of Ana's
    claim. When there are enough of those, he may still catch up, and has all the time in the world. From d
    blocks behind he gets one block ahead with chance (share / (1 - share)) ** (d + 1): the gambler's ruin, as
    in section 11 of Nakamoto's paper. Rosenfeld (arXiv:1402.2009) corrects the paper's other half: what the
    thief makes during the wait follows the negative binomial distribution, and not Poisson's.

    >>> f"{takeover_chance(0.1, 6):.2g}"
    '3.3e-06'

    Args:
        share: how much of all blocks the thief makes, from 0 to 1.
        confirmations: how many blocks on top of Ana's claim are waited for, 0 or more.

    Raises:
        UsageError: a share below 0 or above 1, or a negative number of blocks.
    """
    if not 0 <= share <= 1 or confirmations < 0:
        raise UsageError(f"a share from 0 to 1 and 0 or more blocks, not {share} and {confirmations}")
    if share >= 0.5:
        return 1.0
    odds, ahead = share / (1 - share), confirmations + 3  # one more than Ana's two and what is on top
    chance, branch, likely = 0.0, 0, (1 - share) ** confirmations
    while branch < ahead or likely > chance * 1e-17:  # `branch` blocks are his when the wait ends
        chance += likely * odds ** max(ahead - branch, 0)
        likely *= share * (confirmations + branch) / (branch + 1)
        branch += 1
    return chance


def partition(blocks_here: int, blocks_there: int) -> tuple[str, str, str]:
    """The network is cut in two; in each half somebody takes the same name; then it heals.

    Args:
        blocks_here: how many blocks Ana's half makes after her claim.
        blocks_there: how many the other half makes after Ben's.

    Returns:
        who has the name in Ana's half, who in Ben's, and who when it healed: "ana" or "ben".

    Raises:
        UsageError: a negative number.
    """
    if min(blocks_here, blocks_there) < 0:
        raise UsageError("a half makes no negative number of blocks")
    here, there = Chain(commit_first=True), Chain(commit_first=True)
    for chain, person, blocks in ((here, "ana", blocks_here), (there, "ben", blocks_there)):
        register(chain, person, "sam")
        for _ in range(blocks):
            chain.add()
    who = {key_of(person): person for person in ("ana", "ben")}
    return (
        who[here.owners()["sam"]],
        who[there.owners()["sam"]],
        who[longest(here, there).owners()["sam"]],
    )
