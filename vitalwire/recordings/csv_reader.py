"""Reads CSV: a header line, one row a sample, one column a lead.

    # fs: 130
    # start: 2024-05-17T04:26:40Z
    time_s,ECG (mV),hr
    0.0000,-0.098,
    0.0077,-0.084,

- Comments `# fs: HZ`, `# start: ISO 8601`, `# unit: mV` are optional.
- A column is a lead by its name (ECG, MLII, V1, Fp1-F7 ...), or by a unit in brackets or behind
  an underscore (`chest (uV)`, `chest_uV`). Other columns, as `hr` or `rr`, are left out.
  Without a unit an ECG is in mV and an EEG in uV.
- `time`, `timestamp` or `t`, with `_s`, `_ms`, `_us` or `_ns`; without one, its size tells.
  Numbers of today's epoch give the start. Steps longer than one and a half samples are gaps.
  Without `fs` the mean step gives the rate.
- An empty cell or `nan` is a missing sample.

A Polar H10's `time,ecg,hr,rr` with time in ns is such a file. It is read into memory whole.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Samples
from vitalwire.errors import InputError
from vitalwire.recordings.fitting import fit_span
from vitalwire.recordings.leads import Lead, unique_labels
from vitalwire.recordings.opening import Picked
from vitalwire.wire import FULL_SCALE, quantize

_TIME: Final = re.compile(r"(?:time|timestamp|t)(?:[ _(\[]*(s|ms|us|ns)[)\]]?)?", re.IGNORECASE)
_NS: Final = {"s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}
_UNIT: Final = re.compile(r"(.*?)[ ]*(?:\(([^)]*)\)|\[([^\]]*)\]|_([munµμ]?V))", re.IGNORECASE)
_EPOCH_NS: Final = 10**17  # March 1973: smaller times count from the recording's start
_ROUNDING: Final = 2.0**-22  # of a float32, twice over
_MAX_GAP_SAMPLES: Final = 1 << 31


@dataclass(frozen=True, slots=True, eq=False)
class CsvFile:
    """A CSV file, read whole."""

    name: str
    path: Path
    start_ns: int | None
    leads: tuple[Lead, ...]
    columns: NDArray[np.float32]  # (n_columns, n_rows), without time
    at: NDArray[np.int64]  # sample of each row

    @classmethod
    def open(cls, path: Path, fs: float | None = None) -> "CsvFile":
        """Read the file.

        Raises
        ------
        InputError
            With the line and column at fault.
        """
        if not path.is_file():
            raise InputError(f"{path}: no such recording")
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                table = _Table.read(path, file)
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not a text file ({error.reason})") from error
        given = fs if fs is not None else _declared_rate(path, table.comments)
        at, rate, start_ns = _timeline(path, table.time_ns, given, table.values.shape[1])
        declared = table.comments.get("start")
        return cls(
            name=path.stem,
            path=path,
            start_ns=start_ns if declared is None else _iso_ns(path, declared),
            leads=_leads(table.names, rate, table.comments.get("unit", "")),
            columns=table.values,
            at=at,
        )

    def pick(self, rows: Sequence[int]) -> Picked:
        """Some of the columns."""
        n_samples = int(self.at[-1]) + 1

        def physical(first: int, n: int) -> Samples:
            out = np.full((len(rows), n), np.nan, np.float32)
            begin, end = np.searchsorted(self.at, [first, first + n])
            out[:, self.at[begin:end] - first] = self.columns[list(rows), begin:end]
            return out

        grids = [_decimal_grid(self.columns[row]) for row in rows]
        if None in grids:
            return Picked(n_samples, *fit_span(physical, n_samples, len(rows)))
        scale = np.array(grids, np.float64)
        zero = np.zeros(len(rows))

        def digital(first: int, n: int) -> NDArray[np.int16]:
            return quantize(
                physical(first, n), scale.astype(np.float32), zero.astype(np.float32)
            )

        return Picked(n_samples, scale, zero, digital)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    comments: dict[str, str]
    names: list[str]  # without the time column's
    values: NDArray[np.float32]  # (n_columns, n_rows)
    time_ns: NDArray[np.float64] | None

    @classmethod
    def read(cls, path: Path, file: TextIO) -> "_Table":
        comments: dict[str, str] = {}
        reader = csv.reader(_without_comments(file, comments))
        header = [cell.strip() for cell in next(reader, [])]
        if not header:
            raise InputError(f"{path}: is empty: expected a header line and samples")
        if _number(header[0]) is not None:
            raise InputError(f"{path}: expected a header line with names, got numbers")
        rows = np.array(list(_rows(path, reader, header)), np.float64).reshape(-1, len(header))
        if len(rows) == 0:
            raise InputError(f"{path}: has a header line but no samples")
        match = [_TIME.fullmatch(name) for name in header]
        clock = next((i for i, found in enumerate(match) if found), None)
        keep = [i for i in range(len(header)) if i != clock]
        time_ns = None
        if clock is not None:
            found = match[clock]
            time_ns = _in_ns(rows[:, clock], found.group(1) if found else None)
        values = rows[:, keep].T.astype(np.float32)
        values[~np.isfinite(values)] = np.nan
        return cls(comments, [header[i] for i in keep], values, time_ns)


def _decimal_grid(column: NDArray[np.float32]) -> float | None:
    """The power of ten whose multiples all samples are, if 16 bits hold them: no loss then."""
    finite = column[np.isfinite(column)].astype(np.float64)
    for decimals in range(7):
        steps = finite * 10**decimals
        if steps.size and np.abs(steps).max() > FULL_SCALE:
            return None
        if (np.abs(steps - np.rint(steps)) <= _ROUNDING * np.abs(steps)).all():
            return float(f"1e-{decimals}")
    return None


def _without_comments(file: TextIO, comments: dict[str, str]) -> Iterator[str]:
    for line in file:
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            comments[key.strip().lower()] = value.strip()
        elif line.strip():
            yield line


def _rows(
    path: Path, reader: Iterator[list[str]], header: Sequence[str]
) -> Iterator[list[float]]:
    for number, row in enumerate(reader, 1):
        if len(row) != len(header):
            raise InputError(
                f"{path}: sample {number} has {len(row)} columns, the header {len(header)}: "
                "was the file cut off?"
            )
        values = [_number(cell) for cell in row]
        if None in values:
            column = values.index(None)
            raise InputError(
                f"{path}: sample {number}, column {header[column]}: expected a number, got "
                f"{row[column][:32]!r}"
            )
        yield [value for value in values if value is not None]


def _number(cell: str) -> float | None:
    try:
        return float(cell) if cell.strip() else float("nan")
    except ValueError:
        return None


def _in_ns(time: NDArray[np.float64], unit: str | None) -> NDArray[np.float64]:
    if unit is not None:
        return time * _NS[unit.lower()]
    size = float(np.nanmax(np.abs(time))) if np.isfinite(time).any() else 0.0
    # Seconds since 1970 are ten digits; three more are ms, six us, nine ns.
    for limit, name in ((1e17, "ns"), (1e14, "us"), (1e11, "ms")):
        if size > limit:
            return time * _NS[name]
    return time * _NS["s"]


def _timeline(
    path: Path, time_ns: NDArray[np.float64] | None, fs: float | None, n_rows: int
) -> tuple[NDArray[np.int64], float, int | None]:
    """Sample of each row, rate in Hz, and the start where time counts from 1970."""
    if time_ns is None:
        if fs is None:
            raise InputError(
                f"{path}: fs: no time column and no rate: add a line '# fs: 130' or say it"
            )
        return np.arange(n_rows, dtype=np.int64), fs, None
    steps = np.diff(time_ns)
    if not np.isfinite(time_ns).all() or len(steps) == 0 or (steps <= 0).any():
        row = (
            int(np.argmin(np.isfinite(time_ns)))
            if not np.isfinite(time_ns).all()
            else (int(np.argmax(steps <= 0)) + 1 if len(steps) else 0)
        )
        raise InputError(
            f"{path}: time column: sample {row + 1} is missing or not later than the one before"
        )
    usual = 1e9 / fs if fs else float(np.median(steps))
    near = steps[steps < 1.5 * usual]
    if len(near) == 0:
        raise InputError(f"{path}: its time column does not go with fs {fs:g}: correct one")
    if fs is None:
        fs = round(1e9 / float(near.mean()), 2)
    whole = np.where(steps < 1.5 * usual, 1, np.rint(steps / 1e9 * fs)).astype(np.float64)
    if whole.sum() > _MAX_GAP_SAMPLES:
        raise InputError(f"{path}: time column: jumps by more than a recording can be long")
    at = np.concatenate([[0], np.cumsum(whole)]).astype(np.int64)
    start = round(float(time_ns[0])) if time_ns[0] > _EPOCH_NS else None
    return at, fs, start


def _declared_rate(path: Path, comments: dict[str, str]) -> float | None:
    text = comments.get("fs")
    if text is None:
        return None
    value = _number(text.lower().removesuffix("hz"))
    if value is None or not 0 < value < float("inf"):
        raise InputError(f"{path}: fs: expected a rate > 0 Hz, got {text!r}: correct it")
    return value


def _iso_ns(path: Path, text: str) -> int:
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{path}: start: expected ISO 8601, got {text!r}") from None
    return (
        round((start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp() * 1e6) * 1000
    )


def _leads(names: Sequence[str], fs: float, unit: str) -> tuple[Lead, ...]:
    """Leads of the columns: name and unit taken apart."""
    parts = [_UNIT.fullmatch(name) for name in names]
    units = [next(filter(None, part.groups()[1:]), "") if part else "" for part in parts]
    labels = [part.group(1) if part else name for part, name in zip(parts, names, strict=True)]
    return tuple(
        Lead(label, own or unit, fs)
        for label, own in zip(unique_labels(labels), units, strict=True)
    )
