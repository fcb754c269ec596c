"""A small data folder of EEG to learn seizures from, and runs that are over in a second.

A seizure is a large rhythm of 4 Hz over noise; everybody's background is noise. Pieces are
cut as `chbmit-segments` are, other people lie beside a table of participants, and there are
clips of one lead.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.training.made_eeg import events
from training.loop import LoopConfig
from training.runs import SeizureRun
from training.tasks.eeg_seizure import SeizureConfig
from vitalwire.recordings.edf_writer import write_edf
from vitalwire.recordings.format import Format, Segment

FS: Final = 128.0
PATIENTS: Final = ("chb01", "chb03")
PEOPLE: Final = tuple(f"s{n}" for n in range(18, 28))  # of whom s18, s22, s23, s27 are held out
SIZES: Final = {"encoder": [4, 4, 4], "n_pooled": 8, "dilations": [1, 2]}
SEIZURE_TOML: Final = """
[loop]
epochs = 1
[task]
steps = 1
batch = 6
[task.sizes]
encoder = [4, 4, 4]
n_pooled = 8
dilations = [1, 2]
"""

Float32 = NDArray[np.float32]


def seizure_run(epochs: int = 2, steps: int = 2, model: str = "tcn") -> SeizureRun:
    """Two steps an epoch."""
    sizes = SIZES if model == "tcn" else {"encoder": [4, 4, 4], "n_pooled": 8}
    task = SeizureConfig(model=model, sizes=sizes, steps=steps, batch=6)
    return SeizureRun(loop=LoopConfig(epochs=epochs), task=task)


def background(n_leads: int, seconds: float, seed: int) -> Float32:
    """Noise of some 20 uV, (n_leads, n_samples)."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 20, (n_leads, round(seconds * FS))).astype(np.float32)


def with_seizure(n_leads: int, seconds: float, onset_s: float, seed: int) -> Float32:
    """The same with a rhythm of 120 uV from the onset on."""
    x = background(n_leads, seconds, seed)
    t = np.arange(x.shape[1]) / FS
    wave = 120.0 * np.sin(2 * np.pi * 4.0 * t) * (t >= onset_s)
    return (x + wave).astype(np.float32)


def write_x(path: Path, x: Float32, leads: Sequence[str]) -> Path:
    """Samples as an EDF+ file."""
    n = len(x)
    form = Format(
        tuple(leads), FS, "uV", np.full(n, 0.1, np.float32), np.zeros(n, np.float32),
        start_ns=1_715_947_200_000_000_000,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_edf(path, form, [Segment(0, x)])


def write_seizures(folder: Path) -> Path:
    """The whole folder; give it as VITALWIRE_DATA."""
    cuts = folder / "eeg" / "pieces"
    leads = ("FP1-F7", "F7-T7", "T7-P7")
    for number, patient in enumerate(PATIENTS):
        _write_piece(
            cuts / f"{patient}_01_onset.edf", with_seizure(3, 30, 10, number), leads, (10, 20)
        )
        _write_piece(
            cuts / f"{patient}_02_before.edf", background(3, 10, number + 10), leads, None
        )
        _write_piece(
            cuts / f"{patient}_02_ictal.edf",
            with_seizure(3, 10, 0, number + 20),
            leads,
            (0, 10),
        )
    quiet = folder / "eeg" / "quiet"
    for number, person in enumerate(PEOPLE):
        write_x(quiet / f"{person}.edf", background(2, 30, number + 30), ("AF3", "F7"))
    table = "participant\n" + "".join(f"{one}\n" for one in PEOPLE)
    (quiet / "participants.tsv").write_text(table)
    _write_clips(folder / "eeg" / "clips" / "clips.npz")
    return folder


def _write_piece(
    path: Path, x: Float32, leads: Sequence[str], seizure: tuple[int, int] | None
) -> None:
    write_x(path, x, leads)
    rows = [(*seizure, "sz")] if seizure else [(0, 10, "bckg")]
    path.with_name(f"{path.stem}_events.tsv").write_text(events(*rows))


def _write_clips(path: Path) -> None:
    path.parent.mkdir(parents=True)
    sets = {
        name: np.stack([background(1, 24, 60 + at)[0] for at in range(3)]).astype(np.int16)
        for name in "ZONF"
    }
    sets["S"] = np.stack([with_seizure(1, 24, 0, 90 + at)[0] for at in range(3)]).astype(
        np.int16
    )
    np.savez(path, fs=FS, **sets)  # type: ignore[arg-type]
