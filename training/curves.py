"""A run's curves, as a picture: how the loss fell and what validation said."""

from typing import Final

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from training.run_folder import RunFolder
from vitalwire.recordings.atomic import staged

NAME: Final = "curves.png"
_NOT_DRAWN: Final = ("epoch", "loss")


def draw(run: RunFolder) -> None:
    """Write `curves.png` into the run's folder."""
    history = run.history()
    epochs = [one["epoch"] + 1 for one in history]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.plot(epochs, [one["loss"] for one in history])
    left.set(title="loss in training", xlabel="epoch")
    for key in [key for key in history[-1] if key not in _NOT_DRAWN]:
        right.plot(epochs, [one[key] for one in history], label=key)
    right.set(title="on held-out patients, %", xlabel="epoch")
    right.legend()
    with staged(run.path, [NAME]) as work:
        figure.savefig(work / NAME, dpi=100)
    plt.close(figure)
