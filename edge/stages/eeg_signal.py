"""An EEG as the models see it: 128 Hz, 0.5 to 45 Hz, in hops, on each lead's own scale. Pure.

Training and gateway share this stage, so a model never meets another filter or another scale
than those it learned behind. Hops of `N_HOP` samples are counted from the stage's first
sample: output `k` is the lead at time `k / EEG_FS_HZ` from there.

The band: an electrode's drift lies below 0.5 Hz (that of a dry electrode is a hundred times
the EEG), and above 45 Hz there is muscle and mains. 50 and 60 Hz are notched besides, since
mains is often larger than the EEG; its harmonics fall to the resampler. The upper edge is
ours, not the device's: a model that saw where an amplifier ends could tell the amplifiers.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, iirnotch, tf2sos

from edge.stages.items import State
from vitalwire.block_dsp import BlockFilter, BlockResampler
from vitalwire.contracts import Samples
from vitalwire.errors import ContractError

EEG_FS_HZ: Final = 128.0
N_HOP: Final = 32
HOP_S: Final = N_HOP / EEG_FS_HZ
"""0.25 s: how often a seizure model is asked."""

N_LEADS_MAX: Final = 32
FS_MIN_HZ: Final = 100.0
FS_MAX_HZ: Final = 1024.0
LOW_HZ: Final = 0.5
HIGH_HZ: Final = 45.0
MAINS_HZ: Final = (50.0, 60.0)
NOTCH_Q: Final = 30.0

AMPLITUDE_S: Final = 30.0
"""Time constant of a lead's amplitude: longer than a seizure takes to build up, shorter than
an electrode takes to dry."""

FLOOR_UV: Final = 2.0
"""No lead has less: below 2 uV nothing is told from an amplifier's noise, which must not be
blown up to the size of an EEG. (It is also where electrocerebral inactivity begins.)"""

LIMIT: Final = 8.0
"""A sample is never more than so many times the lead's amplitude to a model."""

_SLOW_HOPS: Final = round(AMPLITUDE_S / HOP_S)

Bools = NDArray[np.bool_]
Float64 = NDArray[np.float64]


SUPPORTED: Final = f"1 to {N_LEADS_MAX} leads at {FS_MIN_HZ:g} to {FS_MAX_HZ:g} Hz"


def supported(fs: float, n_leads: int) -> bool:
    """Whether an EEG of this form can be analysed; any other is only recorded."""
    return FS_MIN_HZ <= fs <= FS_MAX_HZ and 1 <= n_leads <= N_LEADS_MAX


class EegSignal:
    """Samples of all leads in, whole hops at `EEG_FS_HZ` out.

    Parameters
    ----------
    fs : float
        Hz, 100 to 1,024.
    n_leads : int
        1 to 32.

    Raises
    ------
    ContractError
        Another rate or lead count, see `supported`.
    """

    def __init__(self, fs: float, n_leads: int) -> None:
        if not supported(fs, n_leads):
            raise ContractError(f"expected an EEG of {SUPPORTED}, got {n_leads} at {fs:g} Hz")
        self._n_leads = n_leads
        self._last = np.zeros((n_leads, 1), np.float32)
        self._resampler = BlockResampler(fs, EEG_FS_HZ, N_HOP)
        self._filter = BlockFilter(_SOS, N_HOP)

    def push(self, x: Samples) -> Samples:
        """Take the next samples, give the hops that are complete.

        Parameters
        ----------
        x : (n_leads, n) float32, uV
            A missing sample is NaN and holds the lead's last value.

        Returns
        -------
        (n_leads, k * N_HOP) float32, uV; k may be 0
        """
        if x.dtype != np.float32 or x.ndim != 2 or x.shape[0] != self._n_leads:
            raise ContractError(
                f"expected float32 ({self._n_leads}, n_samples), got {x.dtype} {x.shape}"
            )
        return self._filter.push(self._resampler.push(self._held(x)))

    def _held(self, x: Samples) -> Samples:
        if x.shape[1] == 0:
            return x
        known = np.isfinite(x)
        if not known.all():
            padded = np.concatenate([self._last, x], axis=1)
            newest = np.zeros(padded.shape, np.int64)
            newest[:, 1:] = np.where(known, np.arange(1, padded.shape[1]), 0)
            np.maximum.accumulate(newest, axis=1, out=newest)
            x = np.take_along_axis(padded, newest, axis=1)[:, 1:]
        self._last = x[:, -1:].copy()
        return x

    def state(self) -> State:
        return {
            "last": self._last.copy(),
            "resampler": self._resampler.state(),
            "filter": self._filter.state(),
        }

    def restore(self, state: State) -> None:
        self._last = np.array(state["last"], np.float32)
        self._resampler.restore(state["resampler"])
        self._filter.restore(state["filter"])


class EegAmplitude:
    """The size of each lead: a running mean of the logarithm of its RMS, hop by hop.

    The logarithm, because a minute of an artefact, or of a seizure, should not make the hour
    behind it look small. At first it is the plain mean of what was seen: a lead has its
    amplitude with its first good hop, and the full time constant after `AMPLITUDE_S`.

    Parameters
    ----------
    n_leads : int
    """

    def __init__(self, n_leads: int) -> None:
        self._log = np.full(n_leads, math.log(FLOOR_UV))  # of the RMS in uV
        self._seen = np.zeros(n_leads, np.int64)  # good hops, up to those of AMPLITUDE_S

    def push(self, hop: Samples, good: Bools) -> Float64:
        """Take the next hop, give each lead's amplitude with it.

        Parameters
        ----------
        hop : (n_leads, N_HOP) float32, uV
            Of `EegSignal`.
        good : (n_leads,) bool
            Which leads can be read; the amplitude of any other stays as it is.

        Returns
        -------
        (n_leads,) uV, at least FLOOR_UV
        """
        wide = hop.astype(np.float64)
        power = np.einsum("ij,ij->i", wide, wide) / hop.shape[1]
        self._seen += good & (self._seen < _SLOW_HOPS)
        weight = good / np.maximum(self._seen, 1)
        newest = 0.5 * np.log(np.maximum(power, FLOOR_UV**2))
        self._log += weight * (newest - self._log)
        amplitude: Float64 = np.exp(self._log)
        return amplitude

    def state(self) -> State:
        return {"log": self._log.copy(), "seen": self._seen.copy()}

    def restore(self, state: State) -> None:
        self._log = np.array(state["log"], np.float64)
        self._seen = np.array(state["seen"], np.int64)


def scaled(hop: Samples, amplitude_uv: Float64) -> Samples:
    """A hop on its leads' own scale, within `LIMIT`: what a model sees.

    Parameters
    ----------
    hop : (n_leads, n) float32, uV
    amplitude_uv : (n_leads,)
    """
    on_scale = hop / amplitude_uv[:, None]
    return np.minimum(np.maximum(on_scale, -LIMIT), LIMIT).astype(np.float32)


def _sections() -> Float64:
    parts = [butter(2, (LOW_HZ, HIGH_HZ), "bandpass", fs=EEG_FS_HZ, output="sos")]
    for mains_hz in MAINS_HZ:
        parts.append(tf2sos(*iirnotch(mains_hz, NOTCH_Q, fs=EEG_FS_HZ)))
    return np.concatenate(parts).astype(np.float64)


_SOS: Final = _sections()
