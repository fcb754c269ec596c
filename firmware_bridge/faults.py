"""What a test source does wrong on purpose, each fault seeded and pure.

A fault turns the timed chunks of one device into other timed chunks. `FaultPlan.apply` lays
them one over the other in the order of the real world, whatever the order they were named
in: the electrodes, the device and its clock, the radio. The same seed, device and chunks
give the same output. Times (`at`, `for`) are seconds since the device's start in the replay.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.device_faults import ClockBack, Drift, Reboot, Silence
from firmware_bridge.electrode_faults import LeadOff, Noise
from firmware_bridge.radio_faults import Drop, Duplicate, Gap, Reorder
from firmware_bridge.timed import Context, Layer, Stream, TimedChunk
from vitalwire.errors import InputError

Fault = (
    Drop | Duplicate | Reorder | Gap | Drift | ClockBack | Reboot | Silence | LeadOff | Noise
)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The faults of a replay, and the seed that they are drawn from."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    def apply(
        self,
        stream: Iterable[TimedChunk],
        device: str,
        *,
        power: NDArray[np.float64] | None = None,
        tally: Counter[str] | None = None,
    ) -> Stream:
        """Timed chunks of one device, with the faults in them.

        Parameters
        ----------
        power : (n_channels,) float64, optional
            Variance of the clean signal; needed for noise.
        tally : Counter, optional
            Counts by fault how many chunks it struck (jumps and reboots: how often).
        """
        counts: Counter[str] = Counter() if tally is None else tally
        out: Stream = iter(stream)
        order = sorted(range(len(self.faults)), key=lambda i: self.faults[i].layer)
        for i in order:
            rng = np.random.default_rng([self.seed, i, crc32(device.encode())])
            out = self.faults[i].apply(out, Context(rng, power, counts))
        return out

    def check(self, n_channels: int) -> None:
        """Refuse faults that a recording of so many leads cannot have."""
        for fault in self.faults:
            if isinstance(fault, LeadOff) and fault.lead >= n_channels:
                raise InputError(
                    f"fault leadoff: lead {fault.lead} of {n_channels}: leads count from 0"
                )

    @property
    def alters_signal(self) -> bool:
        """Whether samples are other than the recording's."""
        return any(fault.layer is Layer.ELECTRODE for fault in self.faults)
