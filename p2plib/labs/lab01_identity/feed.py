"""Lab 1, task 3: a feed in which some posts are not what they say. The reference and its probes.

A post is valid in a context if

    1. its author is a key, and the signature is that key's, of number ‖ text, in this context;
    2. its number is above the numbers of all valid posts of the same author before it in the feed.

Every feed of `feeds` holds honest posts and one kind of forgery, so that what is missed has a name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from p2plib.errors import RemoteError
from p2plib.identity import edwards
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab01_identity.counting import counted
from p2plib.labs.lab01_identity.envelope import twin

CONTEXT = "lab01/post/1"
VOTE = "lab01/vote/1"  # another context, in which the same people sign
NUMBER_BYTES = 8


@dataclass(frozen=True)
class Post:
    """What arrived, from whoever sent it.

    Args:
        author: what is claimed to be the author's key; any bytes.
        number: the author counts his posts with it, 0 to 2**63 - 1.
        text: what he says.
        signature: any bytes.
    """

    author: bytes
    number: int
    text: str
    signature: bytes

    @property
    def signed(self) -> bytes:
        """The bytes that the signature should cover: the number (8 bytes, big-endian) and the text."""
        return self.number.to_bytes(NUMBER_BYTES, "big") + self.text.encode()

    def __repr__(self) -> str:
        return f"Post({self.author.hex()[:4]}… #{self.number} {self.text!r})"


def write_post(secret: SecretKey, number: int, text: str, context: str = CONTEXT) -> Post:
    """An honest post."""
    post = Post(secret.public.raw, number, text, b"")
    return replace(post, signature=secret.sign(context, post.signed))


def impostors(context: str, feed: Sequence[Post]) -> list[int]:
    """The places in the feed of all posts that are not valid, in rising order, counted from 0."""
    newest: dict[bytes, int] = {}
    found = []
    for place, post in enumerate(feed):
        try:
            PublicKey(post.author).verify(context, post.signed, post.signature)
        except RemoteError:
            found.append(place)
            continue
        if post.number <= newest.get(post.author, -1):
            found.append(place)
            continue
        newest[post.author] = post.number
    return found


@dataclass(frozen=True)
class Feed:
    """A probe: one feed, and what is wrong with some posts in it.

    Args:
        posts: the feed.
        forged: the places of what is not valid.
        what: how those were made, as in "post 2 passed: ...".
        hint: for whoever lets one pass, or trips over it.
        context: in which the posts are to be read.
    """

    posts: tuple[Post, ...]
    forged: tuple[int, ...]
    what: str
    hint: str
    context: str = CONTEXT

    def __call__(self, yours: Callable[[str, list[Post]], Any]) -> None:
        try:
            with counted() as spent:
                got = yours(self.context, list(self.posts))
        except RemoteError as error:
            where = f"a post was forged ({self.what}), and it raised {type(error).__name__}"
            raise Wrong(where, f"one bad post must not hide the others; {self.hint}") from None
        if isinstance(got, list) and got and all(isinstance(item, Post) for item in got):
            raise Wrong("it gave posts", "return their places in the feed: enumerate counts them")
        if not isinstance(got, list) or not all(type(item) is int for item in got):
            hint = "is a return missing?" if got is None else "return a list of places, such as [0, 2] or []"
            raise Wrong(f"it gave a {type(got).__name__}", hint)
        if passed := sorted(set(self.forged) - set(got)):
            is_early = 0 < spent.count < min(passed[0] + 1, len(self.posts) - len(self.forged))
            hint = "look at every post, and go on after the first you find" if is_early else self.hint
            raise Wrong(f"post {passed[0]} of {len(self.posts)} passed: {self.what}", hint)
        if accused := sorted(set(got) - set(self.forged)):
            raise Wrong(*self._accused(accused[0]))
        if got != sorted(set(got)):
            raise Wrong(f"it gave {got}", "each place once, in rising order")

    def _accused(self, place: int) -> tuple[str, str]:
        """What to say about an honest post that was called an impostor."""
        if not 0 <= place < len(self.posts):
            return f"it gave place {place} of {len(self.posts)} posts", "places are counted from 0"
        post, before = self.posts[place], self.posts[:place]
        others = (
            f"post {self.forged[0]} was forged, and {self.what}" if self.forged else "so are all the others"
        )
        what = f"it accused post {place}, which is honest ({others})"
        forged = [self.posts[i] for i in self.forged if i < place]
        if any(bad.author == post.author and bad.number >= post.number for bad in forged):
            return (
                what,
                "remember a number only once the signature has been verified, or anybody can silence Ana",
            )
        if self.context != CONTEXT:
            return what, "verify in the context you were given, whatever it is"
        if post.number == 0:
            return what, "an author's first post may have any number, even 0"
        if any(other.author != post.author and other.number >= post.number for other in before):
            return (
                what,
                "number each author's posts separately: what Ben wrote does not make Ana's number old",
            )
        return what, "verify post.signed, the number and the text, in the context you were given"


def _friends(rng: Random) -> tuple[SecretKey, SecretKey, SecretKey]:
    return tuple(SecretKey.generate(rng.randbytes) for _ in range(3))  # type: ignore[return-value]


WORDS = ["boat", "heart", "moon", "frog", "cake", "rain", "kite", "lamp", "pear", "drum", "wolf", "tent"]


def feeds(rng: Random) -> tuple[Case, ...]:
    """One probe for each kind of forgery; the same ones for the same seed."""
    ana, ben, mal = _friends(rng)
    words = rng.sample(WORDS, 5)
    honest = [
        write_post(ana, 1, words[0]),
        write_post(ben, 1, words[1]),
        write_post(ana, 2, words[2]),
        write_post(ben, 7, words[3]),
    ]
    tail = write_post(ana, 9, words[4])

    def feed(what: str, hint: str, *forged: Post, at: int = 0) -> Feed:
        """The forged posts stand at a place, or where chance puts them after the second post."""
        cut = at or rng.randrange(2, len(honest) + 1)
        posts = (*honest[:cut], *forged, *honest[cut:], tail)
        return Feed(posts, tuple(range(cut, cut + len(forged))), what, hint)

    return (
        Feed((*honest, tail), (), "nothing forged", ""),
        *_forgeries(feed, honest, (ana, ben, mal)),
        *_replays(feed, honest, (ana, ben, mal)),
    )


def _forgeries(
    feed: Callable[..., Feed], honest: Sequence[Post], people: tuple[SecretKey, SecretKey, SecretKey]
) -> tuple[Feed, ...]:
    """Posts that break part 1."""
    ana, _, mal = people
    lent = replace(honest[0], number=3, text="I owe Mal 10")
    claimed = replace(write_post(mal, 3, "I am Ana"), author=ana.public.raw)
    elsewhere = write_post(ana, 3, "yes", VOTE)
    next_one = write_post(ana, 3, "a true one")
    twinned = replace(next_one, signature=twin(next_one.signature))
    longer = replace(next_one, signature=next_one.signature + b"\0")
    neutral = edwards.compress(edwards.NEUTRAL)  # fits all: R = r·B, S = r
    fits_all = edwards.compress(77 * edwards.BASE) + (77).to_bytes(32, "little")
    stranger = (
        "PublicKey refuses such a key with a different error from verify's: both are kinds of RemoteError"
    )
    return (
        feed("its signature was copied from another post", "is the signature verified?", lent),
        feed(
            "Mal signed it, and it says Ana",
            "verify under the key that the post claims as its author",
            claimed,
        ),
        feed(
            "Ana signed it in another context, as a vote", "verify in the context you were given", elsewhere
        ),
        feed("its signature is 65 bytes", "verify refuses it: pass it the whole signature", longer),
        feed("its signature is the S + L twin of Ana's", "use verify, which knows the whole rule", twinned),
        feed(
            "its author's key is of small order, and fits all",
            stranger,
            Post(neutral, 1, "I am all", fits_all),
        ),
        feed("its author is five bytes long", stranger, Post(b"I am.", 1, "no key", fits_all)),
    )


def _replays(
    feed: Callable[..., Feed], honest: Sequence[Post], people: tuple[SecretKey, SecretKey, SecretKey]
) -> tuple[Feed, ...]:
    """Posts that break part 2, and posts that seem to."""
    ana, _, mal = people
    again = "the same thing again: remember the highest number of each author"
    huge = replace(write_post(mal, 2**40, "the last word"), author=ana.public.raw)
    late = write_post(ana, 0, "what I said first")
    first = write_post(mal, 0, "my first")
    return (
        feed(
            "it is a copy of its author's newest post", f"{again}, and ask for a higher one", honest[0], at=2
        ),
        feed("it is valid and old, older than what came before", f"{again}, not every number", late),
        feed("it has a huge number, and no signature of Ana's", "is the signature verified?", huge),
        Feed((*honest, first), (), "nothing", ""),
        feed("so were others before it", "go on after the first you find", huge, honest[0], huge),
        feed(
            "it is a copy, and an older copy came just before it",
            "an invalid post must not change the number you remember: that only ever rises",
            honest[0],
            honest[2],
            at=4,
        ),
        Feed((write_post(ana, 1, "aye", VOTE), write_post(mal, 4, "nay", VOTE)), (), "nothing", "", VOTE),
    )


IMPOSTORS = Task(
    "impostors",
    impostors,
    cases=feeds(Random(1)),
    hint="for each post: is the author a key, is the signature that key's, is the number new?",
)
