"""Which classic messages are valid: the rules in the order in which they are looked at, each with its reason.

The rules are those of ssb-validate and of ssb-validation-dataset. Cheap ones come first, so that nonsense
costs a stranger more than us: a signature is looked at when everything else is right.

Rules (`FeedRule`)
    1.  json        one JSON value in UTF-8, and nothing behind it
    2.  object      an object, not null or anything else
    3.  order       the seven members of `p2plib.data.log.classic`, in their order, and no others
    4.  author      "@", canonical base64 of an Ed25519 key, ".ed25519"
    5.  sequence    a whole number from 1 to 2**31 - 1; 1 in the first message, one more in each other
    6.  previous    null in the first message, the id of the message before it in all others
    7.  timestamp   a number
    8.  hash        "sha256"
    9.  content     an object, or canonical base64 followed by ".box" (and whatever a later kind of box adds)
    10. type        an object's `type` is text of 3 to 52 UTF-16 code units
    11. size        the canonical text has at most 8192 UTF-16 code units, signature included
    12. signature   canonical base64 of 64 bytes, ".sig.ed25519", and valid by the rule of
                    `p2plib.identity.keys`

The reason of an `InvalidEntry` begins with the rule's name. Where we differ from npm's ssb-validate 4.1.4:
it lets the timestamp of all but first messages be anything (rule 7), takes a list that holds the id for the
id itself (rule 6), and trusts keys and signatures that its libsodium accepts (rules 4 and 12).
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from p2plib.data.log import classic, quick_json
from p2plib.data.log.classic import ClassicMessage
from p2plib.data.log.formats import MAX_SEQUENCE, Head, need_place
from p2plib.errors import DecodeError, InvalidEntry, SignatureError, UsageError
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.wire.canonical_json import Value, length_utf16

MAX_UNITS = 8192
# A text of 8192 units has at most three times as many bytes of UTF-8. The same message written with every
# character escaped takes twice that; nothing longer is looked at.
MAX_RAW_BYTES = 6 * MAX_UNITS
MIN_TYPE_UNITS, MAX_TYPE_UNITS = 3, 52
_ORDERS = (
    ["previous", "sequence", "author", "timestamp", "hash", "content", "signature"],
    ["previous", "author", "sequence", "timestamp", "hash", "content", "signature"],
)
_BOXED = re.compile(r"([A-Za-z0-9+/]*={0,2})\.box[^\n\r\u2028\u2029]*\Z")


class FeedRule(enum.Enum):
    """The rules, by the word with which a reason begins."""

    JSON = "json"
    OBJECT = "object"
    ORDER = "order"
    AUTHOR = "author"
    SEQUENCE = "sequence"
    PREVIOUS = "previous"
    TIMESTAMP = "timestamp"
    HASH = "hash"
    CONTENT = "content"
    TYPE = "type"
    SIZE = "size"
    SIGNATURE = "signature"


def rule_of(error: InvalidEntry) -> FeedRule:
    """The rule that an entry broke.

    Raises:
        ValueError: the error is of a rule that is not in this list.
    """
    return FeedRule(error.reason.partition(":")[0])


def check(value: Value, head: Head | None, *, hmac_key: bytes | None = None) -> ClassicMessage:
    """The message in a JSON value, if it is valid and the next of its log.

    Args:
        value: as `canonical_json.parse` gives it.
        head: the last message of the author's log; None if there is none yet.
        hmac_key: the network's, 32 bytes; None on the main network.

    Raises:
        InvalidEntry: it breaks a rule; the reason says which.
        UsageError: the HMAC key is of another size.
    """
    message = check_form(value)
    need_place(message, head)
    check_signature(message, hmac_key=hmac_key)
    return message


def check_form(value: Value) -> ClassicMessage:
    """The message in a JSON value: rules 2 to 12, but neither its place in a log nor whether the signature is
    valid.

    Args:
        value: as `canonical_json.parse` gives it.

    Raises:
        InvalidEntry: it breaks a rule; the reason says which.
    """
    if not isinstance(value, dict):
        raise _broken(FeedRule.OBJECT, "a message is an object")
    if list(value) not in _ORDERS:
        raise _broken(FeedRule.ORDER, "a message has seven members, in one of two orders")
    author = _author(value["author"])
    sequence, previous = _place(value["sequence"], value["previous"])
    timestamp = value["timestamp"]
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        raise _broken(FeedRule.TIMESTAMP, "a timestamp is a number")
    if value["hash"] != "sha256":
        raise _broken(FeedRule.HASH, "the hash of a message is sha256")
    content = value["content"]
    _check_content(content)
    text = _text(value)
    try:
        signature = classic.read_signature(value["signature"])
    except DecodeError as error:
        raise _broken(FeedRule.SIGNATURE, error.rule) from None
    return ClassicMessage(previous, author, sequence, timestamp, content, signature, text)


def check_signature(message: ClassicMessage, *, hmac_key: bytes | None = None) -> None:
    """Returns if a message is signed by its author.

    Raises:
        InvalidEntry: it is not; the reason says which part of the rule of signatures it breaks.
        UsageError: the HMAC key is of another size.
    """
    try:
        classic.verify(message, hmac_key)
    except SignatureError as error:
        raise _broken(FeedRule.SIGNATURE, error.rule) from None


def _broken(rule: FeedRule, sentence: str) -> InvalidEntry:
    return InvalidEntry(f"{rule.value}: {sentence}")


def _author(text: object) -> PublicKey:
    if not isinstance(text, str):
        raise _broken(FeedRule.AUTHOR, "an author is text")
    try:
        return classic.read_author(text)
    except DecodeError as error:
        raise _broken(FeedRule.AUTHOR, error.rule) from None


def _place(sequence: object, previous: object) -> tuple[int, str | None]:
    if isinstance(sequence, bool) or not isinstance(sequence, int):
        raise _broken(FeedRule.SEQUENCE, "a sequence number is a whole number")
    if not 1 <= sequence <= MAX_SEQUENCE:
        raise _broken(FeedRule.SEQUENCE, f"a sequence number is 1 to {MAX_SEQUENCE}")
    if previous is None:
        return sequence, None
    if not isinstance(previous, str) or not classic.is_id(previous):
        raise _broken(FeedRule.PREVIOUS, "the message before is named by its id, or is null")
    return sequence, previous


def _check_content(content: object) -> None:
    if isinstance(content, str):
        boxed = _BOXED.match(content)
        if boxed is None:
            raise _broken(FeedRule.CONTENT, "content that is text is base64 and '.box'")
        try:
            classic.from_base64(boxed[1])
        except DecodeError as error:
            raise _broken(FeedRule.CONTENT, error.rule) from None
        return
    if not isinstance(content, dict):
        raise _broken(FeedRule.CONTENT, "content is an object, or the text of a private message")
    kind = content.get("type")
    if not isinstance(kind, str):
        raise _broken(FeedRule.TYPE, "content has a type, which is text")
    units = len(kind) if kind.isascii() else length_utf16(kind)
    if not MIN_TYPE_UNITS <= units <= MAX_TYPE_UNITS:
        raise _broken(FeedRule.TYPE, f"a type has {MIN_TYPE_UNITS} to {MAX_TYPE_UNITS} units, not {units}")


def _text(value: Value) -> str:
    try:
        text = quick_json.encode(value)
    except UsageError as error:  # nested too deep: within 8192 units, nothing is
        raise _broken(FeedRule.SIZE, str(error)) from None
    units = len(text) if text.isascii() else length_utf16(text)
    if units > MAX_UNITS:
        raise _broken(FeedRule.SIZE, f"a message has at most {MAX_UNITS} UTF-16 units, not {units}")
    return text


@dataclass(frozen=True, slots=True)
class ClassicFormat:
    """Scuttlebutt's classic messages as a format of logs.

    Args:
        hmac_key: the network's, 32 bytes; None on the main network.
    """

    hmac_key: bytes | None = None

    @property
    def name(self) -> str:
        """The format's name in proofs."""
        return "classic"

    @property
    def max_bytes(self) -> int:
        """The most bytes of JSON that are looked at."""
        return MAX_RAW_BYTES

    def parse(self, raw: bytes) -> ClassicMessage:
        """The message in JSON of whatever layout; as `check_form`.

        Raises:
            InvalidEntry: it breaks a rule of form.
        """
        try:
            value = quick_json.parse(raw, max_characters=MAX_RAW_BYTES)
        except DecodeError as error:
            raise _broken(FeedRule.JSON, str(error)) from None
        return check_form(value)

    def verify(self, entry: ClassicMessage) -> None:
        """Returns if a message is signed by its author; as `check_signature`.

        Raises:
            InvalidEntry: it is not.
        """
        check_signature(entry, hmac_key=self.hmac_key)

    def create(
        self, secret: SecretKey, head: Head | None, content: Value, timestamp_ms: float
    ) -> ClassicMessage:
        """The signed message that comes next.

        Raises:
            UsageError: others would refuse it; the sentence says why.
        """
        message = classic.sign(
            secret,
            content,
            sequence=head.sequence + 1 if head else 1,
            previous=head.id if head else None,
            timestamp=timestamp_ms,
            hmac_key=self.hmac_key,
        )
        try:
            _check_content(content)
        except InvalidEntry as error:
            raise UsageError(error.reason) from None
        units = len(message.text) if message.text.isascii() else length_utf16(message.text)
        if units > MAX_UNITS:
            raise UsageError(f"size: a message has at most {MAX_UNITS} UTF-16 units, not {units}")
        return message
