"""A small data folder to train on, and runs that are over in a second."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from tests.training.scoring.made_records import Made
from training.datasets.rhythm_sets import is_validation_record
from training.loop import LoopConfig
from training.runs import BeatRun, RhythmRun
from training.splits import is_test_record
from training.tasks.ecg_beat import BeatConfig
from training.tasks.ecg_rhythm import RhythmConfig

LABELS: Final = ("N", "A", "O", "~")
PEOPLE: Final = ("101", "106", "201")
LABELLED_S: Final = 12.0
ANNOTATED_S: Final = 60.0
SIZES: Final = {
    "stem": 2, "beat": 2, "rhythm": 2, "beat_dilations": [1], "rhythm_dilations": [1],
}  # fmt: skip
BEAT_SIZES: Final = {"channels": [4], "kernels": [5], "strides": [4], "dilations": [1]}

RHYTHM_TOML: Final = """
[loop]
epochs = 2
[task]
steps = 1
weak = 2
strong = 1
[task.sizes]
stem = 2
beat = 2
rhythm = 2
beat_dilations = [1]
rhythm_dilations = [1]
"""
BEAT_TOML: Final = """
[loop]
epochs = 2
[task]
steps = 2
batch = 16
weak = 4
[task.sizes]
channels = [4]
kernels = [5]
strides = [4]
dilations = [1]
"""


def rhythm_run(epochs: int = 2, weak: int = 2, strong: int = 1) -> RhythmRun:
    """Two steps an epoch."""
    task = RhythmConfig(sizes=SIZES, steps=2, weak=weak, strong=strong)
    return RhythmRun(loop=LoopConfig(epochs=epochs), task=task)


def beat_run(epochs: int = 2) -> BeatRun:
    """Two steps an epoch."""
    task = BeatConfig(sizes=BEAT_SIZES, steps=2, batch=16, weak=4)
    return BeatRun(loop=LoopConfig(epochs=epochs), task=task)


def labelled_name(kind: str, skip: int = 0) -> str:
    """A record's name that falls to `train`, `choose` or `test`."""
    fits = {
        "train": lambda name: not is_test_record(name) and not is_validation_record(name),
        "choose": is_validation_record,
        "test": is_test_record,
    }[kind]
    names = [f"A{n:05d}" for n in range(1, 400)]
    return [name for name in names if fits(name)][skip]


def write_labelled(folder: Path, names: Iterable[str] | None = None) -> dict[str, str]:
    """Records with one label each, beside a table of them; gives the table."""
    if names is None:
        kinds = ("train", "train", "choose", "test")
        names = [labelled_name(kind, skip) for skip in range(4) for kind in kinds]
    table = {name: LABELS[i % 4] for i, name in enumerate(dict.fromkeys(names))}
    rng = np.random.default_rng(1)
    for name, label in table.items():
        spread_s = 0.25 if label == "A" else 0.0
        at = 0.5 + np.cumsum(0.8 + spread_s * rng.uniform(-1, 1, 13))
        beats = [(float(one), "N") for one in at if one < LABELLED_S - 0.5]
        tones = [(0.0, LABELLED_S, "noise")] if label == "~" else []
        Made(LABELLED_S, beats=beats, tones=tones).write(folder, name)
    lines = [f"{name},{label}\n" for name, label in table.items()]
    (folder / "REFERENCE.csv").write_text("".join(lines))
    return table


def annotated(duration_s: float = ANNOTATED_S, n_leads: int = 2, shift_s: float = 0.0) -> Made:
    """A record with beats of three classes, and a rhythm that changes twice."""
    symbol = {"N": "N", "V": "V", "S": "A"}
    classes = {7: "V", 15: "S", 23: "V", 31: "S", 47: "F"}
    beats = [
        (n * 0.9 + 0.6 + shift_s, {"V": "V", "S": "S"}.get(classes.get(n % 50, "N"), "N"))
        for n in range(int((duration_s - 2) / 0.9))
    ]
    marks = [(at, symbol[label], "") for at, label in beats]
    marks += [
        (at, "+", name)
        for at, name in ((0.1, "(N"), (20.05, "(AFIB"), (40.05, "(VT"))
        if at < duration_s
    ]
    return Made(duration_s, beats=beats, n_leads=n_leads, marks=marks)


def write_data(folder: Path) -> Path:
    """`challenge-2017` and `mitdb`, as small as both tasks can be trained on."""
    write_labelled(folder / "challenge-2017")
    for i, name in enumerate(PEOPLE):
        annotated(shift_s=0.05 * i).write(folder / "mitdb", name)
    return folder
