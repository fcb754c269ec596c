"""What another device, another electrode and a moving person do to an EEG: for training only.

The same is done to background and to seizures, with the same odds: nothing of it may tell them
apart. Everything works on a crop behind `EegSignal` (128 Hz, uV) and draws from a generator
that is handed in, so that a run can be repeated.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.eeg_signal import EEG_FS_HZ, HIGH_HZ, LOW_HZ
from training.ranges import Amount, Positive, Share

Float64 = NDArray[np.float64]

_EDGE: Final = 128  # samples that are mirrored at each end of a crop that is filtered


@dataclass(frozen=True)
class EegAugmentConfig:
    """How often and how strongly."""

    p_artefact: Share = 0.3  # of each kind
    p_reference: Share = 0.35  # other differences of the leads
    p_device: Share = 0.2  # background of other people added
    p_colour: Share = 0.7  # the spectrum of another recording
    tilt: Amount = 0.25  # of the spectrum beside, deviation of the logarithm
    p_band: Share = 0.5
    band_hz: tuple[Positive, Positive] = (25.0, 45.0)  # where a device's band ends
    p_warp: Share = 0.4
    warp: Share = 0.08  # of the rate, deviation
    p_drift: Share = 0.0
    drift: Amount = 0.35  # of the amplitude over a crop, deviation of the logarithm
    p_lost: Share = 0.2  # a lead that cannot be read for a while


def with_artefacts(x: Float64, size: Float64, p: float, rng: np.random.Generator) -> Float64:
    """A crop with artefacts added, each kind with the odds `p`.

    Parameters
    ----------
    x : (n_leads, n_samples)
    size : (n_leads, 1)
        RMS of each lead's background: artefacts are as many times as large.
    """
    y = x.copy()
    for artefact in (_blinks, _muscle, _movement, _pops, _noise):
        if rng.random() < p:
            y += size * artefact(x.shape, rng)
    return y


def rereferenced(x: Float64, rng: np.random.Generator) -> Float64:
    """The leads against their mean, or each against the next one."""
    if len(x) < 2:
        return x
    against: Float64 = x.mean(axis=0) if rng.random() < 0.5 else np.roll(x, 1, axis=0)
    return x - against


def band_limited(x: Float64, end_hz: float) -> Float64:
    """As of a device whose band ends there."""
    hz = np.fft.rfftfreq(x.shape[1], 1 / EEG_FS_HZ)
    passed = 1.0 / np.sqrt(1.0 + (hz / end_hz) ** 8)
    limited: Float64 = np.fft.irfft(np.fft.rfft(x, axis=1) * passed, x.shape[1], axis=1)
    return limited


def coloured(x: Float64, gain: Float64, at_hz: Float64) -> Float64:
    """Filtered by a gain over frequency, without delay.

    Parameters
    ----------
    x : (n_leads, n_samples)
    gain : (n_leads or 1, n_frequencies)
        Natural logarithm of the factor at the frequencies `at_hz`.
    """
    padded = np.pad(x, ((0, 0), (_EDGE, _EDGE)), mode="reflect")
    n = padded.shape[1]
    place = np.log(np.maximum(np.fft.rfftfreq(n, 1 / EEG_FS_HZ), 0.1))
    factors = np.exp([np.interp(place, np.log(at_hz), row) for row in gain])
    y = np.fft.irfft(np.fft.rfft(padded, axis=1) * factors, n, axis=1)
    return np.ascontiguousarray(y[:, _EDGE:-_EDGE])


def warped(x: Float64, rate: float) -> Float64:
    """Faster (`rate` above 1) or slower; what is missing at the end holds."""
    n = x.shape[1]
    place = np.minimum(np.arange(n) * rate, n - 1.0)
    before = place.astype(np.int64)
    after = np.minimum(before + 1, n - 1)
    part = place - before
    y: Float64 = x[:, before] * (1 - part) + x[:, after] * part
    return y


def drifting(x: Float64, deviation: float, rng: np.random.Generator) -> Float64:
    """The amplitude goes up and down: it is not by its size alone that a seizure is one."""
    at = np.sort(rng.uniform(0, x.shape[1], 4))
    gain = np.interp(np.arange(x.shape[1]), at, rng.normal(0, deviation, 4))
    return np.multiply(x, np.exp(gain))


def band_noise(
    shape: tuple[int, ...], low_hz: float, high_hz: float, rng: np.random.Generator
) -> Float64:
    """Noise of a band, of deviation 1."""
    hz = np.fft.rfftfreq(shape[-1], 1 / EEG_FS_HZ)
    spectrum = np.fft.rfft(rng.standard_normal(shape), axis=-1)
    y = np.fft.irfft(spectrum * ((hz >= low_hz) & (hz <= high_hz)), shape[-1], axis=-1)
    scaled: Float64 = y / max(float(y.std()), 1e-9)
    return scaled


def some_leads(n_leads: int, rng: np.random.Generator) -> Float64:
    """Weights of some of the leads, (n_leads, 1): 0 for the others."""
    weights = np.zeros((n_leads, 1))
    chosen = rng.choice(n_leads, int(rng.integers(1, n_leads + 1)), replace=False)
    weights[chosen, 0] = rng.uniform(0.2, 1.0, len(chosen))
    return weights


def _seconds(n_samples: int) -> Float64:
    return np.arange(n_samples) / EEG_FS_HZ


def _blinks(shape: tuple[int, int], rng: np.random.Generator) -> Float64:
    t = _seconds(shape[1])
    wave = np.zeros(len(t))
    for at in rng.uniform(0, t[-1], int(rng.poisson(4)) + 1):
        width = rng.uniform(0.08, 0.25)
        wave += np.exp(-0.5 * ((t - at) / width) ** 2)
        wave -= 0.4 * np.exp(-0.5 * ((t - at - 3 * width) / (2 * width)) ** 2)
    sizes: Float64 = some_leads(shape[0], rng) * rng.uniform(2, 6) * rng.choice([-1.0, 1.0])
    return sizes * wave


def _muscle(shape: tuple[int, int], rng: np.random.Generator) -> Float64:
    """Bursts, or chewing."""
    t = _seconds(shape[1])
    envelope = np.zeros(len(t))
    if rng.random() < 0.3:
        first = rng.uniform(0, t[-1])
        inside = (t > first) & (t < first + rng.uniform(3, 15))
        chewing = np.sin(2 * np.pi * rng.uniform(0.8, 2.5) * t)
        envelope = np.maximum(chewing, 0.0) * inside
    else:
        for _ in range(int(rng.integers(1, 4))):
            first = rng.uniform(-3, t[-1])
            inside = (t > first) & (t < first + rng.uniform(0.5, 12))
            envelope = np.maximum(envelope, inside * rng.uniform(0.3, 1.0))
    noise = band_noise(shape, rng.uniform(14, 24), HIGH_HZ, rng)
    bursts: Float64 = some_leads(shape[0], rng) * rng.uniform(0.5, 4) * noise * envelope
    return bursts


def _movement(shape: tuple[int, int], rng: np.random.Generator) -> Float64:
    t = _seconds(shape[1])
    at, width = rng.uniform(0, t[-1]), rng.uniform(0.5, 3)
    envelope = np.exp(-0.5 * ((t - at) / width) ** 2)
    noise = band_noise(shape, LOW_HZ, rng.uniform(1.5, 4), rng)
    moved: Float64 = some_leads(shape[0], rng) * rng.uniform(1, 8) * noise * envelope
    return moved


def _pops(shape: tuple[int, int], rng: np.random.Generator) -> Float64:
    t = _seconds(shape[1])
    y = np.zeros(shape)
    for _ in range(int(rng.integers(1, 4))):
        at = rng.uniform(0, t[-1])
        decay = np.exp(-np.maximum(t - at, 0.0) / 0.3) * (t >= at)
        y[int(rng.integers(shape[0]))] += rng.uniform(-10, 10) * decay
    return y


def _noise(shape: tuple[int, int], rng: np.random.Generator) -> Float64:
    return rng.uniform(0.05, 0.6) * band_noise(shape, LOW_HZ, HIGH_HZ, rng)
