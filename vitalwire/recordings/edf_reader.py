"""Reads EDF, EDF+ (continuous or not) and BDF through edfio.

The samples of EDF are mapped into memory, and let go once they were given out: a file of any
length is streamed. Those of BDF are read at once, as edfio does.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Samples
from vitalwire.errors import InputError
from vitalwire.recordings.annotations import NOTE_SYMBOL, Annotations
from vitalwire.recordings.edf_header import check_header
from vitalwire.recordings.edf_runs import Runs, record_onsets
from vitalwire.recordings.edf_writer import MISSING_NOTE
from vitalwire.recordings.fitting import fit_span
from vitalwire.recordings.leads import Lead, choose, unique_labels
from vitalwire.recordings.opening import Picked
from vitalwire.wire import FULL_SCALE, MISSING

_OUR_MARK: Final = "vitalwire"  # equipment in the header of what our writer wrote
_NO_DATE: Final = 1985  # the year that EDF+ gives where nobody knows it


@dataclass(frozen=True, slots=True, eq=False)
class EdfFile:
    """An opened EDF or BDF file."""

    name: str
    path: Path
    start_ns: int | None
    leads: tuple[Lead, ...]
    onsets_s: NDArray[np.float64]  # of each data record, from the first
    edf: Any  # edfio.Edf or edfio.Bdf

    @classmethod
    def open(cls, path: Path) -> "EdfFile":
        """Read and check the header and the data records' times.

        Raises
        ------
        InputError
            Missing, truncated, no EDF, no leads, no duration.
        """
        edf = _read(path)
        labels = unique_labels([signal.label for signal in edf.signals])
        try:
            leads = tuple(
                Lead(label, signal.physical_dimension, float(signal.sampling_frequency))
                for label, signal in zip(labels, edf.signals, strict=True)
            )
            onsets = record_onsets(edf)
        except (ValueError, IndexError, ArithmeticError) as error:
            raise InputError(f"{path}: not an intact EDF file ({error})") from error
        if (np.diff(onsets) <= 0).any():
            raise InputError(f"{path}: its data records go back in time: repair the file")
        return cls(path.stem, path, _start_ns(edf), leads, onsets, edf)

    @property
    def without_range(self) -> tuple[str, ...]:
        """Leads whose physical or digital range is empty: `pick` refuses them."""
        return tuple(
            lead.label
            for lead, signal in zip(self.leads, self.edf.signals, strict=True)
            if _gain_and_offset(signal) is None
        )

    def pick(self, rows: Sequence[int]) -> Picked:
        """Some of the leads, all of one rate."""
        signals = [self.edf.signals[row] for row in rows]
        fs = self.leads[rows[0]].fs
        runs = Runs.of(self.onsets_s, fs, signals[0].samples_per_data_record)
        spans = self._missing_spans(rows, fs)

        def raw(first: int, n: int) -> NDArray[np.float64]:
            """Digital values, NaN = missing."""
            return _blanked(runs.read(signals, first, n), spans, first)

        gain, offset = _calibration(self.path, signals)
        steps_fit = all(s.digital_min >= -32768 and s.digital_max <= 32767 for s in signals)
        if not steps_fit:

            def physical(first: int, n: int) -> Samples:
                return (raw(first, n) * gain[:, None] + offset[:, None]).astype(np.float32)

            return Picked(runs.n_samples, *fit_span(physical, runs.n_samples, len(rows)))
        # A lead may be upside down in EDF; an int16 scale is > 0, so its steps are turned.
        sign = np.sign(gain)[:, None]

        def digital(first: int, n: int) -> NDArray[np.int16]:
            steps = np.clip(raw(first, n) * sign, -FULL_SCALE, FULL_SCALE)
            return np.nan_to_num(steps, nan=MISSING).astype(np.int16)

        return Picked(runs.n_samples, np.abs(gain), offset, digital)

    def _missing_spans(self, rows: Sequence[int], fs: float) -> list[tuple[int, int, int]]:
        """Row, first sample and end of what our writer annotated as missing."""
        if _OUR_MARK not in self.edf.local_recording_identification:
            return []
        labels = {MISSING_NOTE + self.leads[row].label: i for i, row in enumerate(rows)}
        return [
            (
                labels[note.text],
                round(note.onset * fs),
                round((note.onset + note.duration) * fs),
            )
            for note in self.edf.annotations
            if note.text in labels and note.duration is not None
        ]


def read_edf_annotations(path: Path) -> Annotations:
    """Annotations of an EDF+ file, at the rate at which `open_recording` reads it."""
    opened = EdfFile.open(path)
    chosen = choose(path, opened.leads, signal=None, wanted=None, unit=None)
    fs = opened.leads[chosen.rows[0]].fs
    try:
        notes = [n for n in opened.edf.annotations if not n.text.startswith(MISSING_NOTE)]
    except ValueError as error:
        raise InputError(f"{path}: its annotations cannot be read ({error})") from error
    return Annotations(
        fs=fs,
        samples=np.array([round(note.onset * fs) for note in notes], np.int64),
        symbols=(NOTE_SYMBOL,) * len(notes),
        aux=tuple(note.text for note in notes),
        duration_s=np.array(
            [np.nan if note.duration is None else note.duration for note in notes], np.float64
        ),
    )


def _read(path: Path) -> Any:
    if not path.is_file():
        if path.is_symlink():
            raise InputError(f"{path}: a link to a file that is not there: fetch the file")
        raise InputError(f"{path}: no such recording")
    check_header(path)
    import edfio

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # edfio warns of a truncated file and goes on
        try:
            if path.suffix.lower() == ".bdf":
                edf: Any = edfio.read_bdf(path, header_encoding="latin-1")
            else:
                edf = edfio.read_edf(path, header_encoding="latin-1")
        except UserWarning as warning:
            raise InputError(
                f"{path}: truncated or never closed: {warning} Copy it again"
            ) from warning
        except Exception as error:
            raise InputError(f"{path}: not an EDF or BDF file ({error})") from error
    if not edf.signals:
        raise InputError(f"{path}: number of signals: has no leads, only annotations")
    if edf.num_data_records < 1 or not edf.data_record_duration > 0:
        raise InputError(
            f"{path}: has {edf.num_data_records} data records of "
            f"{edf.data_record_duration} s: nothing to read"
        )
    return edf


def _calibration(
    path: Path, signals: Sequence[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gain and offset: `physical = digital * gain + offset`."""
    pairs = []
    for signal in signals:
        pair = _gain_and_offset(signal)
        if pair is None:
            raise InputError(
                f"{path}: lead {signal.label}: physical and digital range must not be empty: "
                "correct them in the header, or choose other leads"
            )
        pairs.append(pair)
    gains, offsets = np.array(pairs).T
    return gains, offsets


def _gain_and_offset(signal: Any) -> tuple[float, float] | None:
    """None where the header's ranges give none; a gain below 0 is a lead upside down."""
    try:
        digital = float(signal.digital_max) - float(signal.digital_min)
        gain = (float(signal.physical_max) - float(signal.physical_min)) / digital
        offset = float(signal.physical_min) - float(signal.digital_min) * gain
    except (ValueError, ZeroDivisionError):
        return None
    return (gain, offset) if gain != 0 and np.isfinite([gain, offset]).all() else None


def _blanked(
    values: NDArray[np.float64], spans: Sequence[tuple[int, int, int]], first: int
) -> NDArray[np.float64]:
    for row, begin, end in spans:
        values[row, max(0, begin - first) : max(0, end - first)] = np.nan
    return values


def _start_ns(edf: Any) -> int | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two dates in one header: edfio takes the longer one
        try:
            start: datetime = edf.startdatetime.replace(tzinfo=UTC)
        except Exception:  # noqa: BLE001  a date that was removed or never was one
            return None
    if start.year == _NO_DATE:
        return None
    return round(start.timestamp() * 1e6) * 1000
