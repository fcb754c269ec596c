"""What a device does wrong: its clock, its reboots, its silences."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import ClassVar

from firmware_bridge.timed import FOREVER_S, Context, Layer, Stream
from vitalwire.contracts import Chunk, Epoch


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
