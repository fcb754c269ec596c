"""The fields of an EDF or BDF header that say how long the file has to be.

They are looked at before edfio is given the file: it tells of them by its own inner errors.
"""

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Final, TypeVar

from vitalwire.errors import InputError

T = TypeVar("T", int, float)

_HEAD: Final = 256  # bytes, and as many for each signal (EDF, Kemp et al. 1992)
_BEFORE_SAMPLES: Final = 216  # bytes of a signal's fields before its samples in a data record
_BYTES: Final = {b"0": 2, b"\xffBIOSEMI": 3}  # of a sample, by how the file begins


def check_header(path: Path) -> None:
    """Hold the header against the file's length.

    Raises
    ------
    InputError
        Not EDF or BDF, a field that is no number, a file of another length than it says.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD)
            n_signals = _signals(path, head)
            signals = file.read(n_signals * _HEAD)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    held = _HEAD * (1 + n_signals)
    if size < held:
        raise InputError(
            f"{path}: truncated: expected a header of {held} bytes, got {size}: copy it again"
        )
    told = _field(path, "number of bytes in the header", head[184:192], int, _HEAD)
    if told != held:
        raise InputError(
            f"{path}: not an intact EDF file: number of bytes in the header: expected {held} "
            f"for {n_signals} signals, got {told}"
        )
    n_records = _field(path, "number of data records", head[236:244], int, -1)
    if _field(path, "duration of a data record", head[244:252], float, 0) == 0:
        raise InputError(
            f"{path}: not an intact EDF file: duration of a data record: expected more than 0 s"
        )
    first = n_signals * _BEFORE_SAMPLES
    counts = [signals[first + 8 * row : first + 8 * row + 8] for row in range(n_signals)]
    samples = [_field(path, "samples in a data record", one, int, 1) for one in counts]
    there, rest = divmod(size - held, sum(samples) * _BYTES[head[:8].strip()])
    if rest or n_records != there:
        more = " and a part of one" if rest else ""
        raise InputError(
            f"{path}: truncated or never closed: number of data records: the header says "
            f"{n_records}, the file holds {there}{more}: copy it again, or close it with the "
            "program that recorded it"
        )


def _signals(path: Path, head: bytes) -> int:
    if len(head) < _HEAD:
        raise InputError(
            f"{path}: truncated: expected an EDF header of {_HEAD} bytes at least, got "
            f"{len(head)}: copy it again"
        )
    if head[:8].strip() not in _BYTES:
        raise InputError(f"{path}: not an EDF or BDF file: it begins with {head[:8]!r}")
    return _field(path, "number of signals", head[252:256], int, 1)


def _field(path: Path, name: str, raw: bytes, kind: Callable[[str], T], least: float) -> T:
    text = raw.decode("latin-1").strip()
    try:
        value = kind(text)
    except ValueError:
        value = kind("-9")
    if not isfinite(value) or value < least:
        raise InputError(
            f"{path}: not an intact EDF file: {name}: expected a number from {least:g} on, got "
            f"{text!r}"
        )
    return value
