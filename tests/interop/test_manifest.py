"""The pinned manifest of foreign peers, and what happens where they are missing. Needs neither."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.interop.lock import without_hosts, without_other_systems
from tests.interop.peers import HERE, demand_peers, why_modules_missing

EXACT_VERSION = re.compile(r"(npm:(@[a-z0-9-]+/)?[a-z0-9-]+@)?\d+\.\d+\.\d+")  # with the module, for an alias
# A scheme with its slashes, or something.tld: what a host looks like in either file. Module names such as
# "sha.js" and folders such as "node_modules/..." are not hosts, so the names of the packages are taken out
# before looking.
HOST = re.compile(
    r"[a-z+]+://|//[a-z]|\b[a-z0-9-]+\.(?:com|org|net|io|dev|me|club|local|internal)\b", re.IGNORECASE
)


def manifest() -> dict:
    return json.loads((HERE / "package.json").read_text(encoding="utf-8"))


def lock() -> dict:
    return json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))


def test_every_dependency_is_pinned_to_one_version() -> None:
    assert manifest()["dependencies"], "the manifest names no peer"
    for name, version in manifest()["dependencies"].items():
        assert EXACT_VERSION.fullmatch(version), f"{name}: {version}"


def test_the_lock_is_of_this_manifest() -> None:
    assert lock()["packages"][""]["dependencies"] == manifest()["dependencies"]


def test_every_locked_package_has_a_version_and_a_hash() -> None:
    packages = {path: package for path, package in lock()["packages"].items() if path}
    assert len(packages) > len(manifest()["dependencies"])
    for path, package in packages.items():
        assert EXACT_VERSION.match(package["version"]), path
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package["integrity"]), path


def test_the_lock_holds_whatever_it_asks_for() -> None:
    """`npm ci` installs nothing otherwise."""
    held = {path.rpartition("node_modules/")[2] for path in lock()["packages"]}
    for path, package in lock()["packages"].items():
        for kind in ("dependencies", "optionalDependencies"):
            missing = set(package.get(kind, {})) - held
            assert not missing, f"{path}: {missing}"
    odd = {"packages": {"node_modules/a": {"optionalDependencies": {"a-x64": "1", "a-arm": "1"}}}}
    odd["packages"]["node_modules/a-x64"] = {}
    assert without_other_systems(odd)["packages"]["node_modules/a"] == {
        "optionalDependencies": {"a-x64": "1"}
    }


@pytest.mark.parametrize("name", ["package.json", "package-lock.json", ".npmrc"])
def test_no_file_names_a_host(name: str) -> None:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if '"integrity"' not in line and HOST.search(line)] == []
    assert not any('resolved":' in line or line.startswith("registry") for line in lines)


@pytest.mark.parametrize(
    "line", ['"resolved": "https://r.example/a.tgz"', '"x": "git+ssh://git@example.org/a"', "b.example.com"]
)
def test_the_search_for_hosts_finds_one(line: str) -> None:
    assert HOST.search(line)


def test_the_lock_writer_drops_what_names_hosts() -> None:
    package = {
        "version": "1.0.0",
        "integrity": "sha512-x",
        "resolved": "https://a",
        "funding": {"url": "https://b"},
    }
    cleaned = without_hosts({"lockfileVersion": 3, "packages": {"": {}, "node_modules/p": package}})
    assert cleaned == {
        "lockfileVersion": 3,
        "packages": {"": {}, "node_modules/p": {"version": "1.0.0", "integrity": "sha512-x"}},
    }


@pytest.mark.parametrize(
    ("environment", "outcome"),
    [
        ({}, pytest.skip.Exception),
        ({"CI": "false"}, pytest.skip.Exception),
        ({"CI": "true"}, pytest.fail.Exception),
        ({"CI": "1"}, pytest.fail.Exception),
    ],
)
def test_a_missing_peer_skips_with_the_reason_and_fails_on_a_ci_machine(
    environment: dict[str, str], outcome: type[BaseException]
) -> None:
    reason = "Node.js, on which foreign peers run, is not installed"
    with pytest.raises((pytest.skip.Exception, pytest.fail.Exception), match=reason) as raised:
        demand_peers(reason, environment)
    assert raised.type is outcome
    demand_peers(None, environment)


def test_modules_that_are_missing_or_of_another_version_are_named(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"dependencies": {"proquint": "0.0.1"}}')
    assert "proquint is not installed: run `npm ci" in str(why_modules_missing(tmp_path))
    module = tmp_path / "node_modules" / "proquint"
    module.mkdir(parents=True)
    (module / "package.json").write_text('{"version": "0.0.2"}')
    assert "proquint is 0.0.2 and must be 0.0.1" in str(why_modules_missing(tmp_path))
    (module / "package.json").write_text('{"version": "0.0.1"}')
    assert why_modules_missing(tmp_path) is None
