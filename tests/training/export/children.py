"""What a process of its own is asked to do in tests; it imports nothing that is slow."""

import multiprocessing
import os
import signal
import tempfile
import time
from pathlib import Path


def large(n: int) -> bytes:
    """More than a pipe holds."""
    return bytes(range(256)) * n


def never() -> bytes:
    """Is not done in any test's time, has begun to write, and holds a lock."""
    lock = multiprocessing.Lock()
    (Path(tempfile.mkdtemp()) / "half").write_bytes(b"x")
    with lock:
        time.sleep(3600)
    return b""


def stubborn() -> bytes:
    """The same, and does not end when it is asked to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return never()


def refuses() -> bytes:
    raise NotImplementedError("no such\nlayer")


def dies() -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


class Odd:
    """Comes out of no pickle."""

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return int, ("odd",)
