"""Write package-lock.json anew: what `npm` resolves, without a single host.

    python tests/interop/lock.py

Run it after a change to package.json. The lock pins every package by version and by hash, which is what makes
an install repeatable; where the bytes come from is for each machine's own npm configuration to say. `.npmrc`
keeps the places of download out of the lock, and this script drops what is left of the web in it: the
maintainers' donation pages.

Native parts for other systems than this one, which a registry need not have, are not locked either; and a
lock that asks for what it does not hold is refused by `npm ci`. So they are dropped from what asks for them.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "package-lock.json"
RESOLVE = ("npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund")
TIMEOUT_S = 300


def without_hosts(lock: dict) -> dict:
    """Return the lock with every package's `funding` and `resolved` entries left out."""
    packages = {
        path: {name: value for name, value in package.items() if name not in ("funding", "resolved")}
        for path, package in lock["packages"].items()
    }
    return {**lock, "packages": packages}


def without_other_systems(lock: dict) -> dict:
    """Return the lock with every optional dependency left out that it does not hold."""
    held = {path.rpartition("node_modules/")[2] for path in lock["packages"]}
    packages = {}
    for path, package in lock["packages"].items():
        optional = package.get("optionalDependencies", {})
        kept = {name: version for name, version in optional.items() if name in held}
        packages[path] = {**package, "optionalDependencies": kept} if optional else package
    return {**lock, "packages": packages}


def main() -> None:
    subprocess.run(RESOLVE, cwd=HERE, check=True, timeout=TIMEOUT_S)
    lock = without_other_systems(without_hosts(json.loads(LOCK.read_text(encoding="utf-8"))))
    LOCK.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{LOCK.name}: {len(lock['packages']) - 1} packages")


if __name__ == "__main__":
    main()
