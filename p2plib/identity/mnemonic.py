"""Mnemonics: a secret as English words, so that it can be kept on paper. Codec.

Specification: BIP 39, "Mnemonic code for generating deterministic keys". Entropy of 128 to 256 bits is
followed by a checksum, the first bits of its SHA-256, one bit for every 32; the whole is cut into numbers of
eleven bits, and each number is a word of a list of 2,048.

    entropy    16   20   24   28   32   bytes
    checksum    4    5    6    7    8   bits
    words      12   15   18   21   24

The checksum finds a wrong word with a chance of 15 in 16 at twelve words and 255 in 256 at twenty-four. It
corrects nothing, and it keeps nothing secret: who reads the paper has the key.

Two things are called "seed", and they are not the same::

    `recovery_phrase`   24 words that *are* the 32-byte seed of a key of ours; no passphrase guards them.
    `seed`              BIP 39's own: 64 bytes stretched from a sentence and a passphrase, as wallets use it.

What a reader of paper gets wrong without harm is forgiven: capitals, spaces and line ends between the words,
and Unicode forms (NFKD, so that an ideographic space or a full-width letter counts as what it looks like).
Every other difference is refused, and an unknown word comes with the words of the list that it may have been.
Such a message shows a mistyped word of a secret: show it to the person who typed, and do not log it.

Only the English list is read, as the BIP itself advises. It is the one of the package `mnemonic` (the extra
`recovery`), and its SHA-256 is checked: a list with one word exchanged would make phrases that nobody else
can read.

Vocabulary::

    entropy    the random bytes that the words stand for
    sentence   the words, in NFKD, in lower case, joined by single spaces
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib.resources
import unicodedata

from p2plib.errors import DecodeError, LocalError, P2PError, UsageError
from p2plib.identity.keys import SecretKey

BITS_PER_WORD = 11
ENTROPY_BYTES_PER_CHECKSUM_BIT = 4
ENTROPY_SIZES_BYTES = (16, 20, 24, 28, 32)
SENTENCE_LENGTHS_WORDS = (12, 15, 18, 21, 24)
RECOVERY_WORDS = 24
SEED_BYTES = 64
PBKDF2_ROUNDS = (
    2048  # BIP 39's number; little by today's measure, so a passphrase for `seed` should be a long one
)
ENGLISH_SHA256 = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
MAX_TEXT_CHARACTERS = 1024  # the longest English sentence has 24 words of eight letters, 215 characters
SUGGESTIONS = 3


def encode(entropy: bytes) -> str:
    """The sentence for some entropy.

    Args:
        entropy: 16, 20, 24, 28 or 32 bytes.

    Raises:
        UsageError: another size.
        LocalError: the word list is not installed.
    """
    size_bytes = len(entropy)
    if size_bytes not in ENTROPY_SIZES_BYTES:
        del entropy
        raise UsageError(f"entropy is 16, 20, 24, 28 or 32 bytes, not {size_bytes}")
    checksum_bits = size_bytes // ENTROPY_BYTES_PER_CHECKSUM_BIT
    number = int.from_bytes(entropy, "big") << checksum_bits | _checksum(entropy)
    words = words_in_list()
    chosen = []
    for _ in range((8 * size_bytes + checksum_bits) // BITS_PER_WORD):
        chosen.append(words[number % len(words)])
        number //= len(words)
    return " ".join(reversed(chosen))


def decode(text: str) -> bytes:
    """The entropy that a sentence stands for.

    Args:
        text: 12, 15, 18, 21 or 24 words, as somebody typed them.

    Raises:
        DecodeError: the wrong number of words, a word that is not in the list (the error suggests some that
            are), or a checksum that does not fit.
        LocalError: the word list is not installed.
    """
    entropy, problem = _read(text)
    del text
    if problem:
        raise problem
    return entropy


def seed(text: str, passphrase: str = "") -> bytes:
    """BIP 39's 64-byte seed of a sentence, which is checked first.

    Args:
        text: the words, as for `decode`.
        passphrase: any text; every one gives a seed, so a mistyped one is not noticed.

    Raises:
        DecodeError: as for `decode`.
        UsageError: the passphrase has half a surrogate pair, which is no character.
        LocalError: the word list is not installed.
    """
    entropy, problem = _read(text)
    problem = problem or _not_text(passphrase)
    del text
    if problem:
        del entropy, passphrase
        raise problem
    return stretch(encode(entropy), passphrase)


def stretch(sentence: str, passphrase: str = "") -> bytes:
    """The last step of BIP 39 alone: PBKDF2-HMAC-SHA512 of a sentence in any language. Nothing is checked.

    Args:
        sentence: the words, exactly as they are; only NFKD is applied.
        passphrase: any text.

    Returns:
        64 bytes.

    Raises:
        UsageError: one of the two has half a surrogate pair, which is no character.
    """
    problem = _not_text(sentence) or _not_text(passphrase)
    if problem:
        del sentence, passphrase
        raise problem
    password = unicodedata.normalize("NFKD", sentence).encode()
    salt = unicodedata.normalize("NFKD", "mnemonic" + passphrase).encode()
    return hashlib.pbkdf2_hmac("sha512", password, salt, PBKDF2_ROUNDS, SEED_BYTES)


def recovery_phrase(secret: SecretKey) -> str:
    """24 words that bring this key back. They are the key: whoever reads them can sign for you.

    Raises:
        LocalError: the word list is not installed.
    """
    words_in_list()  # raises before the seed is in a local variable
    return encode(secret.expose_seed())


def from_recovery_phrase(text: str) -> SecretKey:
    """The key that `recovery_phrase` wrote down.

    Args:
        text: its 24 words, as somebody typed them.

    Raises:
        DecodeError: as for `decode`, or a mnemonic of another length.
        LocalError: the word list is not installed.
    """
    entropy, problem = _read(text)
    del text
    if not problem and len(entropy) != max(ENTROPY_SIZES_BYTES):
        words = 3 * len(entropy) // ENTROPY_BYTES_PER_CHECKSUM_BIT
        problem = DecodeError(f"a recovery phrase has {RECOVERY_WORDS} words; this is a mnemonic of {words}")
    if problem:
        del entropy
        raise problem
    return SecretKey.from_seed(entropy)


@functools.cache
def words_in_list() -> tuple[str, ...]:
    """The 2,048 English words, in the order of their numbers (and of the alphabet).

    Raises:
        LocalError: the package that brings the list is not installed, or its list is not the published one.
    """
    try:
        raw = (importlib.resources.files("mnemonic") / "wordlist" / "english.txt").read_bytes()
    except (ImportError, OSError):
        raise LocalError("BIP 39's word list is not installed: pip install 'p2plib[recovery]'") from None
    if hashlib.sha256(raw).hexdigest() != ENGLISH_SHA256:
        raise LocalError("the installed English word list is not the one that BIP 39 publishes")
    return tuple(raw.decode("ascii").split())


@functools.cache
def _numbers() -> dict[str, int]:
    return {word: number for number, word in enumerate(words_in_list())}


def _read(text: str) -> tuple[bytes, P2PError | None]:
    """The entropy and no error, or the error to raise, made here and raised where the text is gone."""
    if len(text) > MAX_TEXT_CHARACTERS:
        return b"", DecodeError(f"a mnemonic has at most {MAX_TEXT_CHARACTERS} characters, not {len(text)}")
    typed = unicodedata.normalize("NFKD", text).lower().split()
    if len(typed) not in SENTENCE_LENGTHS_WORDS:
        return b"", DecodeError(f"a mnemonic has 12, 15, 18, 21 or 24 words, not {len(typed)}")
    try:
        numbers = _numbers()
    except LocalError as error:
        return b"", LocalError(str(error))
    for place, word in enumerate(typed, start=1):
        if word not in numbers:
            return b"", DecodeError(f"word {place}, {word!a}, is not in the list" + _did_you_mean(word))
    whole = functools.reduce(lambda number, word: number << BITS_PER_WORD | numbers[word], typed, 0)
    checksum_bits = len(typed) * BITS_PER_WORD // 33
    entropy_bytes = checksum_bits * ENTROPY_BYTES_PER_CHECKSUM_BIT
    entropy = (whole >> checksum_bits).to_bytes(entropy_bytes, "big")
    if _checksum(entropy) != whole % (1 << checksum_bits):
        return b"", DecodeError(
            "the checksum does not fit: every word is in the list, but one is wrong or two changed places"
        )
    return entropy, None


def _not_text(text: str) -> UsageError | None:
    if any(unicodedata.category(character) == "Cs" for character in text):
        return UsageError("half a surrogate pair is no character, and has no bytes to make a seed from")
    return None


def _checksum(entropy: bytes) -> int:
    """The checksum as a number of len(entropy) / 4 bits, which is 8 at the most."""
    return hashlib.sha256(entropy).digest()[0] >> 8 - len(entropy) // ENTROPY_BYTES_PER_CHECKSUM_BIT


def _did_you_mean(word: str) -> str:
    # Four letters tell every word of the list from all others, so a word that shares them comes first.
    near = [known for known in words_in_list() if len(word) >= 4 and known[:4] == word[:4]]
    near += difflib.get_close_matches(word, words_in_list(), n=SUGGESTIONS)
    near = list(dict.fromkeys(near))[:SUGGESTIONS]
    return f"; did you mean {' or '.join(near)}?" if near else ""
