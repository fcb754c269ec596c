"""int16 steps for samples that have none of their own: 24-bit files, numbers in text."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vitalwire import wire
from vitalwire.contracts import Samples
from vitalwire.recordings.recording import Digital, open_span

Physical = Callable[[int, int], Samples]


def fit_span(
    physical: Physical, n_samples: int, n_channels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], Digital]:
    """Scale, offset and int16 reader that span each lead over the whole recording.

    One pass over all samples: steps fitted to each chunk would depend on the cut.
    """
    low = np.full(n_channels, np.inf)
    high = np.full(n_channels, -np.inf)
    for first, n in open_span(n_samples, n_channels):
        block = physical(first, n)
        finite = np.isfinite(block)
        low = np.minimum(low, np.where(finite, block, np.inf).min(axis=1))
        high = np.maximum(high, np.where(finite, block, -np.inf).max(axis=1))
    low, high = np.where(low <= high, (low, high), 0.0)  # a lead without a finite sample
    offset = ((low + high) / 2).astype(np.float32)
    half = np.maximum(high - offset, offset - low)
    scale = np.where(half > 0, half / (wire.FULL_SCALE - 1), 1.0).astype(np.float32)

    def digital(first: int, n: int) -> NDArray[np.int16]:
        return wire.quantize(physical(first, n), scale, offset)

    return scale.astype(np.float64), offset.astype(np.float64), digital
