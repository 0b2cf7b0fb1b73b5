"""What identity costs: our signatures beside the bare libraries, and what each try of a passphrase takes.

    python bench/identity.py

Signing and verifying are measured in one run, every library in turn within each round, so that a machine that
is busy for a while is busy for all of them. A library's figure is the fastest of its rounds, and the table
gives it as a ratio to bare PyNaCl, which does the same arithmetic without our rule, our contexts and our
types. Ratios travel between machines; microseconds do not, and are there to show the order of magnitude.

The second table says how long a key file takes to open at each preset. That is what its owner waits, and what
somebody who stole the file pays for each guess.
"""

from __future__ import annotations

import argparse
import functools
import gc
import platform
import time
from collections.abc import Callable

import cryptography
import nacl
import nacl.signing
from cryptography.hazmat.primitives.asymmetric import ed25519
from tqdm import tqdm

from p2plib.errors import KeyFileError
from p2plib.identity import keyfile
from p2plib.identity.keys import SecretKey

SEED = bytes(range(32))
CONTEXT = "p2plib/bench/1"
SIZES_BYTES = (100, 8192)  # a small record, and Scuttlebutt's largest message
REFERENCE = "PyNaCl"
PRESETS = ("CHEAPEST", "INTERACTIVE", "MODERATE", "SENSITIVE")

Job = Callable[[], object]


def signature_jobs(size_bytes: int) -> dict[str, dict[str, Job]]:
    """Return {operation: {library: what to run once}} for messages of one size."""
    message = bytes(size_bytes)
    ours, theirs = SecretKey.from_seed(SEED), nacl.signing.SigningKey(SEED)
    openssl = ed25519.Ed25519PrivateKey.from_private_bytes(SEED)
    signature, in_context = ours.sign_raw(message), ours.sign(CONTEXT, message)
    their_public, openssl_public = theirs.verify_key, openssl.public_key()
    return {
        "sign": {
            "p2plib sign": lambda: ours.sign(CONTEXT, message),
            "p2plib sign_raw": lambda: ours.sign_raw(message),
            "PyNaCl": lambda: theirs.sign(message),
            "cryptography": lambda: openssl.sign(message),
        },
        "verify": {
            "p2plib verify": lambda: ours.public.verify(CONTEXT, message, in_context),
            "p2plib verify_raw": lambda: ours.public.verify_raw(message, signature),
            "PyNaCl": lambda: their_public.verify(message, signature),
            "cryptography": lambda: openssl_public.verify(signature, message),
        },
    }


def seconds_each(job: Job, times: int) -> float:
    """Return how many seconds one run of a job takes, over so many runs."""
    begun = time.perf_counter()
    for _ in range(times):
        job()
    return (time.perf_counter() - begun) / times


def fastest(jobs: dict[str, Job], rounds: int, times: int, progress: tqdm) -> dict[str, float]:
    """Return the fastest round of each job in seconds, the jobs taking turns."""
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(rounds):
        for name, job in jobs.items():
            best[name] = min(best[name], seconds_each(job, times))
        progress.update()
    return best


def signature_table(rounds: int, times: int) -> list[str]:
    """Measure every library, operation and size, and return the table's lines."""
    lines = [f"{'operation':<10}{'message':>10}  {'library':<20}{'to PyNaCl':>10}{'µs':>9}"]
    jobs = {(name, size): job for size in SIZES_BYTES for name, job in signature_jobs(size).items()}
    gc.disable()  # a collection would fall on one library by chance
    with tqdm(total=len(jobs) * rounds, desc="signatures", leave=False) as progress:
        for (operation, size_bytes), libraries in jobs.items():
            best = fastest(libraries, rounds, times, progress)
            for library, seconds in best.items():
                ratio = seconds / best[REFERENCE]
                lines.append(
                    f"{operation:<10}{size_bytes:>8} B  {library:<20}{ratio:>9.2f}x{seconds * 1e6:>9.1f}"
                )
    gc.enable()
    return lines


def keyfile_table(rounds: int) -> list[str]:
    """Measure opening a key file at each preset, and return the table's lines."""
    lines = [f"{'preset':<14}{'passes':>7}{'memory':>12}{'seconds':>10}{'to MODERATE':>14}"]
    secret, best = SecretKey.from_seed(SEED), {}
    for name in tqdm(PRESETS, desc="key files", leave=False):
        cost = getattr(keyfile, name)
        try:
            raw = keyfile.encode(secret, "correct horse", cost=cost)
            job = functools.partial(keyfile.decode, raw, "correct horse")
            best[name] = min(seconds_each(job, 1) for _ in range(rounds))
        except KeyFileError as error:
            lines.append(f"{name:<14}  not measured: {error}")
    for name, seconds in best.items():
        cost = getattr(keyfile, name)
        ratio = seconds / best["MODERATE"] if "MODERATE" in best else float("nan")
        lines.append(f"{name:<14}{cost.passes:>7}{cost.memory_kib:>8} KiB{seconds:>10.4f}{ratio:>13.4f}x")
    return lines


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=25, help="how often every library gets its turn")
    arguments.add_argument("--times", type=int, default=100, help="runs of one turn")
    given = arguments.parse_args()
    versions = f"PyNaCl {nacl.__version__}, cryptography {cryptography.__version__}"
    print(f"Python {platform.python_version()}, {versions}")
    print("\n".join(["", *signature_table(given.rounds, given.times), "", *keyfile_table(rounds=2)]))


if __name__ == "__main__":
    main()
