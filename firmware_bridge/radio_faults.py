"""What a radio does to chunks: loses, doubles and reorders them."""

from dataclasses import dataclass, replace
from typing import ClassVar

from firmware_bridge.timed import Context, Layer, Stream, TimedChunk


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
