"""Writes WFDB records, format 16, block by block: a day of signal never lies in memory.

Format: header(5) and signal(5) of the WFDB Applications Guide. Missing samples are -32768.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitalwire.recordings.atomic import staged
from vitalwire.recordings.format import (
    Format,
    Segment,
    check_record_name,
    digital,
    filled,
    positioned,
)


def write_wfdb(
    folder: Path,
    name: str,
    form: Format,
    segments: Iterable[Segment],
) -> Path:
    """Write a WFDB record and return the path of its header.

    Parameters
    ----------
    segments : iterable of Segment
        In order, without overlap. What lies between them is written as missing.

    Raises
    ------
    InputError
        A name that WFDB cannot carry, or a folder that cannot be written to.
    """
    check_record_name(name)
    n_channels = len(form.leads)
    # WFDB knows a whole number of steps as baseline; the rest of the offset, under half a
    # step, would move every sample: it goes into the samples instead.
    baseline = np.rint(-form.offset.astype(np.float64) / form.scale)
    grid = Format(
        form.leads, form.fs, form.unit, form.scale,
        (-baseline * form.scale).astype(np.float32), form.start_ns, form.comments,
    )  # fmt: skip
    with staged(folder, [f"{name}.dat", f"{name}.hea"]) as work:
        tally = _Tally(n_channels)
        with (work / f"{name}.dat").open("wb") as file:
            for block in filled(positioned(segments), n_channels):
                steps = digital(block, grid)
                tally.add(steps)
                file.write(np.ascontiguousarray(steps.T).tobytes())
        header = _header(name, grid, baseline, tally)
        (work / f"{name}.hea").write_text(header, encoding="ascii", errors="replace")
    return folder / f"{name}.hea"


class _Tally:
    """Length, first values and 16-bit checksums, as the header wants them."""

    def __init__(self, n_channels: int) -> None:
        self.n_samples = 0
        self.first = np.zeros(n_channels, np.int64)
        self.sums = np.zeros(n_channels, np.int64)

    def add(self, steps: NDArray[np.int16]) -> None:
        if self.n_samples == 0 and steps.shape[1]:
            self.first = steps[:, 0].astype(np.int64)
        self.n_samples += steps.shape[1]
        self.sums += steps.sum(axis=1, dtype=np.int64)

    def checksum(self, channel: int) -> int:
        return int((self.sums[channel] + 32768) % 65536 - 32768)


def _header(name: str, form: Format, baseline: NDArray[np.float64], tally: _Tally) -> str:
    lines = [
        f"{name} {len(form.leads)} {form.fs:.12g} {tally.n_samples}{_start(form.start_ns)}"
    ]
    for i, lead in enumerate(form.leads):
        # The shortest decimal of a float32: 0.005 gives 200 and not 200.000004.
        gain = f"{1 / float(str(form.scale[i])):.9g}({int(baseline[i])})/{form.unit}"
        lines.append(f"{name}.dat 16 {gain} 16 0 {tally.first[i]} {tally.checksum(i)} 0 {lead}")
    lines += [f"# {comment}" for comment in form.comments]
    return "\n".join(lines) + "\n"


def _start(start_ns: int | None) -> str:
    if start_ns is None:
        return ""
    start = datetime.fromtimestamp(start_ns // 1000 / 1e6, UTC)
    return start.strftime(" %H:%M:%S.%f %d/%m/%Y")
