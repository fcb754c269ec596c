"""Opens a recording of any format that is known here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vitalwire import wire
from vitalwire.contracts import Signal
from vitalwire.errors import InputError
from vitalwire.recordings.leads import Lead, choose
from vitalwire.recordings.recording import Digital, Recording


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """Some leads of an opened file: `value = int16 * scale + offset` in the file's unit."""

    n_samples: int
    scale: NDArray[np.float64]  # (n_channels,)
    offset: NDArray[np.float64]  # (n_channels,)
    digital: Digital


class OpenedFile(Protocol):
    """What a format's reader gives."""

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> Path: ...

    @property
    def start_ns(self) -> int | None: ...

    @property
    def leads(self) -> tuple[Lead, ...]: ...

    def pick(self, rows: Sequence[int]) -> Picked:
        """Some of the leads, all of one rate."""
        ...


def open_recording(
    path: Path | str,
    *,
    signal: Signal | None = None,
    leads: Sequence[str] | None = None,
    fs: float | None = None,
    unit: str | None = None,
) -> Recording:
    """Open a WFDB record, an EDF+, BDF or CSV file.

    Parameters
    ----------
    path : Path or str
        A WFDB record with or without `.hea`, or a `.edf`, `.bdf`, `.csv` file.
    signal : Signal, optional
        ECG or EEG; by default what most leads are, by their labels, else by their units.
    leads : sequence of str, optional
        Labels or numbers from 1; by default all leads of the signal that share its rate.
    fs : float, optional
        Rate in Hz of a CSV file that does not say it.
    unit : str, optional
        V, mV, uV or nV, where the file says nothing or something wrong.

    Raises
    ------
    InputError
        With the file, the field and what to do.
    """
    opened = _open_file(Path(path), fs)
    choice = choose(opened.path, opened.leads, signal=signal, wanted=leads, unit=unit)
    rate = opened.leads[choice.rows[0]].fs
    if not wire.MIN_FS <= rate <= wire.MAX_FS:  # false for NaN too
        raise InputError(
            f"{opened.path}: fs: expected {wire.MIN_FS:g} to {wire.MAX_FS:g} Hz, got {rate:g}"
        )
    picked = opened.pick(choice.rows)
    if picked.n_samples == 0:
        raise InputError(f"{opened.path}: has no samples: was it cut off when it was copied?")
    factors = np.array(choice.factors)
    scale = (picked.scale * factors).astype(np.float32)
    offset = (picked.offset * factors).astype(np.float32)
    _check_scale(opened.path, [opened.leads[row].label for row in choice.rows], scale, offset)
    return Recording(
        name=opened.name,
        path=opened.path,
        signal=choice.signal,
        leads=tuple(opened.leads[row].label for row in choice.rows),
        fs=float(rate),
        n_samples=picked.n_samples,
        start_ns=opened.start_ns,
        scale=scale,
        offset=offset,
        digital=picked.digital,
        left_out=tuple(
            lead.label for i, lead in enumerate(opened.leads) if i not in choice.rows
        ),
    )


def _open_file(path: Path, fs: float | None) -> OpenedFile:
    suffix = path.suffix.lower()
    if suffix in (".edf", ".rec", ".bdf"):
        from vitalwire.recordings.edf_reader import EdfFile

        return EdfFile.open(path)
    if suffix in (".csv", ".txt"):
        from vitalwire.recordings.csv_reader import CsvFile

        return CsvFile.open(path, fs)
    from vitalwire.recordings.wfdb_reader import WfdbFile

    return WfdbFile.open(path)


def _check_scale(
    path: Path,
    labels: Sequence[str],
    scale: NDArray[np.float32],
    offset: NDArray[np.float32],
) -> None:
    for label, step, zero in zip(labels, scale, offset, strict=True):
        # Half of what the wire carries, which adds one lead's scale to another's offset.
        most = float(step) * -wire.MISSING + abs(float(zero))
        if not (step > 0 and most <= wire.MAX_FULL_SCALE / 2):  # false for NaN too
            raise InputError(
                f"{path}: lead {label}: a step of {float(step):g} on {float(zero):g} is no "
                "scale of an electrode: correct gain and baseline (WFDB) or the unit and the "
                "physical range (EDF), or choose other leads"
            )
