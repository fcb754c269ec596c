"""The same heart with fewer normal beats."""

import numpy as np
import pytest

from training.datasets.splices import fewer_normal
from training.ec57 import Reference

FS = 100.0


def record(classes: str) -> tuple[np.ndarray, Reference]:
    """A beat a second, each as high as its place in the record."""
    samples = np.arange(1, len(classes) + 1) * 100
    x = np.zeros(samples[-1] + 100, np.float32)
    x[samples] = np.arange(1, len(classes) + 1)
    return x, Reference(samples.astype(np.int64), np.array(list(classes)))


@pytest.mark.parametrize(
    ("n_kept", "wanted"), [(0, "NSNSSNVNN"), (1, "NNSNNSSNNVNN"), (9, "NNNNSNNNSSNNVNN")]
)
def test_what_remains(n_kept: int, wanted: str) -> None:
    """The last beat stays: its cycle has no end."""
    x, reference = record("NNNNSNNNSSNNVNN")
    y, left = fewer_normal(x, FS, reference, n_kept)
    assert "".join(left.classes) == wanted
    assert len(y) == len(x) - 100 * (len(reference.samples) - len(wanted))


def test_beats_stay_where_their_labels_are_and_keep_their_intervals() -> None:
    x, reference = record("NNNNNSNNNNVNNNN")
    y, left = fewer_normal(x, FS, reference, 0)
    heights = np.round(y[left.samples]).astype(int)
    assert "".join(reference.classes[heights - 1]) == "".join(left.classes)
    assert (np.diff(left.samples) == 100).all()


def test_a_step_of_the_baseline_is_led_in() -> None:
    x, reference = record("NNNNNNNNSN")
    x[450:] += 5.0  # the electrode moved, in a stretch that is cut out
    y, left = fewer_normal(x, FS, reference, 0)
    beats = np.isin(np.arange(len(y)), left.samples)
    assert np.abs(np.diff(y[~beats])).max() < 0.5


def test_nothing_to_cut() -> None:
    x, reference = record("NSNSN")
    y, left = fewer_normal(x, FS, reference, 0)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(left.samples, reference.samples)
