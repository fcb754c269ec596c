"""From frames of an EEG to the hops that a seizure model is asked about. Pure.

Signal, quality and amplitude, put together once: training reads its recordings through
`hops_of`, the gateway its streams frame by frame, and a model cannot tell the two apart.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.stages.eeg_quality import GOOD, Codes, EegQuality
from edge.stages.eeg_signal import (
    N_HOP,
    N_LEADS_MAX,
    Bools,
    EegAmplitude,
    EegSignal,
    Float64,
    scaled,
)
from edge.stages.framing import Framer
from edge.stages.items import State
from vitalwire.contracts import Chunk, Samples

KEPT_S: Final = 30.0
"""A gap up to this long leaves the leads' amplitudes as they were: a radio that drops out in
the middle of a seizure must not make its size the usual one."""


@dataclass(frozen=True, slots=True, eq=False)
class EegHop:
    """A quarter of a second of all leads.

    A lead is `good` if it was `GOOD` after the frame that completed the hop, up to 0.3 s
    after the hop's end.
    """

    end: int  # position behind it, samples at EEG_FS_HZ since the start or the last gap
    signal: Samples  # (n_leads, N_HOP), uV
    amplitude_uv: Float64  # (n_leads,)
    good: Bools  # (n_leads,)

    def inputs(self) -> dict[str, NDArray[np.float32]]:
        """What a model sees: `signal` (N_LEADS_MAX, N_HOP) and `good` (N_LEADS_MAX,).

        The signal is on each lead's scale; zero where there is no lead, and where it cannot
        be read.
        """
        n_leads = len(self.good)
        signal = np.zeros((N_LEADS_MAX, N_HOP), np.float32)
        good = np.zeros(N_LEADS_MAX, np.float32)
        signal[:n_leads] = scaled(self.signal, self.amplitude_uv) * self.good[:, None]
        good[:n_leads] = self.good
        return {"signal": signal, "good": good}


class EegHops:
    """Frames in, hops out.

    Parameters
    ----------
    fs : float
        Hz.
    n_leads : int
    """

    def __init__(self, fs: float, n_leads: int) -> None:
        self._fs, self._n_leads = fs, n_leads
        self._amplitude = EegAmplitude(n_leads)
        self._quality = EegQuality(fs, n_leads)
        self._begin()

    def _begin(self) -> None:
        self._signal = EegSignal(self._fs, self._n_leads)
        self._quality.reset()
        self._end = 0

    @property
    def codes(self) -> Codes:
        """States of the leads after the last frame."""
        return self._quality.codes

    def start_anew(self, gap_s: float) -> None:
        """Samples are missing: filters and quality forget, amplitudes after `KEPT_S`."""
        if not 0.0 <= gap_s <= KEPT_S:
            self._amplitude = EegAmplitude(self._n_leads)
        self._begin()

    def push(self, x: Samples, missing: Sequence[int], lead_off: int) -> list[EegHop]:
        """Take the next frame, see `EegQuality.push`; give the hops that it completes."""
        good = self._quality.push(x, missing, lead_off) == GOOD
        signal = self._signal.push(x)
        hops = []
        for at in range(0, signal.shape[1], N_HOP):
            hop = signal[:, at : at + N_HOP]
            self._end += N_HOP
            hops.append(EegHop(self._end, hop, self._amplitude.push(hop, good), good))
        return hops

    def state(self) -> State:
        return {
            "signal": self._signal.state(),
            "quality": self._quality.state(),
            "amplitude": self._amplitude.state(),
            "end": self._end,
        }

    def restore(self, state: State) -> None:
        self._signal.restore(state["signal"])
        self._quality.restore(state["quality"])
        self._amplitude.restore(state["amplitude"])
        self._end = state["end"]


def hops_of(chunks: Iterable[Chunk]) -> Iterator[EegHop]:
    """The hops of a stream without a gap: what a gateway would ask about.

    Parameters
    ----------
    chunks : iterable of Chunk
        In order, of one rate and lead count; see `edge.offline.chunks_of` for an array.
    """
    stages: tuple[Framer, EegHops] | None = None
    for chunk in chunks:
        framer, hops = stages = stages or (
            Framer(chunk.fs, chunk.n_channels),
            EegHops(chunk.fs, chunk.n_channels),
        )
        for frame in framer.push(chunk):
            yield from hops.push(frame.data, frame.missing, frame.lead_off)
