"""Chains: one that shows tampering, and one that takes work."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.merkle import chain, proofs
from p2plib.data.merkle.chain import START, WorkChain, WorkHeader
from p2plib.data.merkle.tree import EMPTY_ROOT, AppendOnlyTree
from p2plib.errors import DecodeError, InvalidEntry, InvalidProof, NotFound, OverBudget, UsageError

ENTRIES = [b"bread", b"cheese", b"wine"]


def test_a_link_is_the_hash_of_all_before() -> None:
    first = hashlib.sha256(bytes(32) + b"bread").digest()
    second = hashlib.sha256(first + b"cheese").digest()
    assert chain.links(ENTRIES[:2]) == [first, second]
    assert chain.links([]) == []
    with pytest.raises(UsageError, match="32 bytes"):
        chain.link(b"", b"bread")


@given(st.lists(st.binary(max_size=3), min_size=1, max_size=8), st.data())
def test_a_change_anywhere_changes_the_head(entries: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(entries) - 1))
    other = data.draw(st.binary(max_size=3).filter(lambda text: text != entries[at]))
    changed = [*entries[:at], other, *entries[at + 1 :]]
    assert chain.links(entries)[:at] == chain.links(changed)[:at]
    assert not set(chain.links(entries)[at:]) & set(chain.links(changed)[at:])


def test_proving_an_entry_takes_all_that_follow() -> None:
    heads = chain.links(ENTRIES)
    chain.verify_chained(heads[-1], heads[0], ENTRIES[1:])
    wrong = [
        (heads[-1], heads[0], ENTRIES[1:2]),
        (heads[-1], START, ENTRIES[1:]),
        (heads[-1], heads[0], [b"water", b"wine"]),
        (heads[-1], heads[-1], []),
        (heads[-1][:31], heads[0], ENTRIES[1:]),
        (heads[-1], heads[0][:31], [heads[0][31:] + b"cheese", b"wine"]),
    ]
    for head, before, entries in wrong:
        with pytest.raises(InvalidProof):
            chain.verify_chained(head, before, entries)


def block(before: bytes, said: str, bits: int = 6) -> WorkHeader:
    return chain.mine(before, AppendOnlyTree([said.encode()]), bits)


def test_a_header_and_its_bytes() -> None:
    made = WorkHeader(bytes([1]) * 32, bytes([2]) * 32, 3, 4, 5)
    assert made.raw.hex() == "01" * 32 + "02" * 32 + "00000003" + "04" + "0000000000000005"
    assert len(made.raw) == chain.HEADER_BYTES
    assert chain.read_header(made.raw) == made
    assert made.id == hashlib.sha256(made.raw).digest()
    for raw in (made.raw[:-1], made.raw + b"\x00", b""):
        with pytest.raises(DecodeError):
            chain.read_header(raw)
    for wrong in ((b"", START, 0, 0, 0), (START, START, -1, 0, 0), (START, START, 0, 256, 0)):
        with pytest.raises(UsageError):
            WorkHeader(*wrong)


def test_the_largest_numbers_of_a_header() -> None:
    largest = WorkHeader(START, START, (1 << 32) - 1, 255, (1 << 64) - 1)
    assert chain.read_header(largest.raw) == largest
    for numbers in ((1 << 32, 0, 0), (0, 256, 0), (0, 0, 1 << 64), (0, 0, -1)):
        with pytest.raises(UsageError, match="a number of a header"):
            WorkHeader(START, START, *numbers)
    with pytest.raises(InvalidProof, match="a link that does not"):
        chain.verify_chained(bytes(33), START, [b"entry"])


def test_mining_finds_the_first_nonce_that_does() -> None:
    tree = AppendOnlyTree(ENTRIES)
    made = chain.mine(START, tree, 8)
    assert made.has_work
    assert made.id[0] == 0
    assert (made.root, made.count, made.weight) == (tree.root(), 3, 256)
    for nonce in range(made.nonce):
        assert not WorkHeader(START, tree.root(), 3, 8, nonce).has_work
    assert chain.mine(START, tree, 8, nonce=made.nonce) == made
    assert chain.mine(START, tree, 8, nonce=made.nonce + 1).nonce > made.nonce
    with pytest.raises(OverBudget):
        chain.mine(START, tree, 8, max_tries=made.nonce)
    assert chain.mine(START, AppendOnlyTree(), 0) == WorkHeader(START, EMPTY_ROOT, 0, 0, 0)


def test_each_bit_more_takes_twice_the_tries() -> None:
    for bits in (2, 4, 6):
        tries = [chain.mine(START, AppendOnlyTree([b"%d" % n]), bits).nonce + 1 for n in range(400)]
        assert 0.8 < sum(tries) / 400 / 2**bits < 1.2


def test_the_heaviest_branch_counts_and_not_the_longest() -> None:
    followed = WorkChain(4)
    easy = [block(START, "easy 0", 4)]
    for number in range(1, 4):
        easy.append(block(easy[-1].id, f"easy {number}", 4))
    for number, header in enumerate(easy):
        assert followed.add(header).added == (header,)
        assert followed.confirmations(easy[0].id) == number + 1
    assert (followed.branch(), followed.weight) == (easy, 64)
    equal = block(START, "as heavy", 6)
    change = followed.add(equal)
    assert (change.added, change.dropped, followed.tip) == ((), (), easy[-1].id)  # the first one stays
    heavy = block(easy[0].id, "heavy", 7)
    change = followed.add(heavy)
    assert (change.dropped, change.added) == (tuple(easy[1:]), (heavy,))
    assert followed.branch() == [easy[0], heavy]
    assert followed.confirmations(easy[0].id) == 2
    for dropped in (easy[1].id, equal.id, START):
        with pytest.raises(NotFound):
            followed.confirmations(dropped)
    assert followed.add(heavy).added == ()


def test_a_branch_of_several_blocks_is_added_in_its_order() -> None:
    followed = WorkChain(0)
    first = block(START, "first", 5)
    followed.add(first)
    branch = [block(START, "other 0", 4)]
    for number in range(1, 4):
        branch.append(block(branch[-1].id, f"other {number}", 4))
    changes = [followed.add(header) for header in branch]
    assert [len(change.added) for change in changes] == [0, 0, 3, 1]
    assert changes[2].added == tuple(branch[:3])
    assert changes[2].dropped == (first,)
    assert WorkChain(255).minimum_bits == 255


def test_what_a_chain_does_not_take() -> None:
    followed = WorkChain(4)
    first = block(START, "first", 4)
    too_easy, unknown = block(START, "too easy", 3), block(first.id, "second", 4)
    lie = next(
        header
        for header in (WorkHeader(START, first.root, 1, 4, nonce) for nonce in range(99))
        if not header.has_work
    )
    for header, sentence in ((too_easy, "3 bits"), (unknown, "not known"), (lie, "4 zero bits")):
        with pytest.raises(InvalidEntry, match=sentence):
            followed.add(header)
    assert followed.branch() == []
    followed.add(first)
    followed.add(unknown)
    assert followed.branch() == [first, unknown]
    with pytest.raises(UsageError):
        WorkChain(256)


def test_an_entry_is_proved_to_a_reader_of_headers() -> None:
    tree = AppendOnlyTree(ENTRIES)
    header = chain.mine(START, tree, 4)
    chain.verify_entry(header, 1, b"cheese", proofs.prove_inclusion(tree, 1))
    with pytest.raises(InvalidProof):
        chain.verify_entry(header, 1, b"cake", proofs.prove_inclusion(tree, 1))


@pytest.mark.slow
def test_a_majority_rewrites_what_a_minority_cannot() -> None:
    """Two miners that try the same number of nonces a round; the attacker begins one block behind."""

    def overtakes(share_percent: int, rounds: int) -> bool:
        followed, honest, secret = WorkChain(8), [block(START, "pay Ben", 8)], list[WorkHeader]()
        followed.add(honest[0])
        tries = {"honest": 0, "secret": 0}
        for _ in range(rounds):
            for who, branch, budget in (
                ("honest", honest, 100 - share_percent),
                ("secret", secret, share_percent),
            ):
                tree = AppendOnlyTree([f"{who} {len(branch)}".encode()])
                before = branch[-1].id if branch else START
                try:
                    branch.append(chain.mine(before, tree, 8, nonce=tries[who], max_tries=budget))
                    tries[who] = 0
                except OverBudget:
                    tries[who] += budget
        for header in honest[1:] + secret:
            followed.add(header)
        return followed.branch() == secret

    assert overtakes(75, 80)
    assert not overtakes(25, 80)


def test_headers_out_of_a_buffer_that_changes_later() -> None:
    made = block(START, "first", 4)
    for view in (bytearray, memoryview):
        buffer = bytearray(made.raw)
        read = chain.read_header(view(buffer))
        buffer[:] = bytes(len(buffer))
        assert read == made
        followed = WorkChain(4)
        followed.add(read)
        assert followed.tip == made.id
    for wrong in (bytearray(32), memoryview(bytes(32)), "a" * 32, [0] * 32):
        with pytest.raises(UsageError, match="32 bytes"):
            WorkHeader(wrong, START, 0, 0)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="32 bytes"):
            WorkHeader(START, wrong, 0, 0)  # type: ignore[arg-type]


def test_links_of_buffers() -> None:
    heads = chain.links(ENTRIES)
    assert chain.links(map(bytearray, ENTRIES)) == heads
    assert chain.link(memoryview(heads[0]), memoryview(b"cheese")) == heads[1]
    chain.verify_chained(
        bytearray(heads[-1]), memoryview(heads[0]), [memoryview(each) for each in ENTRIES[1:]]
    )


@pytest.mark.parametrize("wrong", ["wine", None, 4, [119]])
def test_what_is_no_entry_leads_nowhere(wrong: Any) -> None:
    heads = chain.links(ENTRIES)
    with pytest.raises(InvalidProof):
        chain.verify_chained(heads[-1], heads[0], [b"cheese", wrong])
    with pytest.raises(InvalidProof):
        chain.verify_chained(heads[-1], wrong, ENTRIES[1:])


@pytest.mark.parametrize("absurd", [10**5000, -(10**5000), 256, -1], ids=["huge", "low", "256", "-1"])
def test_numbers_out_of_their_range(absurd: int) -> None:
    with pytest.raises(UsageError):
        WorkHeader(START, START, 0, absurd)
    with pytest.raises(UsageError):
        WorkChain(absurd)
    with pytest.raises(UsageError):
        chain.mine(START, AppendOnlyTree(), absurd)


def test_mining_tries_once_at_least_and_no_nonce_twice() -> None:
    for tries in (0, -1, -(10**5000)):
        with pytest.raises(UsageError, match="at least one try"):
            chain.mine(START, AppendOnlyTree(), 0, max_tries=tries)
    last = (1 << 64) - 1
    assert chain.mine(START, AppendOnlyTree(), 0, nonce=last, max_tries=1).nonce == last
    with pytest.raises(OverBudget):
        chain.mine(START, AppendOnlyTree(), 255, nonce=last, max_tries=10**5000)


def fifty_in_a_row() -> tuple[WorkChain, list[bytes]]:
    """A chain without branches, and the identifiers of its blocks."""
    followed, ids = WorkChain(0), []
    for number in range(50):
        header = WorkHeader(ids[-1] if ids else START, START, 0, 0, number)
        followed.add(header)
        ids.append(header.id)
    return followed, ids


def test_counting_confirmations_hashes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    followed, ids = fifty_in_a_row()
    monkeypatch.setattr(WorkHeader, "id", property(lambda self: pytest.fail("hashed again")))
    assert [followed.confirmations(block) for block in ids] == list(range(50, 0, -1))
    with pytest.raises(NotFound):
        followed.confirmations(bytes(31))


def test_a_stranger_that_repeats_itself_changes_nothing() -> None:
    followed, first = WorkChain(4), block(START, "first", 4)
    heavier = block(START, "heavier", 5)
    followed.add(first)
    followed.add(heavier)
    for header in (first, heavier, first):
        change = followed.add(header)
        assert (change.old, change.new) == (heavier.id, heavier.id)
        assert (change.dropped, change.added) == ((), ())
    assert (followed.branch(), followed.weight) == ([heavier], 32)


class Counted(dict[bytes, Any]):
    """Counts how often something is looked up in it."""

    looked_up = 0

    def __getitem__(self, key: bytes) -> Any:
        Counted.looked_up += 1
        return super().__getitem__(key)


def counting(followed: WorkChain) -> WorkChain:
    followed._headers, followed._weights, followed._heights = (
        Counted(each) for each in (followed._headers, followed._weights, followed._heights)
    )
    Counted.looked_up = 0
    return followed


def by_turns(blocks: int) -> tuple[WorkChain, list[chain.Reorganisation]]:
    """Two branches, of which each block makes the other one count: they weigh 1, 2, 3, 4 and so on."""
    followed, changes = counting(WorkChain(0)), list[chain.Reorganisation]()
    tips, bits = [START, START], 0
    for number in range(blocks):
        side = number % 2
        header = worked(tips[side], bits, number << 32)
        changes.append(followed.add(header))
        tips[side], bits = header.id, 1
    return followed, changes


def worked(before: bytes, bits: int, nonce: int) -> WorkHeader:
    header = WorkHeader(before, START, 0, bits, nonce)
    return header if header.has_work else worked(before, bits, nonce + 1)


def test_branches_that_overtake_each_other_by_turns_cost_no_more_than_one() -> None:
    steps = []
    for blocks in (100, 200, 400):
        followed, changes = by_turns(blocks)
        steps.append(Counted.looked_up)
        assert all(change.old != change.new for change in changes)  # each block made the other branch count
        assert [len(change.added) for change in changes] == [number // 2 + 1 for number in range(blocks)]
        assert [len(change.dropped) for change in changes] == [(number + 1) // 2 for number in range(blocks)]
        Counted.looked_up = 0
        assert followed.confirmations(followed.tip) == 1
        assert Counted.looked_up <= 4
    assert steps[0] <= 6 * 100
    assert steps[1] == 2 * steps[0]
    assert steps[2] == 4 * steps[0]


def test_what_changed_may_be_asked_later() -> None:
    _, changes = by_turns(9)
    asked_at_once = [(change.dropped, change.added) for change in by_turns(9)[1]]
    assert [(change.dropped, change.added) for change in changes] == asked_at_once
    followed = changes[0].chain
    dropped, added = changes[-1].dropped, changes[-1].added
    assert followed.branch() == list(added)
    assert followed.apart(changes[-1].old, changes[-1].new) == (dropped, added)
    assert followed.apart(changes[-1].new, changes[-1].old) == (added, dropped)
    assert followed.apart(followed.tip, START) == (added, ())
    for one, other in ((bytes([1]) * 32, START), (START, b"")):
        with pytest.raises(NotFound, match="in this chain"):
            followed.apart(one, other)


def test_counting_confirmations_looks_no_deeper_than_the_block() -> None:
    followed, ids = fifty_in_a_row()
    aside = WorkHeader(ids[46], START, 0, 0, 99)
    followed.add(aside)
    counting(followed)
    for block in (ids[45], aside.id, bytes(31), START):
        Counted.looked_up = 0
        if block == ids[45]:
            assert followed.confirmations(block) == 5
        else:
            with pytest.raises(NotFound):
                followed.confirmations(block)
        assert Counted.looked_up <= 2 * 5 + 2
