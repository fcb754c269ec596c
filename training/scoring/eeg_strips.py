"""Short stretches of an EEG as SVG, leads below each other, as a model hears them."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge.stages.eeg_signal import EEG_FS_HZ, EegSignal
from training.scoring.strips import caption, line
from vitalwire.contracts import Samples, Signal
from vitalwire.errors import InputError
from vitalwire.recordings import open_recording

LENGTH_S: Final = 20.0
BEFORE_S: Final = 5.0  # of the error that is shown
MOST_LEADS: Final = 8
GAP_UV: Final = 150.0  # between the lines of two leads
_SETTLE_S: Final = 5.0  # of the filters, not shown
_WIDTH: Final = 640
_LEAD_HEIGHT: Final = 24


def strip(error: Mapping[str, Any]) -> str:
    """A figure of an error of `eeg_errors.worst`; what cannot be read leaves its caption."""
    leads = error["leads"][:MOST_LEADS]
    from_s = max(float(error["at_s"]) - BEFORE_S, 0.0)
    try:
        x_uv = _read(Path(error["path"]), leads, from_s)
    except InputError as unreadable:
        drawing = f"<p>{escape(str(unreadable))}</p>"
    else:
        drawing = trace(x_uv, leads, mark_s=float(error["at_s"]) - from_s)
    return f"<figure>{drawing}<figcaption>{caption(error)}</figcaption></figure>"


def trace(x_uv: Samples, leads: Sequence[str], *, mark_s: float) -> str:
    """Leads (n_leads, n_samples) at `EEG_FS_HZ` as SVG: a grid of 1 s, a mark at a time."""
    n_leads, n_samples = x_uv.shape
    height, length_s = n_leads * _LEAD_HEIGHT, max(n_samples / EEG_FS_HZ, 1.0)
    per_s, per_uv = _WIDTH / length_s, _LEAD_HEIGHT / GAP_UV
    grid = [line(t * per_s, 0, t * per_s, height, "grid") for t in np.arange(0, length_s)]
    grid.append(line(mark_s * per_s, 0, mark_s * per_s, height, "mark"))
    lines = []
    for row, lead in enumerate(x_uv):
        middle = (row + 0.5) * _LEAD_HEIGHT
        y = middle - np.clip(lead * per_uv, -2 * _LEAD_HEIGHT, 2 * _LEAD_HEIGHT)
        points = " ".join(
            f"{at / EEG_FS_HZ * per_s:.1f},{value:.1f}" for at, value in enumerate(y)
        )
        lines.append(f'<polyline points="{points}"/>')
    return (
        f'<svg class="eeg" viewBox="0 0 {_WIDTH} {height}" preserveAspectRatio="none" '
        f'role="img" aria-label="EEG, {length_s:.0f} s, leads {escape(", ".join(leads))}">'
        f"{''.join(grid)}{''.join(lines)}</svg>"
    )


def _read(path: Path, leads: Sequence[str], from_s: float) -> Samples:
    """What a model hears, (n_leads, n_samples) uV."""
    recording = open_recording(path, signal=Signal.EEG, leads=leads)
    settle_s = min(from_s, _SETTLE_S)
    first = round((from_s - settle_s) * recording.fs)
    n = min(round((settle_s + LENGTH_S) * recording.fs), recording.n_samples - first)
    signal = EegSignal(recording.fs, len(leads)).push(recording.read(first, max(n, 0)))
    return signal[:, round(settle_s * EEG_FS_HZ) :]
