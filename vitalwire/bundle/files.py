"""Files of a bundle on disk: read without being led astray, written whole or not at all.

A bundle may come from anybody: a link, a pipe or an endless file in it is refused before
anything of it is read.
"""

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from vitalwire.errors import BundleError


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of at most `max_bytes`.

    Raises
    ------
    BundleError
        It is missing, a link, no file, too large, or cannot be read.
    """
    try:
        # Not following links, and not waiting for somebody to write into a named pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise BundleError(f"{path.name} is missing in {path.parent}") from None
    except OSError as error:
        if path.is_symlink():
            raise BundleError(
                f"{_shown(path)} is a link: a bundle holds its own files"
            ) from None
        raise BundleError(f"cannot read {_shown(path)}: {error.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BundleError(f"{_shown(path)} is no regular file: a bundle holds files only")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise BundleError(f"cannot read {_shown(path)}: {error.strerror}") from None
    finally:
        os.close(descriptor)
    if len(content) > max_bytes:
        raise BundleError(f"{_shown(path)} is larger than {max_bytes} bytes")
    return content


def is_there(path: Path) -> bool:
    """Whether something lies at `path`, a link that leads nowhere included.

    Raises
    ------
    BundleError
        Nobody can tell: the way there is closed.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise BundleError(f"cannot look at {_shown(path)}: {error.strerror}") from None
    return True


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put `content` at `path`: a reader, or a power cut, sees the old file or the new one.

    Raises
    ------
    OSError
        It could not be written; what was there stays.
    """
    descriptor, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)  # the umask must not hide it from the daemon's user
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _shown(path: Path) -> str:
    """A path of unknown origin, without what would steer a terminal."""
    return ascii(str(path))
