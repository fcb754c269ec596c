"""Filtering and resampling in blocks of one length: a matrix product a block. For many leads.

Law of this module: blocks lie on a grid of output samples from the stream's start, so what
comes out does not depend on how the samples were cut into pushes. Only whole blocks come out;
the rest waits. Samples are float32 `(n_channels, n_samples)`, finite; so is what comes out.

`vitalwire.dsp` does the same sample by sample. For the 18 leads of an EEG and blocks of a
quarter of a second the product costs a tenth of it.
"""

from fractions import Fraction
from functools import lru_cache
from typing import Final

import numpy as np
from scipy.signal import sosfilt, sosfilt_zi

from vitalwire.contracts import Samples
from vitalwire.dsp import Float64, Resampler, State, interpolation_kernel
from vitalwire.errors import ContractError

_LARGEST: Final = float(np.finfo(np.float32).max)


class BlockResampler:
    """`vitalwire.dsp.Resampler`, whole blocks of outputs at a time.

    Parameters
    ----------
    fs_in, fs_out : float
        Hz; as `Resampler` takes them.
    n_block : int
        Outputs of a block.
    """

    def __init__(self, fs_in: float, fs_out: float, n_block: int) -> None:
        self._half = Resampler(fs_in, fs_out).delay_samples  # refuses rates that cannot be
        step = Fraction(fs_in).limit_denominator(1000) / Fraction(fs_out).limit_denominator(
            1000
        )
        self._step, self._den = step.numerator, step.denominator  # input samples an output
        self._n_block = n_block
        self._n_out = 0
        self._first = 1 - max(self._half, 1)  # input position of held[:, 0]
        self._held: Samples | None = None

    def push(self, x: Samples) -> Samples:
        """Take the next samples; give `(n_channels, k * n_block)`, k may be 0."""
        if x.shape[1] == 0:
            return x
        if self._held is None:  # before the first sample the signal is held at it
            self._held = np.repeat(x[:, :1], -self._first, axis=1)
        held = np.concatenate([self._held, x], axis=1)
        blocks: list[Samples] = []
        while True:
            start, phase = divmod(self._n_out * self._step, self._den)
            matrix = _resampling(self._step, self._den, phase, self._n_block)
            at = start - max(self._half, 1) + 1 - self._first
            if at + len(matrix) > held.shape[1]:
                break
            blocks.append(_to_float32(held[:, at : at + len(matrix)] @ matrix))
            self._n_out += self._n_block
        gone = min(at, held.shape[1])
        self._held, self._first = held[:, gone:].copy(), self._first + gone
        return _joined(blocks, x.shape[0])

    def state(self) -> State:
        held = None if self._held is None else self._held.copy()
        return {"n_out": self._n_out, "first": self._first, "held": held}

    def restore(self, state: State) -> None:
        held = state["held"]
        self._n_out, self._first = int(state["n_out"]), int(state["first"])
        self._held = None if held is None else np.array(held, np.float32)


class BlockFilter:
    """A cascade of second-order sections over blocks of one length.

    Settled on the first sample, as if that had been there for ever.

    Parameters
    ----------
    sos : (n_sections, 6)
    n_block : int
    """

    def __init__(self, sos: Float64, n_block: int) -> None:
        self._n_block = n_block
        self._settled = sosfilt_zi(sos).ravel()
        self._matrix = _filtering(sos, n_block)
        self._z: Float64 | None = None  # (n_channels, 2 * n_sections)

    def push(self, x: Samples) -> Samples:
        """Filter the next blocks, `(n_channels, k * n_block)` in and out.

        Raises
        ------
        ContractError
            No whole number of blocks, or samples that are not finite.
        """
        n = self._n_block
        if x.shape[1] % n:
            raise ContractError(f"expected blocks of {n} samples, got {x.shape[1]} samples")
        if x.shape[1] and self._z is None:
            self._z = x[:, :1].astype(np.float64) * self._settled
        blocks: list[Samples] = []
        for at in range(0, x.shape[1], n):
            assert self._z is not None
            y = np.concatenate([x[:, at : at + n], self._z], axis=1) @ self._matrix
            blocks.append(_to_float32(y[:, :n]))
            self._z = y[:, n:]
            if not np.isfinite(self._z).all():  # one such sample is enough
                raise ContractError("a filter's input must be finite: fill missing samples")
        return _joined(blocks, x.shape[0])

    def state(self) -> State:
        return {"z": None if self._z is None else self._z.copy()}

    def restore(self, state: State) -> None:
        z = state["z"]
        self._z = None if z is None else np.array(z, np.float64)


@lru_cache(maxsize=128)
def _resampling(step: int, den: int, phase: int, n_block: int) -> Float64:
    """From the inputs that a block needs to its outputs: `(n_inputs, n_block)`."""
    offset = phase + np.arange(n_block, dtype=np.int64) * step
    start, row = offset // den, offset % den
    if step == den:
        return _fixed(np.eye(n_block))
    table = interpolation_kernel(step, den)
    n_taps = table.shape[1]
    matrix = np.zeros((int(start[-1]) + n_taps, n_block))
    for i in range(n_block):
        taps = table[row[i] * len(table) // den]
        matrix[start[i] : start[i] + n_taps, i] = taps
    return _fixed(matrix)


def _filtering(sos: Float64, n_block: int) -> Float64:
    """From a block and the state before it to the filtered block and the state behind it.

    What is linear is known by what it makes of each unit vector.
    """
    n_sections = len(sos)
    n = n_block + 2 * n_sections
    unit = np.eye(n)
    zi = unit[:, n_block:].reshape(n, n_sections, 2).transpose(1, 0, 2)
    y, zf = sosfilt(sos, unit[:, :n_block], axis=-1, zi=zi)
    return _fixed(np.concatenate([y, zf.transpose(1, 0, 2).reshape(n, -1)], axis=1))


def _fixed(matrix: Float64) -> Float64:
    matrix.setflags(write=False)
    return matrix


def _joined(blocks: list[Samples], n_channels: int) -> Samples:
    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate(blocks, axis=1) if blocks else np.empty((n_channels, 0), np.float32)


def _to_float32(y: Float64) -> Samples:
    """Round to float32; a value beyond its range becomes its largest, not infinite."""
    return np.minimum(np.maximum(y, -_LARGEST), _LARGEST).astype(np.float32)
