"""Reads WFDB records through wfdb-python, block by block.

Initial values and checksums of the header are not compared: challenge-2017 has headers whose
initial value is wrong although the samples are right. Lengths are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Samples
from vitalwire.errors import InputError
from vitalwire.recordings.fitting import fit_span
from vitalwire.recordings.leads import Lead, unique_labels
from vitalwire.recordings.opening import Picked
from vitalwire.wire import MISSING

# signal(5): what stands for a missing sample, and how many bytes hold a sample.
_MISSING: Final = {
    "80": -(2**7), "310": -(2**9), "311": -(2**9), "212": -(2**11), "16": -(2**15),
    "61": -(2**15), "160": -(2**15), "508": -(2**7), "516": -(2**15),
}  # fmt: skip
_BYTES: Final = {
    "80": 1.0, "8": 1.0, "212": 1.5, "310": 4 / 3, "311": 4 / 3, "16": 2.0, "61": 2.0,
    "160": 2.0, "24": 3.0, "32": 4.0,
}  # fmt: skip
_COMPRESSED: Final = ("0", "508", "516", "524")  # 0: no samples at all
_SUFFIXES: Final = (".hea", ".dat", ".mat")


@dataclass(frozen=True, slots=True, eq=False)
class WfdbFile:
    """An opened WFDB record."""

    name: str
    path: Path  # without a suffix
    start_ns: int | None
    leads: tuple[Lead, ...]
    n_frames: int
    header: Any  # wfdb.Record or wfdb.MultiRecord, untyped
    states_length: bool = True  # header(5) may leave it to the signal file

    @classmethod
    def open(cls, path: Path) -> "WfdbFile":
        """Read and check the header.

        Raises
        ------
        InputError
            No header, no signal file, a truncated one, no leads, no rate.
        """
        record = path.with_suffix("") if path.suffix.lower() in _SUFFIXES else path
        hea = record.with_name(record.name + ".hea")
        if not hea.is_file():
            raise InputError(
                f"{path}: no such recording; expected {hea.name} (WFDB) or a .edf, .bdf or "
                ".csv file"
            )
        header = _read_header(record, hea)
        if not header.n_sig or header.sig_len == 0:
            raise InputError(f"{hea}: has no signals (leads {header.n_sig}): nothing to read")
        multi = hasattr(header, "seg_name")
        described = 0 if multi else len(header.sig_name or ())
        if not multi and described != header.n_sig:
            raise InputError(
                f"{hea}: number of leads: the header says {header.n_sig}, it describes "
                f"{described}: correct it"
            )
        states_length = header.sig_len is not None
        if not multi:
            header.sig_len = _checked_length(hea, header)
        first = _probe(record, header) if multi else header
        frames = [1] * header.n_sig if multi else [n or 1 for n in header.samps_per_frame]
        start = header.base_datetime
        return cls(
            name=record.name,
            path=record,
            start_ns=None
            if start is None
            else round(start.replace(tzinfo=UTC).timestamp() * 1e6) * 1000,
            leads=tuple(
                Lead(label, unit or "", float(header.fs or 0) * n)
                for label, unit, n in zip(
                    unique_labels([name or "" for name in first.sig_name]),
                    first.units,
                    frames,
                    strict=True,
                )
            ),
            n_frames=int(header.sig_len),
            header=header,
            states_length=states_length,
        )

    def pick(self, rows: Sequence[int]) -> Picked:
        """Some of the leads, all of one rate."""
        formats = None if hasattr(self.header, "seg_name") else self.header.fmt
        if formats is None or any(formats[row] not in _MISSING for row in rows):
            return self._fitted(rows)
        missing = np.array([_MISSING[formats[row]] for row in rows])
        per_frame = self.header.samps_per_frame[rows[0]] or 1
        gain = np.array([float(self.header.adc_gain[row]) for row in rows])
        baseline = np.array([float(self.header.baseline[row]) for row in rows])

        if not (np.isfinite(gain).all() and (gain != 0).all()):
            raise InputError(
                f"{self.path}.hea: gain: expected a number > 0, got {gain.tolist()}"
            )
        # A lead may be upside down; an int16 scale is > 0, so its steps are turned.
        sign = np.sign(gain)[:, None]

        def digital(first: int, n: int) -> NDArray[np.int16]:
            steps = self._frames(rows, per_frame, first, n, physical=False)
            lost = steps == missing[:, None]
            return np.where(lost, MISSING, steps * sign).astype(np.int16)

        return Picked(self.n_frames * per_frame, 1 / np.abs(gain), -baseline / gain, digital)

    def _fitted(self, rows: Sequence[int]) -> Picked:
        per_frame = 1
        if not hasattr(self.header, "seg_name"):
            per_frame = self.header.samps_per_frame[rows[0]] or 1

        def physical(first: int, n: int) -> Samples:
            return self._frames(rows, per_frame, first, n, physical=True).astype(np.float32)

        n_samples = self.n_frames * per_frame
        return Picked(n_samples, *fit_span(physical, n_samples, len(rows)))

    def _frames(
        self, rows: Sequence[int], per_frame: int, first: int, n: int, *, physical: bool
    ) -> NDArray[np.float64]:
        """Digital or physical values `(n_channels, n)`, in float64 (exact for integers)."""
        if n == 0:
            return np.empty((len(rows), 0))
        import wfdb

        start, stop = first // per_frame, -(-(first + n) // per_frame)
        multi = hasattr(self.header, "seg_name")
        try:
            record = wfdb.rdrecord(
                str(self.path), sampfrom=start,
                sampto=stop if self.states_length else None,  # wfdb cannot compare with None
                channels=list(rows), physical=physical, smooth_frames=multi,
            )  # fmt: skip
        except Exception as error:
            raise InputError(
                f"{self.path}: samples {first} to {first + n} cannot be read ({error}): "
                "copy the record again"
            ) from error
        if multi:
            values = record.p_signal.T
        else:
            values = np.stack(record.e_p_signal if physical else record.e_d_signal)
        skip = first - start * per_frame
        return np.asarray(values[:, skip : skip + n], np.float64).copy()


def _read_header(record: Path, hea: Path) -> Any:
    import wfdb

    try:
        header = wfdb.rdheader(str(record), rd_segments=False)
    except Exception as error:
        raise InputError(f"{hea}: not a WFDB header ({error})") from error
    if not header.fs:
        raise InputError(f"{hea}: fs: expected a rate > 0 Hz, got {header.fs}: correct it")
    return header


def _probe(record: Path, header: Any) -> Any:
    """Names and units of a record of segments, which its own header does not have."""
    import wfdb

    try:
        return wfdb.rdrecord(str(record), sampfrom=0, sampto=min(1, header.sig_len))
    except Exception as error:
        raise InputError(f"{record}.hea: a segment cannot be read ({error})") from error


def _checked_length(hea: Path, header: Any) -> int:
    """Frames of the record, once every signal file was found to be long enough."""
    unknown = sorted(set(header.fmt) - {*_BYTES, *_COMPRESSED})
    if unknown:
        raise InputError(f"{hea}: format of the samples: {unknown[0]} is none of signal(5)")
    per_file: dict[str, float] = {}
    for name, fmt, n in zip(header.file_name, header.fmt, header.samps_per_frame, strict=True):
        per_file[name] = per_file.get(name, 0.0) + _BYTES.get(fmt, 0.0) * (n or 1)
    length: int | None = header.sig_len
    for name, frame_bytes in per_file.items():
        file = hea.parent / name
        if name == "~":
            continue
        if not file.is_file():
            raise InputError(f"{hea}: its signal file {name} is not there: copy it beside it")
        size = file.stat().st_size - (header.byte_offset[header.file_name.index(name)] or 0)
        if frame_bytes == 0:  # compressed: only its decoder can tell
            continue
        held = int(size / frame_bytes + 1e-9)
        if length is None:
            length = held
        if held < length:
            raise InputError(
                f"{file}: truncated: the header says {length} samples, it holds {held}; "
                "copy or download it again"
            )
    if not length:
        raise InputError(f"{hea}: number of samples: expected more than 0, got {length}")
    return length
