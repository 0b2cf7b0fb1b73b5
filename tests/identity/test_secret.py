"""Secrets stay in: no repr, log, pickle or traceback shows one."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Callable

import nacl.bindings
import pytest

from p2plib.errors import UsageError, WeakKey
from p2plib.identity.exchange import ExchangeKey
from p2plib.identity.keys import SecretKey
from tests.identity.reports import library_locals

SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
SECRETS: list[SecretKey | ExchangeKey] = [SecretKey.from_seed(SEED), ExchangeKey.from_bytes(SEED)]


def assert_hidden(shown: str, secret: bytes = SEED) -> None:
    """None of the ways in which bytes are written shows any eight bytes of the secret."""
    for i in range(0, len(secret) - 8, 4):
        part = secret[i : i + 8]
        for form in (part.hex(), repr(part)[2:-1], repr(list(part))[1:-1], part.decode("latin-1")):
            assert form not in shown


def test_the_check_for_hidden_secrets_works() -> None:
    for shown in (repr(SEED), SEED.hex(), repr(list(SEED)), f"{SEED + bytes(3)!r}"):
        with pytest.raises(AssertionError):
            assert_hidden(shown)


@pytest.mark.fault("F011")
@pytest.mark.parametrize("key", SECRETS, ids=["SecretKey", "ExchangeKey"])
def test_secrets_are_not_shown(key: SecretKey | ExchangeKey, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("p2plib.test").debug("key %s %r", key, key, extra={"key": key})
    shown = [
        repr(key),
        str(key),
        f"{key}",
        f"{key!s} {key!a}",
        "%s %r" % (key, key),  # noqa: UP031
        f"{key!s:>80}",
        caplog.text,
    ]
    shown += [repr([key]), repr({"key": key}), ascii(key), repr(dir(key))]
    shown += [repr(getattr(key, name)) for name in dir(key)]
    for text in shown:
        assert_hidden(text)
    assert repr(key).startswith(type(key).__name__ + "(of ")
    with pytest.raises(TypeError):
        vars(key)
    with pytest.raises(TypeError):
        bytes(key)  # type: ignore[call-overload]


@pytest.mark.fault("F011")
@pytest.mark.parametrize("key", SECRETS, ids=["SecretKey", "ExchangeKey"])
def test_secrets_are_not_pickled(key: SecretKey | ExchangeKey) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(UsageError, match="not pickled"):
            pickle.dumps(key, protocol)
    with pytest.raises(UsageError, match="not pickled"):
        pickle.dumps({"deep": [key]})


@pytest.mark.parametrize("key", SECRETS, ids=["SecretKey", "ExchangeKey"])
def test_secrets_are_copied_as_themselves(key: SecretKey | ExchangeKey) -> None:
    assert copy.copy(key) is key
    assert copy.deepcopy([key])[0] is key


LEAKS: dict[str, Callable[[], object]] = {
    "seed too short": lambda: SecretKey.from_seed(SEED[:-1]),
    "seed too long": lambda: SecretKey.from_seed(SEED + b"x"),
    "seed of another type": lambda: SecretKey.from_seed(bytearray(SEED)),  # type: ignore[arg-type]
    "private key too short": lambda: ExchangeKey.from_bytes(SEED[:-1]),
    "random source that gives too much": lambda: SecretKey.generate(lambda size: SEED + SEED),
    "weak peer key": lambda: ExchangeKey.from_bytes(SEED).shared_secret(bytes(32)),
    "peer key of another type": lambda: ExchangeKey.from_bytes(SEED).shared_secret(list(bytes(32))),  # type: ignore[arg-type]
    "message of another type": lambda: SecretKey.from_seed(SEED).sign_raw("text"),  # type: ignore[arg-type]
    "message of another type, in a context": lambda: SecretKey.from_seed(SEED).sign("c", "text"),  # type: ignore[arg-type]
    "no context": lambda: SecretKey.from_seed(SEED).sign("", b""),
    "assignment": lambda: setattr(SecretKey.from_seed(SEED), "seed", SEED),
}


@pytest.mark.fault("F011")
@pytest.mark.parametrize("act", LEAKS.values(), ids=LEAKS)
def test_tracebacks_do_not_show_secrets(act: Callable[[], object]) -> None:
    with pytest.raises((UsageError, WeakKey)) as caught:
        act()
    report = library_locals(caught.value)
    assert "SecretKey" in report or "ExchangeKey" in report or "seed" in report or "X25519" in report
    assert_hidden(report)
    assert_hidden("".join(traceback.format_exception(caught.value)))
    assert caught.value.__context__ is None


@pytest.mark.fault("F159")
def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr("hmac.compare_digest", compare)
    first, second = SecretKey.from_seed(SEED), SecretKey.from_seed(bytes(32))
    assert first != second
    assert compared == [(SEED, bytes(32))]
    exchange = ExchangeKey.from_bytes(SEED)
    secret = exchange.shared_secret(nacl.bindings.crypto_scalarmult_base(bytes([1] * 32)))
    assert compared[1:] == [(secret, bytes(32))]
