"""What a seizure model says of whole windows, by torch or by an exported file. Pure."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.inference import Model
from edge.stages.eeg_signal import N_HOP, N_LEADS_MAX, EegAmplitude
from training.datasets.eeg_windows import EegWindow
from training.tasks.eeg_crops import on_scale
from vitalwire.contracts import Arrays

Float64 = NDArray[np.float64]


def seen(window: EegWindow) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Signal (n_leads, T) on its scale and good (n_leads, n_hops), as the gateway asks."""
    x = window.signal.astype(np.float64)
    signal = on_scale(x, window.good, EegAmplitude(window.n_leads))
    return signal, window.good.astype(np.float32)


@torch.no_grad()
def logits_of(model: nn.Module, windows: Sequence[EegWindow]) -> list[NDArray[np.float32]]:
    """Of each window (n_hops, 2), in the order they came."""
    told = []
    for window in windows:
        signal, good = seen(window)
        logits: Tensor = model(torch.from_numpy(signal)[None], torch.from_numpy(good)[None])[0]
        told.append(logits[0].T.numpy())
    return told


@torch.no_grad()
def pooled_features(model: nn.Module, window: EegWindow) -> NDArray[np.float32]:
    """What the encoder gives behind the pooling, (n_hops, n_features)."""
    signal, good = (torch.from_numpy(one)[None] for one in seen(window))
    encoder = model.encoder
    assert isinstance(encoder, nn.Module)
    features: Tensor = encoder(signal, good)[0]
    return features[0, :, 0].T.numpy()


def in_places(window: EegWindow, first: int, n: int) -> Arrays:
    """`n` hops as a graph is asked: `signal` (n, 32, 32) and `good` (n, 32)."""
    signal, good = seen(window)
    whole = np.zeros((n, N_LEADS_MAX, N_HOP), np.float32)
    there = np.zeros((n, N_LEADS_MAX), np.float32)
    part = signal[:, first * N_HOP : (first + n) * N_HOP]
    whole[:, : window.n_leads] = part.reshape(window.n_leads, n, N_HOP).transpose(1, 0, 2)
    there[:, : window.n_leads] = good[:, first : first + n].T
    return {"signal": whole, "good": there}


def asked(model: Model, windows: Sequence[EegWindow], n_state: int) -> list[Float64]:
    """Probability of a seizure in each hop, asked hop by hop, windows side by side."""
    inputs = [in_places(one, 0, one.n_hops) for one in windows]
    n_hops = max(one.n_hops for one in windows)
    state = np.zeros((len(windows), n_state), np.float32)
    told = np.zeros((len(windows), n_hops))
    for hop in range(n_hops):
        places = [min(hop, one.n_hops - 1) for one in windows]
        question = {
            key: np.stack([each[key][at] for each, at in zip(inputs, places, strict=True)])
            for key in ("signal", "good")
        }
        answer = model.run({**question, "state": state})
        state = np.asarray(answer["next_state"], np.float32)
        told[:, hop] = answer["probability"][:, 1]
    return [row[: one.n_hops] for row, one in zip(told, windows, strict=True)]
