"""Small EDF files in the layouts in which EEG with seizures is published."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import edfio
import numpy as np

from vitalwire.recordings.edf_writer import write_edf
from vitalwire.recordings.format import Format, Segment

FS: Final = 64.0
LEADS: Final = ("FP1-F7", "F7-T7", "T7-P7")
SECONDS: Final = 40

_NOON_NS: Final = 1_715_947_200_000_000_000  # 12:00:00 of some day, UTC


def write_eeg(
    path: Path,
    seconds: int = SECONDS,
    *,
    leads: Sequence[str] = LEADS,
    clock_s: int = 0,
    gap: tuple[int, int] | None = None,
) -> Path:
    """Noise of 50 uV by our own writer; `clock_s` after noon, without the seconds of `gap`."""
    n = len(leads)
    form = Format(
        tuple(leads), FS, "uV", np.full(n, 0.1, np.float32), np.zeros(n, np.float32),
        start_ns=_NOON_NS + clock_s * 1_000_000_000,
    )  # fmt: skip
    rng = np.random.default_rng(len(path.name))
    x = rng.normal(0, 50, (n, round(seconds * FS))).astype(np.float32)
    segments = [Segment(0, x)]
    if gap is not None:
        first, end = (round(at * FS) for at in gap)
        segments = [Segment(0, x[:, :first]), Segment(end, x[:, end:])]
    return write_edf(path, form, segments)


def write_signals(path: Path, signals: Sequence[tuple[str, float]], seconds: int = 8) -> Path:
    """Leads by label and rate, as any other program writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    edfio.Edf(
        [
            edfio.EdfSignal(
                rng.normal(0, 50, round(seconds * fs)), fs, label=label,
                physical_dimension="uV", physical_range=(-400, 400),
            )
            for label, fs in signals
        ]
    ).write(path)  # fmt: skip
    return path


def patch_lead(path: Path, row: int, field: str, text: str) -> None:
    """Overwrite a lead's field in the header."""
    widths = {
        "label": 16, "transducer": 80, "unit": 8, "physical_min": 8, "physical_max": 8,
        "digital_min": 8, "digital_max": 8,
    }  # fmt: skip
    raw = bytearray(path.read_bytes())
    n = int(raw[252:256])
    before = list(widths)[: list(widths).index(field)]
    at = 256 + n * sum(widths[name] for name in before) + row * widths[field]
    raw[at : at + widths[field]] = text.encode().ljust(widths[field])
    path.write_bytes(raw)


def summary(*files: tuple[str, Sequence[tuple[int, int]]]) -> str:
    """A summary as CHB-MIT has them: file names with the seizures' seconds."""
    lines = [
        "Data Sampling Rate: 256 Hz", "*************************", "",
        "Channels in EDF Files:", "**********************", "Channel 1: FP1-F7", "",
    ]  # fmt: skip
    for name, seizures in files:
        lines += [f"File Name: {name}", "File Start Time: 11:42:54", "File End Time: 12:42:54"]
        lines.append(f"Number of Seizures in File: {len(seizures)}")
        for start, end in seizures:
            lines.append(f"Seizure Start Time: {start} seconds")
            lines.append(f"Seizure End Time: {end} seconds")
        lines.append("")
    return "\n".join(lines)


def write_case(
    folder: Path, case: str, files: Sequence[Sequence[tuple[int, int]]], seconds: int = SECONDS
) -> Path:
    """A case of CHB-MIT in a folder of its own: `files` are the seizures of each."""
    named = [(f"{case}_{number:02}.edf", its) for number, its in enumerate(files, start=1)]
    for name, _ in named:
        write_eeg(folder / case / name, seconds)
    (folder / case / f"{case}-summary.txt").write_text(summary(*named))
    return folder / case


def events(*rows: tuple[object, ...], columns: Sequence[str] = ()) -> str:
    """An events table of SzCORE's columns, and more."""
    names = ("onset", "duration", "eventType", *columns)
    return "".join("\t".join(map(str, row)) + "\n" for row in (names, *rows))
