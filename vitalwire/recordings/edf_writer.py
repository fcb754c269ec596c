"""Writes EDF+ record by record: a day of signal never lies in memory.

EDF+ (edfplus.info, section 2) has no missing sample. What this writer does:

- A gap between segments makes the file discontinuous (EDF+D): each data record carries its
  own onset, and nothing is written for the time between.
- A missing sample inside a data record, and the rest of the record before a gap, holds the
  last value; an annotation `missing LEAD` with onset and duration says so. Our reader makes
  NaN of these again; any other reader shows the annotation.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Samples
from vitalwire.errors import InputError
from vitalwire.recordings.atomic import staged
from vitalwire.recordings.format import Format, Segment, digital, positioned
from vitalwire.wire import FULL_SCALE, MISSING

MISSING_NOTE: Final = "missing "  # and the lead's label
_RECORD_BYTES: Final = 61440  # the most that EDF recommends for one data record
_UNKNOWN_DATE: Final = "01.01.85"
_MONTHS: Final = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"  # in English in every locale


@dataclass(frozen=True, slots=True)
class Note:
    """An annotation: onset in seconds from the first sample; duration None for an instant."""

    onset_s: float
    duration_s: float | None
    text: str


def write_edf(
    path: Path,
    form: Format,
    segments: Iterable[Segment],
    notes: Sequence[Note] = (),
) -> Path:
    """Write an EDF+ file and return its path.

    Parameters
    ----------
    segments : iterable of Segment
        In order, without overlap; gaps make the file EDF+D.
    notes : sequence of Note
        Annotations.
    """
    labels = _labels(form.leads)
    grid = _grid(form)
    n = _record_samples(form)
    with staged(path.parent, [path.name]) as work:
        # Times are counted on the rate that the header's eight characters give, so that
        # whoever reads them finds the very sample again, however long the file.
        fs = n / float(_number(n / form.fs))
        cutter = _Cutter(labels, fs, n)
        onsets: list[int] = []
        samples = work / "samples"
        with samples.open("wb") as file:
            for first, block in cutter.records(positioned(segments)):
                onsets.append(first)
                file.write(cutter.held(digital(block, grid)).astype("<i2").tobytes())
        if not onsets:
            raise InputError(f"{path}: no samples to write")
        shift = ((form.start_ns or 0) % 1_000_000_000) / 1e9
        marks = [replace(note, onset_s=note.onset_s * form.fs / fs) for note in notes]
        tals = _annotation_records(onsets, [*marks, *cutter.missing], fs, shift)
        with (work / path.name).open("wb") as out, samples.open("rb") as file:
            out.write(_header(grid, labels, n, onsets, len(tals[0])))
            _interleave(out, file, tals, len(labels) * n * 2)
    return path


class _Cutter:
    """Cuts segments into data records and keeps account of what is missing in them."""

    def __init__(self, labels: Sequence[str], fs: float, record_samples: int) -> None:
        self._labels = labels
        self._fs = fs
        self._n = record_samples
        self._last = np.zeros(len(labels), np.int16)
        self._open: list[tuple[int, int] | None] = [None] * len(labels)  # start, end
        self._notes: list[Note] = []

    def records(self, segments: Iterable[Segment]) -> Iterator[tuple[int, Samples]]:
        """First sample and samples of each data record."""
        start, used = 0, 0
        block = self._empty()
        for segment in segments:
            taken = 0
            if used and segment.first_sample >= start + self._n:
                yield self._closed(start, block)
                block, used = self._empty(), 0
            if used:
                used = segment.first_sample - start
            else:
                start = segment.first_sample
            while taken < segment.data.shape[1]:
                part = segment.data[:, taken : taken + self._n - used]
                block[:, used : used + part.shape[1]] = part
                used += part.shape[1]
                taken += part.shape[1]
                if used == self._n:
                    yield self._closed(start, block)
                    block, start, used = self._empty(), start + self._n, 0
        if used:
            yield self._closed(start, block)

    def held(self, steps: NDArray[np.int16]) -> NDArray[np.int16]:
        """A data record whose missing samples hold the value before them."""
        held = steps.copy()
        for channel in np.flatnonzero((steps == MISSING).any(axis=1)):
            row = held[channel]
            at = np.where(row == MISSING, -1, np.arange(len(row)))
            np.maximum.accumulate(at, out=at)
            held[channel] = np.where(at < 0, self._last[channel], row[at])
        self._last = held[:, -1].copy()
        return held

    @property
    def missing(self) -> list[Note]:
        """An annotation for each stretch without samples."""
        for channel in range(len(self._labels)):
            self._note(channel)
        return self._notes

    def _empty(self) -> Samples:
        return np.full((len(self._labels), self._n), np.nan, np.float32)

    def _closed(self, start: int, block: Samples) -> tuple[int, Samples]:
        lost = np.isnan(block)
        for channel in np.flatnonzero(lost.any(axis=1)):
            edges = np.flatnonzero(np.diff(lost[channel], prepend=False, append=False))
            for first, end in edges.reshape(-1, 2) + start:
                self._extend(int(channel), int(first), int(end))
        return start, block

    def _extend(self, channel: int, first: int, end: int) -> None:
        before = self._open[channel]
        if before is not None and before[1] == first:
            self._open[channel] = (before[0], end)
            return
        self._note(channel)
        self._open[channel] = (first, end)

    def _note(self, channel: int) -> None:
        span, self._open[channel] = self._open[channel], None
        if span is not None:
            text = MISSING_NOTE + self._labels[channel]
            self._notes.append(Note(span[0] / self._fs, (span[1] - span[0]) / self._fs, text))


def _record_samples(form: Format) -> int:
    """Samples a lead in one data record: a second, or less where that is too many bytes."""
    second = max(1, round(form.fs))
    fitting = (
        second // k
        for k in range(1, second + 1)
        if second % k == 0 and len(form.leads) * 2 * second // k <= _RECORD_BYTES
    )
    return next(fitting, 1)


def _labels(leads: Sequence[str]) -> list[str]:
    """Labels of at most 16 printable ASCII characters, all different."""
    labels: list[str] = []
    for i, lead in enumerate(leads):
        label = lead.encode("ascii", "replace").decode()[:16].strip() or f"lead {i + 1}"
        if label in labels:
            label = f"{label[:12]}-{i + 1}"
        labels.append(label)
    return labels


def _grid(form: Format) -> Format:
    """The format as the file's eight characters for a number can carry it."""
    low, high = (
        np.array([float(_number(end)) for end in ends]) for ends in _physical_range(form)
    )
    scale = (high - low) / (2 * FULL_SCALE)
    if not (scale > 0).all():
        raise InputError(
            f"EDF has 8 characters for a lead's range; {float(form.scale.min()):g} "
            f"{form.unit} a step on an offset of {float(form.offset.max()):g} does not fit"
        )
    offset = (high + low) / 2
    return Format(
        form.leads, form.fs, form.unit, scale.astype(np.float32), offset.astype(np.float32),
        form.start_ns, form.comments,
    )  # fmt: skip


