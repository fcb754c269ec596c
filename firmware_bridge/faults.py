"""What a test source does wrong on purpose, each fault seeded and pure.

A fault turns the timed chunks of one device into other timed chunks. `FaultPlan.apply` lays
them one over the other in the order of the real world, whatever the order they were named
in: the electrodes, the device and its clock, the radio. The same seed, device and chunks
give the same output. Times (`at`, `for`) are seconds since the device's start in the replay.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import ClassVar, Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from vitalwire.contracts import Chunk, Epoch, Samples
from vitalwire.errors import ContractError, InputError

FOREVER_S: Final = float("inf")


@dataclass(frozen=True, slots=True, eq=False)
class TimedChunk:
    """A chunk, and when it is sent: seconds since the device's start."""

    at_s: float
    chunk: Chunk

    @property
    def begin_s(self) -> float:
        """When its first sample was taken, before any fault moved it."""
        return self.at_s - self.chunk.n_samples / self.chunk.fs


Stream = Iterator[TimedChunk]


class Layer(IntEnum):
    """Where in the real world a fault lies."""

    ELECTRODE = 0
    DEVICE = 1
    RADIO = 2


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What a fault may use besides the chunks."""

    rng: np.random.Generator
    power: NDArray[np.float64] | None  # (n_channels,) variance of the clean signal, unit^2
    tally: Counter[str]  # how often each fault struck


@dataclass(frozen=True, slots=True)
class Drop:
    """Each chunk is lost with probability `p`."""

    name: ClassVar[str] = "drop"
    layer: ClassVar[Layer] = Layer.RADIO
    p: float

    def apply(self, stream: Stream, context: Context) -> Stream:
        for timed in stream:
            if context.rng.random() >= self.p:
                yield timed
            else:
                context.tally[self.name] += 1


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Each chunk is sent twice with probability `p`."""

    name: ClassVar[str] = "duplicate"
    layer: ClassVar[Layer] = Layer.RADIO
    p: float

    def apply(self, stream: Stream, context: Context) -> Stream:
        for timed in stream:
            yield timed
            if context.rng.random() < self.p:
                context.tally[self.name] += 1
                yield timed


@dataclass(frozen=True, slots=True)
class Reorder:
    """Each chunk is overtaken by the next `by` chunks with probability `p`."""

    name: ClassVar[str] = "reorder"
    layer: ClassVar[Layer] = Layer.RADIO
    p: float
    by: int = 1

    def apply(self, stream: Stream, context: Context) -> Stream:
        held: list[tuple[int, TimedChunk]] = []
        last_s = 0.0
        for position, timed in enumerate(stream):
            last_s = timed.at_s
            if context.rng.random() < self.p:
                context.tally[self.name] += 1
                held.append((position + self.by, timed))
            else:
                yield timed
            for due, late in [item for item in held if item[0] <= position]:
                held.remove((due, late))
                yield replace(late, at_s=last_s)
        for _, late in held:
            yield replace(late, at_s=last_s)


@dataclass(frozen=True, slots=True)
class Gap:
    """The radio loses every chunk of a span; the device goes on counting."""

    name: ClassVar[str] = "gap"
    layer: ClassVar[Layer] = Layer.RADIO
    at_s: float
    for_s: float

    def apply(self, stream: Stream, context: Context) -> Stream:
        for timed in stream:
            if self.at_s < timed.at_s <= self.at_s + self.for_s:
                context.tally[self.name] += 1
            else:
                yield timed


@dataclass(frozen=True, slots=True)
class Drift:
    """The device's clock runs fast by `ppm` (slow if negative); its sample count does not."""

    name: ClassVar[str] = "drift"
    layer: ClassVar[Layer] = Layer.DEVICE
    ppm: float

    def apply(self, stream: Stream, context: Context) -> Stream:
        first_ns: int | None = None
        for timed in stream:
            t0_ns = timed.chunk.t0_ns
            first_ns = t0_ns if first_ns is None else first_ns
            context.tally[self.name] += 1
            drifted = t0_ns + round((t0_ns - first_ns) * self.ppm * 1e-6)
            yield replace(timed, chunk=replace(timed.chunk, t0_ns=max(0, drifted)))


@dataclass(frozen=True, slots=True)
class ClockBack:
    """The device's clock jumps back by `by` seconds, once."""

    name: ClassVar[str] = "clockback"
    layer: ClassVar[Layer] = Layer.DEVICE
    at_s: float
    by: float

    def apply(self, stream: Stream, context: Context) -> Stream:
        for timed in stream:
            if timed.begin_s < self.at_s:
                yield timed
                continue
            context.tally[self.name] = 1
            earlier = max(0, timed.chunk.t0_ns - round(self.by * 1e9))
            yield replace(timed, chunk=replace(timed.chunk, t0_ns=earlier))


