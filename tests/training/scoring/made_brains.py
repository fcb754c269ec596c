"""A small data folder of EEG: people with seizures, cut as pieces or whole, and others.

A seizure is spikes and waves over background on all leads, so that a simple detector finds it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from tests.edge.stages.brain import background, samples, seizure
from tests.training.made_eeg import events, summary
from vitalwire.contracts import Samples
from vitalwire.recordings.edf_writer import write_edf
from vitalwire.recordings.format import Format, Segment

FS: Final = 128.0
LEADS: Final = ("FP1-F7", "T8-P8", "F7-T7", "T7-P7")
SICK: Final = ("chb01", "chb03")
HEALTHY: Final = ("s01", "s02")

Spans = Sequence[tuple[float, float]]


def brain(
    n_s: float, seizures: Spans = (), n_leads: int = len(LEADS), seed: int = 0
) -> Samples:
    """(n_leads, n_samples) uV."""
    x = background(n_leads, n_s, FS, seed=seed)
    for onset_s, end_s in seizures:
        fit = seizure(end_s - onset_s, FS)
        first = round(onset_s * FS)
        x[:, first : first + len(fit)] += fit
    return samples(x)


def write(path: Path, x: Samples, leads: Sequence[str] = LEADS, fs: float = FS) -> Path:
    """As an EDF+ file."""
    n = len(x)
    form = Format(
        tuple(leads), fs, "uV", np.full(n, 0.1, np.float32), np.zeros(n, np.float32),
        start_ns=1_715_947_200_000_000_000,
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_edf(path, form, [Segment(0, x)])


def write_pieces(folder: Path, people: Sequence[str] = SICK) -> Path:
    """Of each person a file across an onset, and the two pieces `_before` and `_ictal`."""
    for seed, person in enumerate(people):
        pieces = {
            f"{person}_01_onset": (brain(40, [(10, 40)], seed=seed), (10, 30, "sz")),
            f"{person}_02_before": (brain(10, seed=10 + seed), (0, 10, "bckg")),
            f"{person}_02_ictal": (brain(10, [(0, 10)], seed=20 + seed), (0, 10, "sz")),
        }
        for name, (x, event) in pieces.items():
            write(folder / f"{name}.edf", x)
            (folder / f"{name}_events.tsv").write_text(events(event))
    return folder


def write_people(folder: Path, people: Sequence[str] = HEALTHY, n_s: float = 40) -> Path:
    """People without a seizure, and the table that says so."""
    for seed, person in enumerate(people):
        write(folder / f"{person}.edf", brain(n_s, seed=50 + seed))
    (folder / "participants.tsv").write_text("\n".join(["participant", *people, ""]))
    return folder


def write_data(folder: Path) -> Path:
    """Everything, as `VITALWIRE_DATA` names it."""
    write_pieces(folder / "eeg" / "pieces")
    write_people(folder / "eeg" / "people")
    return folder


def published(folder: Path) -> dict[str, bytes]:
    """Files of CHB-MIT as a server has them: two people, an hour that takes a minute."""
    files: dict[str, bytes] = {}
    for seed, person in enumerate(SICK):
        named = [(f"{person}_01.edf", []), (f"{person}_02.edf", [(40, 60)])]
        for number, (name, spans) in enumerate(named):
            path = write(folder / name, brain(80, spans, seed=2 * seed + number))
            files[f"{person}/{name}"] = path.read_bytes()
        files[f"{person}/{person}-summary.txt"] = summary(*named).encode()
    files["RECORDS"] = "".join(f"{name}\n" for name in files if name.endswith(".edf")).encode()
    return files
