"""Who changed which model when: `bundles/audit.jsonl`, JSON lines, only added to."""

import json
import os
import pwd
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_MODE = 0o640


def append(path: Path, fields: dict[str, Any]) -> None:
    """Add a line with the time and the user, and have it on the disk.

    Raises
    ------
    OSError
        It could not be written; no part of the line stays.
    """
    line = {"time": _now(), **_user(), **fields}
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"  # by a power cut
        text = ("\n" if torn else "") + json.dumps(line, allow_nan=False) + "\n"
        try:
            _write_all(descriptor, text.encode())
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _user() -> dict[str, Any]:
    """The user of the process, and whom sudo says that it acts for."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container's user may have no name
        name = str(uid)
    behind = os.environ.get("SUDO_USER")
    return {"user": name, "uid": uid} | ({"sudo_user": behind[:64]} if behind else {})
