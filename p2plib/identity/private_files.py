"""Private files: read and written so that a secret is neither lost nor seen. Under `keyfile` and
`ssb_secret`.

Reading. The file is opened first and examined through its descriptor, so that what was examined is what is
read: a plain file, owned by us, with no permission for group or others, no bigger than its format can be. A
symbolic link is not followed: `rename` would replace the link and leave the old secret where it points.

Writing. A crash at any moment, even a loss of power, leaves the old file or the new one, never none and
never half::

    1. lock the directory, so that two processes of ours take turns
    2. write all of the bytes into a new file beside the old, made with its final permissions, and fsync it
    3. new file: `link` it to its name, which fails if the name is taken; replacement: `rename` it over the
    old 4. fsync the directory, so that the name is as durable as the bytes

What a crash leaves over is a hidden file `.NAME.new-` with sixteen hexadecimal digits behind it, which nobody
reads. It may hold a secret under a passphrase that was changed since, so the next write removes it; the lock
makes sure that its writer is dead. A hidden file of any other name is somebody's own, and is not touched.

This is for POSIX systems and local disks: it needs `flock`, hard links and permissions that are kept. A
browser's Python has neither locks nor links, but no second process either: its files are in memory, and the
same steps are taken without them. Elsewhere, as on Windows, every function here raises `KeyFileError`.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from p2plib.errors import KeyFileCorrupt, KeyFileError, KeyFileExists, KeyFileMissing, KeyFilePermissions

try:
    import fcntl
except ImportError:  # a browser: nobody to take turns with; and Windows, where nothing here works
    fcntl = None  # type: ignore[assignment]

OWNER_ONLY = 0o600
OWNER_READS_ONLY = 0o400
OTHERS = 0o077  # every permission of group and others

IS_SUPPORTED = os.name == "posix"

Random = Callable[[int], bytes]


def read_private(path: Path, max_bytes: int) -> bytes:
    """The bytes of a file that is private to its owner.

    Args:
        path: the file itself, not a link to it.
        max_bytes: more are not read.

    Raises:
        KeyFileMissing: there is no such file.
        KeyFilePermissions: others may read or write it, somebody else owns it, or it is a link or no plain
            file.
        KeyFileCorrupt: it has more than `max_bytes`.
        KeyFileError: the system does not let us read it.
    """
    _require_posix(path)
    try:
        # NONBLOCK: opening a pipe would wait for its writer, and it is refused below anyway.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _not_opened(path, error) from None
    except ValueError as error:
        raise _no_path(path, error) from None
    try:
        _check_private(path, os.fstat(descriptor))
        raw = b""
        while len(raw) <= max_bytes and (more := os.read(descriptor, max_bytes + 1 - len(raw))):
            raw += more
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(raw) > max_bytes:
        raise KeyFileCorrupt(f"{path} has more than {max_bytes} bytes, which no such file has")
    return raw


def create_private(path: Path, raw: bytes, random: Random, mode: int = OWNER_ONLY) -> None:
    """Writes a file that was not there before.

    Args:
        path: where; the directory must exist.
        raw: all of its bytes.
        random: gives so many random bytes, for the name of the file that is written first.
        mode: its permissions.

    Raises:
        KeyFileExists: something is there, even a link to nothing. It is left as it was.
        KeyFileError: the system does not let us write. Nothing is left behind, unless it was the last step
            that failed: then the file is there, and only a loss of power may undo that.
    """

    def put(new: Path) -> None:
        # Unlike rename, link never replaces what is there, whoever put it there and however late.
        if hasattr(os, "link"):
            os.link(new, path, follow_symlinks=False)
            os.unlink(new)
        else:  # in a browser, where nobody else puts files
            os.rename(new, path)

    with _system_errors(path), _locked_directory(path.parent) as directory:
        if os.path.lexists(path):
            raise KeyFileExists(
                f"{path} exists and is not overwritten: move it away first, if it may be lost"
            )
        _write(path, raw, random, mode, directory, put)


def replace_private(path: Path, old: bytes, raw: bytes, random: Random) -> None:
    """Puts new bytes in the place of a private file, if it still holds the old ones.

    Args:
        path: the file itself, not a link to it.
        old: what was read from it before; something else means that somebody changed it meanwhile.
        raw: all of its new bytes.
        random: as for `create_private`.

    Raises:
        KeyFileError: the file changed meanwhile, or as `read_private` raises, or the system does not let us
            write. The old file is left as it was, unless it was the last step that failed: then the new one
            is there, and a loss of power may bring the old one back.
    """
    with _system_errors(path), _locked_directory(path.parent) as directory:
        if read_private(path, len(old)) != old:
            raise KeyFileError(f"{path} was changed by somebody else meanwhile; it is left as it is")
        _write(path, raw, random, OWNER_ONLY, directory, lambda new: os.replace(new, path))


def _write(
    path: Path, raw: bytes, random: Random, mode: int, directory: int, put: Callable[[Path], None]
) -> None:
    """Steps 2 to 4 of the head of this module. Tidies up after an error; after a crash, the next write
    does."""
    _remove_leftovers(path)
    new = path.with_name(f"{_leftover_prefix(path)}{random(8).hex()}")
    try:
        # EXCL: nobody can have prepared a file or a link of this name.
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            os.fchmod(descriptor, mode)
            rest = memoryview(raw)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        put(new)
        os.fsync(directory)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise


def _require_posix(path: Path) -> None:
    if not IS_SUPPORTED:
        raise KeyFileError(
            f"{path}: private files need a POSIX system such as Linux, for its permissions and locks"
        )


def _leftover_prefix(path: Path) -> str:
    return f".{path.name}.new-"


def _remove_leftovers(path: Path) -> None:
    leftover = re.compile(re.escape(_leftover_prefix(path)) + "[0-9a-f]{16}")
    for name in os.listdir(path.parent):
        if leftover.fullmatch(name):  # ".key.new-laptop" may be the key of a laptop
            os.unlink(path.with_name(name))


@contextlib.contextmanager
def _locked_directory(directory: Path) -> Iterator[int]:
    """The directory's descriptor, locked until the end; the system unlocks it when a process dies."""
    _require_posix(directory)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    """Turns the system's errors into the library's, which say what they mean for the file."""
    try:
        yield
    except FileExistsError:
        problem: KeyFileError = KeyFileExists(
            f"{path} was put there by somebody else just now; it stays as it is"
        )
    except KeyFileError:
        raise
    except OSError as error:
        problem = KeyFileError(f"{path} cannot be written: {error.strerror}")
    except ValueError as error:
        problem = _no_path(path, error)
    else:
        return
    raise problem


def _not_opened(path: Path, error: OSError) -> KeyFileError:
    if isinstance(error, FileNotFoundError):
        return KeyFileMissing(f"there is no key file at {path}")
    if os.path.islink(path):  # unlike Path.is_symlink, it raises nothing for a name that is too long
        return KeyFilePermissions(f"{path} is a symbolic link: give the path of the file itself")
    return KeyFileError(f"{path} cannot be opened: {error.strerror}")


def _no_path(path: Path, error: ValueError) -> KeyFileError:
    """A zero byte, or half a surrogate pair: no file system has such a name."""
    return KeyFileError(f"{str(path)!a} cannot be a path: {error}")


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyFilePermissions(f"{path} is not a plain file")
    user = getattr(os, "geteuid", os.getuid)()  # a browser's Python knows one user, by the other name alone
    if status.st_uid != user:
        raise KeyFilePermissions(f"{path} belongs to user {status.st_uid}, not to {user}")
    mode = stat.S_IMODE(status.st_mode)
    if mode & OTHERS:
        raise KeyFilePermissions(
            f"{path} is open to others (mode {mode:04o}): think who may have read it, then chmod 600 it"
        )
