"""A recording as one or many wearables: which chunk is sent by whom, and when. No I/O."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import count
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.faults import FaultPlan
from firmware_bridge.timed import TimedChunk
from vitalwire.contracts import Epoch
from vitalwire.recordings import Recording, chunks
from vitalwire.recordings.chunks import CHUNK_S
from vitalwire.recordings.recording import BLOCK_SAMPLES, open_span
from vitalwire.wire import MISSING

_IN_MEMORY: Final = 1 << 26  # samples: 128 MB as int16
_POWER_S: Final = 60.0  # of signal that noise is measured against


@dataclass(frozen=True, slots=True)
class Playback:
    """How a recording is played."""

    recording: Recording
    site: str = "home"
    device: str = "demo"
    devices: int = 1
    loop: bool = False
    epoch: Epoch = Epoch.UTC
    start_ns: int = 0  # UTC of the first sample
    chunk_s: float = CHUNK_S
    chunk_jitter: float = 0.0
    lead_state_known: bool = False
    plan: FaultPlan = FaultPlan()  # noqa: RUF009  it is frozen

    @property
    def names(self) -> list[str]:
        """The devices: `demo`, or `demo-001` and so on."""
        if self.devices == 1:
            return [self.device]
        return [f"{self.device}-{i:03}" for i in range(1, self.devices + 1)]

    def timed_chunks(self, tally: Counter[str] | None = None) -> Iterator[TimedChunk]:
        """Chunks of all devices in the order in which they are sent, with their faults."""
        recording = in_memory(self.recording) if self.devices > 1 else self.recording
        power = signal_power(recording) if self.plan.alters_signal else None
        streams = [
            self.plan.apply(self._device(recording, i, name), name, power=power, tally=tally)
            for i, name in enumerate(self.names)
        ]
        return merge(*streams, key=lambda timed: timed.at_s)

    def _device(self, recording: Recording, index: int, name: str) -> Iterator[TimedChunk]:
        """One device's chunks: from its own phase to the end, then from the start.

        Where the end meets the start the signal is torn. That is no continuous stream, and
        it is not sent as one: each pass is a boot of its own.
        """
        phase = recording.n_samples * index // self.devices
        # A ward's radios do not all speak at one instant.
        stagger_s = self.chunk_s * index / self.devices
        played = 0
        for boot in count():
            first = phase if boot == 0 else 0
            last = boot > 0 and not self.loop
            n_samples = (phase if last else recording.n_samples) - first
            if n_samples > 0:
                elapsed_ns = round(played * 1e9 / recording.fs)
                for chunk in chunks(
                    recording,
                    name,
                    stream_id=self._stream_id(name, boot),
                    t0_ns=0 if self.epoch is Epoch.BOOT else self.start_ns + elapsed_ns,
                    epoch=self.epoch,
                    chunk_s=self.chunk_s,
                    jitter=self.chunk_jitter,
                    seed=crc32(f"{self.plan.seed}/{name}/{boot}".encode()),
                    first=first,
                    n_samples=n_samples,
                    lead_state_known=self.lead_state_known,
                    block_samples=max(1 << 12, BLOCK_SAMPLES // self.devices),
                ):
                    end = played + chunk.first_sample + chunk.n_samples
                    yield TimedChunk(end / recording.fs + stagger_s, chunk)
                played += n_samples
            if last:
                return

    def _stream_id(self, name: str, boot: int) -> int:
        """New at each boot and each run, the same where the start is the same."""
        return crc32(f"{self.site}/{name}/{self.start_ns}/{boot}".encode())


def in_memory(recording: Recording) -> Recording:
    """The recording with its samples in memory, if they are not too many: for many readers."""
    if recording.n_samples * recording.n_channels > _IN_MEMORY:
        return recording
    spans = open_span(recording.n_samples, recording.n_channels)
    steps = np.concatenate([recording.digital(first, n) for first, n in spans], axis=1)

    def digital(first: int, n: int) -> NDArray[np.int16]:
        return steps[:, first : first + n]

    return replace(recording, digital=digital)


def signal_power(recording: Recording) -> NDArray[np.float64]:
    """Variance of each lead over the first minute, (n_channels,), in unit^2."""
    n = min(recording.n_samples, round(_POWER_S * recording.fs))
    steps = recording.digital(0, n).astype(np.float64)
    steps[steps == MISSING] = np.nan
    have = np.isfinite(steps).sum(axis=1) > 1
    variance = np.zeros(recording.n_channels)
    variance[have] = np.nanvar(steps[have], axis=1)
    return np.asarray(variance * recording.scale.astype(np.float64) ** 2, np.float64)