def _physical_range(form: Format) -> tuple[list[float], list[float]]:
    """What the smallest and the largest step stand for."""
    # The shortest decimals of a float32: 0.005 and not 0.004999999888.
    pairs = [
        (float(str(s)), float(str(o))) for s, o in zip(form.scale, form.offset, strict=True)
    ]
    return [o - FULL_SCALE * s for s, o in pairs], [o + FULL_SCALE * s for s, o in pairs]


def _number(value: float) -> str:
    """A number in at most eight characters, without an exponent."""
    for decimals in range(7, -1, -1):
        text = f"{value:.{decimals}f}"
        if decimals:
            text = text.rstrip("0").rstrip(".")
        if len(text) <= 8:
            return text
    raise InputError(f"EDF has 8 characters for a number, {value:g} does not fit")


def _annotation_records(
    onsets: Sequence[int], notes: Sequence[Note], fs: float, shift: float
) -> list[bytes]:
    """The annotation signal of each data record, all of one even length."""
    waiting = sorted(notes, key=lambda note: note.onset_s, reverse=True)
    records: list[bytes] = []
    for i, onset in enumerate(onsets):
        tals = [_tal(onset / fs + shift, None, "")]
        end_s = onsets[i + 1] / fs if i + 1 < len(onsets) else float("inf")
        while waiting and waiting[-1].onset_s < end_s:
            note = waiting.pop()
            tals.append(_tal(note.onset_s + shift, note.duration_s, note.text))
        records.append(b"".join(tals))
    width = max(map(len, records))
    width += width % 2
    return [record.ljust(width, b"\x00") for record in records]


