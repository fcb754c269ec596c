"""One daemon a folder: a lock that the kernel gives back when its holder dies."""

import fcntl
import os
from pathlib import Path

from vitalwire.errors import InputError


class FolderLock:
    """Holds `folder/lock` until `release`.

    Raises
    ------
    InputError
        Another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            if not isinstance(error, BlockingIOError):
                raise
            raise InputError(
                f"another vitalwire edge uses {folder} (pid {holder}): stop it, or give this "
                "one a folder of its own"
            ) from None
        try:
            # Who holds it is a courtesy: a full disk must not keep the gateway from starting.
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            pass

    def release(self) -> None:
        """Let go. The file stays: removing it would race with whoever waits for it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
