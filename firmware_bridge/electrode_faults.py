"""What happens at the electrodes: they come off, and muscles and mains talk into them."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from firmware_bridge.timed import FOREVER_S, Context, Layer, Stream, TimedChunk
from vitalwire.contracts import Chunk, Samples
from vitalwire.errors import ContractError


@dataclass(frozen=True, slots=True)
class LeadOff:
    """A lead hangs in the air: flat at zero, and named in the mask.

    `lead` counts from 0; -1 takes all leads off. With `known` 0 the sender cannot tell that a
    lead is off, unless it can for the whole replay: then the lead is flat, and no more is said.
    """

    name: ClassVar[str] = "leadoff"
    layer: ClassVar[Layer] = Layer.ELECTRODE
    at_s: float
    for_s: float = FOREVER_S
    lead: int = -1
    known: int = 1

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
        known = chunk.lead_state_known or bool(self.known)
        return replace(
            chunk,
            data=data,
            lead_off=mask if known else chunk.lead_off,
            lead_state_known=known,
            injected=True,
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