def _tal(onset_s: float, duration_s: float | None, text: str) -> bytes:
    """A time-stamped annotation list (EDF+ 2.2.2)."""
    clean = "".join(c for c in text if c >= " ")
    stamp = f"{onset_s:+.9f}".rstrip("0").rstrip(".")
    if duration_s is not None:
        stamp += f"\x15{duration_s:.9f}".rstrip("0").rstrip(".")
    return f"{stamp}\x14{clean}\x14\x00".encode()


def _interleave(out: BinaryIO, samples: BinaryIO, tals: list[bytes], n_bytes: int) -> None:
    for tal in tals:
        out.write(samples.read(n_bytes))
        out.write(tal)


def _header(
    form: Format, labels: Sequence[str], n: int, onsets: Sequence[int], tal_bytes: int
) -> bytes:
    unbroken = all(b - a == n for a, b in pairwise(onsets))
    n_signals = len(labels) + 1
    date, clock, long_date = _start(form.start_ns)
    fixed = [
        ("0", 8), ("X X X X", 80), (f"Startdate {long_date} X X vitalwire", 80), (date, 8),
        (clock, 8), (str(256 * (n_signals + 1)), 8), ("EDF+C" if unbroken else "EDF+D", 44),
        (str(len(onsets)), 8), (_number(n / form.fs), 8), (str(n_signals), 4),
    ]  # fmt: skip
    low, high = _physical_range(form)
    n_leads = len(labels)
    columns: list[tuple[list[str], int]] = [
        ([*labels, "EDF Annotations"], 16),
        ([""] * n_signals, 80),
        ([form.unit] * n_leads + [""], 8),
        ([*map(_number, low), "-1"], 8),
        ([*map(_number, high), "1"], 8),
        ([str(-FULL_SCALE)] * n_leads + ["-32768"], 8),
        ([str(FULL_SCALE)] * n_leads + ["32767"], 8),
        ([""] * n_signals, 80),
        ([str(n)] * n_leads + [str(tal_bytes // 2)], 8),
        ([""] * n_signals, 32),
    ]
    fields = fixed + [(value, width) for values, width in columns for value in values]
    return b"".join(value.encode("ascii").ljust(width) for value, width in fields)


def _start(start_ns: int | None) -> tuple[str, str, str]:
    """Date and time of the header, and the date as EDF+ wants it; X where nobody knows."""
    if start_ns is None:
        return _UNKNOWN_DATE, "00.00.00", "X"
    start = datetime.fromtimestamp(start_ns // 1_000_000_000, UTC)
    if not 1985 <= start.year <= 2084:
        raise InputError(f"EDF knows the years 1985 to 2084, the recording is of {start.year}")
    month = _MONTHS[3 * (start.month - 1) :][:3]
    return (
        start.strftime("%d.%m.%y"),
        start.strftime("%H.%M.%S"),
        f"{start.day:02}-{month}-{start.year}",
    )