@dataclass(frozen=True, slots=True)
class Reboot:
    """The device starts anew after `for` seconds: stream id, count from 0, boot clock."""

    name: ClassVar[str] = "reboot"
    layer: ClassVar[Layer] = Layer.DEVICE
    at_s: float
    for_s: float = 0.0

    def apply(self, stream: Stream, context: Context) -> Stream:
        fresh = int(context.rng.integers(1, 1 << 32))
        origin: Chunk | None = None  # the first after the reboot, as it would have been
        booted = 0  # the stream id that went down
        for timed in stream:
            chunk = timed.chunk
            if timed.begin_s < self.at_s or (origin and chunk.stream_id != booted):
                yield timed  # before it, or in a boot that came later anyway
            elif timed.begin_s >= self.at_s + self.for_s:
                if origin is None:
                    origin, booted = chunk, chunk.stream_id
                    context.tally[self.name] += 1
                yield replace(timed, chunk=_reborn(chunk, origin, fresh))


def _reborn(chunk: Chunk, origin: Chunk, stream_id: int) -> Chunk:
    on_boot_clock = chunk.epoch is Epoch.BOOT
    return replace(
        chunk,
        stream_id=stream_id,
        seq=(chunk.seq - origin.seq) % (1 << 32),
        first_sample=chunk.first_sample - origin.first_sample,
        t0_ns=max(0, chunk.t0_ns - origin.t0_ns) if on_boot_clock else chunk.t0_ns,
    )


@dataclass(frozen=True, slots=True)
class Silence:
    """The device makes nothing for a span: no chunk, and no sequence number is used up."""

    name: ClassVar[str] = "silence"
    layer: ClassVar[Layer] = Layer.DEVICE
    at_s: float
    for_s: float = FOREVER_S

    def apply(self, stream: Stream, context: Context) -> Stream:
        skipped: Counter[int] = Counter()
        for timed in stream:
            chunk = timed.chunk
            if self.at_s <= timed.begin_s < self.at_s + self.for_s:
                skipped[chunk.stream_id] += 1
                context.tally[self.name] += 1
                continue
            seq = (chunk.seq - skipped[chunk.stream_id]) % (1 << 32)
            yield replace(timed, chunk=replace(chunk, seq=seq))


@dataclass(frozen=True, slots=True)
class LeadOff:
    """A lead hangs in the air: flat at zero, and named in the mask if the sender can tell.

    `lead` counts from 0; -1 takes all leads off.
    """

    name: ClassVar[str] = "leadoff"
    layer: ClassVar[Layer] = Layer.ELECTRODE
    at_s: float
    for_s: float = FOREVER_S
    lead: int = -1

    def apply(self, stream: Stream, context: Context) -> Stream:
        for timed in stream:
            span = _span(timed, self.at_s, self.for_s)
            if span.start == span.stop:
                yield timed
                continue
            context.tally[self.name] += 1
            yield replace(timed, chunk=self._off(timed.chunk, span))

    def _off(self, chunk: Chunk, span: slice) -> Chunk:
        rows = range(chunk.n_channels) if self.lead < 0 else [self.lead]
        data = chunk.data.copy()
        mask = chunk.lead_off
        for row in rows:
            data[row, span] = 0.0
            mask |= 1 << row
        known = chunk.lead_state_known
        return replace(
            chunk, data=data, lead_off=mask if known else chunk.lead_off, injected=True
        )


@dataclass(frozen=True, slots=True)
class Noise:
    """White noise over all leads at `snr` dB below (or above) the signal's own power."""

    name: ClassVar[str] = "noise"
    layer: ClassVar[Layer] = Layer.ELECTRODE
    snr: float
    at_s: float = 0.0
    for_s: float = FOREVER_S

    def apply(self, stream: Stream, context: Context) -> Stream:
        if context.power is None:
            raise ContractError("fault noise needs the power of the clean signal")
        sigma = np.sqrt(context.power * 10 ** (-self.snr / 10))
        for timed in stream:
            span = _span(timed, self.at_s, self.for_s)
            n = span.stop - span.start
            if n == 0:
                yield timed
                continue
            context.tally[self.name] += 1
            # Drawn sample after sample, so that the noise does not depend on the cut.
            noise = context.rng.standard_normal((n, len(sigma))).T * sigma[:, None]
            data: Samples = timed.chunk.data.copy()
            data[:, span] += noise.astype(np.float32)
            yield replace(timed, chunk=replace(timed.chunk, data=data, injected=True))


def _span(timed: TimedChunk, at_s: float, for_s: float) -> slice:
    """The samples of a chunk that lie within a span of time."""
    n, fs = timed.chunk.n_samples, timed.chunk.fs
    begin = round((at_s - timed.begin_s) * fs)
    end = n if for_s == FOREVER_S else round((at_s + for_s - timed.begin_s) * fs)
    start = min(max(begin, 0), n)
    return slice(start, min(max(end, start), n))


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
