"""Labels that mean nothing, to see that nothing but labels is learned. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from training.datasets.eeg_recording import Kind
from training.datasets.eeg_windows import EegWindow

BLOCK: Final = 20  # hops that stay together: 5 s


def shuffled(windows: Sequence[EegWindow], seed: int) -> list[EegWindow]:
    """The same with each person's labels drawn anew among that person's blocks.

    As many blocks of each person are called a seizure as before, so what is left to learn is
    whose EEG it is, and by which device.
    """
    rng = np.random.default_rng([seed, BLOCK])
    of_person: dict[str, list[int]] = defaultdict(list)
    for row, one in enumerate(windows):
        of_person[one.patient].append(row)
    made = list(windows)
    for rows in of_person.values():
        clips = [row for row in rows if windows[row].kind is Kind.CLIP]
        order = rng.permutation(len(clips))
        for row, other in zip(clips, order, strict=True):
            ictal = np.full(windows[row].n_hops, windows[clips[other]].ictal.any())
            made[row] = replace(windows[row], ictal=ictal)
        rest = [row for row in rows if windows[row].kind is not Kind.CLIP]
        for row, ictal in zip(rest, _blocks([windows[row] for row in rest], rng), strict=True):
            made[row] = replace(windows[row], ictal=ictal, n_before=0)
    return made


def _blocks(windows: Sequence[EegWindow], rng: np.random.Generator) -> list[np.ndarray]:
    if not windows:
        return []
    sizes = [-(-one.n_hops // BLOCK) for one in windows]
    labels = [
        bool(one.ictal[at * BLOCK : (at + 1) * BLOCK].mean() >= 0.5)
        for one, n in zip(windows, sizes, strict=True)
        for at in range(n)
    ]
    drawn = iter(rng.permutation(labels).tolist())
    return [
        np.repeat([next(drawn) for _ in range(n)], BLOCK)[: one.n_hops]
        for one, n in zip(windows, sizes, strict=True)
    ]
