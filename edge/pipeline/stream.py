"""One signal of one device: from chunks as they came to frames that are analysed.

Order, time and frames are the same for every signal; what a frame means is the business of
the signal's analysis.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple, Protocol

from edge.inference import Asking
from edge.stages.framing import Framer
from edge.stages.items import Advance, Condition, Frame, Limits, State, Stateful
from edge.stages.reassembly import Reassembler
from edge.stages.timebase import Timebase
from vitalwire.contracts import Chunk, Event, Gap, GapReason, Signal


class StreamName(NamedTuple):
    """Whose signal it is, in every event: in the order of an event's first fields."""

    device: str
    signal: Signal
    stream_id: int


_NEVER_NS: Final = 1 << 62  # nothing is waited for beyond this

Item = Event | Condition | Advance
"""What a stream gives its device: events, a rule's word, and how far its time has come."""

UtcOf = Callable[[int], int]
"""From a sample of the stream to UTC, ns."""


class Analysis(Stateful, Protocol):
    """What is made of a signal's frames."""

    def push(self, frame: Frame, utc_of: UtcOf) -> Asking[Item]:
        """Take the next frame."""
        ...

    def break_at(self, sample: int, utc_of: UtcOf) -> Asking[Item]:
        """Samples are missing up to `sample`: give what is pending, start anew there."""
        ...

    def set_limits(self, limits: Limits) -> None: ...


AnalysisFactory = Callable[[StreamName, float, int, Limits], Analysis]
"""(name, fs, lead count, limits) to an analysis."""


class SignalStream:
    """Chunks of one signal in, items out; keeps its place over reboots of the sender."""

    def __init__(
        self, device: str, signal: Signal, make_analysis: AnalysisFactory, limits: Limits
    ) -> None:
        self._device, self._signal, self._limits = device, signal, limits
        self._make_analysis = make_analysis
        self._reassembler = Reassembler(device, signal)
        self._timebase = Timebase()
        self._framer: Framer | None = None
        self._analysis: Analysis | None = None
        self._form: tuple[int, float, int] | None = None  # stream id, fs, leads
        self._now_ns = 0
        self._end = 0  # the first sample that has not come yet

    def push(self, chunk: Chunk, arrival_ns: int) -> Asking[Item]:
        """Take a chunk in any order; give what is now certain."""
        self._now_ns = arrival_ns
        return (yield from self._run(self._reassembler.push(chunk, arrival_ns), arrival_ns))

    def tick(self, now_ns: int) -> Asking[Item]:
        """The gateway's clock: give up on chunks that were waited for too long."""
        self._now_ns = now_ns
        return (yield from self._run(self._reassembler.tick(now_ns), now_ns))

    def finish(self) -> Asking[Item]:
        """The sender said that it ends: give everything that is pending, wait for nothing."""
        items = yield from self._run(self._reassembler.tick(_NEVER_NS), self._now_ns)
        if self._framer is None:
            return items
        for frame in self._framer.flush():
            items += yield from self._analyse(frame)
        if self._analysis:
            items += yield from self._analysis.break_at(self._end, self._timebase.utc_ns)
        self._framer = None
        return items

    def set_limits(self, limits: Limits) -> None:
        """The alarm limits of the patient who wears the device now."""
        self._limits = limits
        if self._analysis:
            self._analysis.set_limits(limits)

    def counters(self) -> dict[str, int]:
        """What went wrong so far, by reason."""
        return {**self._reassembler.counters(), **self._timebase.counters()}

    def _run(self, ordered: list[Chunk | Gap], arrival_ns: int) -> Asking[Item]:
        items: list[Item] = []
        for one in ordered:
            if isinstance(one, Gap):
                items += yield from self._break(one)
            else:
                items += yield from self._samples(one, arrival_ns)
        return items

    def _samples(self, chunk: Chunk, arrival_ns: int) -> Asking[Item]:
        starts = self._adopt(chunk)
        self._timebase.push(chunk, arrival_ns)
        self._end = chunk.first_sample + chunk.n_samples
        items: list[Item] = []
        if starts and self._analysis:  # after a goodbye nobody has said yet where it goes on
            items += yield from self._analysis.break_at(
                chunk.first_sample, self._timebase.utc_ns
            )
        assert self._framer is not None
        for frame in self._framer.push(chunk):
            items += yield from self._analyse(frame)
        return items

    def _analyse(self, frame: Frame) -> Asking[Item]:
        assert self._analysis is not None  # a frame has a form
        return (yield from self._analysis.push(frame, self._timebase.utc_ns))

    def _break(self, gap: Gap) -> Asking[Item]:
        """Analyse what came before the gap, say the gap, start anew behind it."""
        items: list[Item] = []
        if self._framer is not None:
            for frame in self._framer.flush():
                items += yield from self._analyse(frame)
            if self._analysis:
                resume = gap.first_sample + gap.n_samples
                items += yield from self._analysis.break_at(resume, self._timebase.utc_ns)
            self._framer = None
        if self._form is not None:
            items.append(replace(gap, time_ns=self._timebase.utc_ns(gap.first_sample)))
        if gap.reason is GapReason.RESTART:
            self._form = None  # the sample count went back: nothing from before holds
        return items

    def _adopt(self, chunk: Chunk) -> bool:
        """Make ready for a chunk; whether it starts anew, behind a gap or a goodbye."""
        form = (chunk.stream_id, chunk.fs, chunk.n_channels)
        if form != self._form:
            if self._form is None or self._form[0] != chunk.stream_id:
                self._timebase = Timebase()
            self._begin(form)
        starts = self._framer is None
        if self._framer is None:
            self._framer = Framer(chunk.fs, chunk.n_channels)
        return starts

    def _begin(self, form: tuple[int, float, int]) -> None:
        stream_id, fs, n_leads = form
        self._form = form
        self._framer = None
        name = StreamName(self._device, self._signal, stream_id)
        self._analysis = self._make_analysis(name, fs, n_leads, self._limits)

    def state(self) -> State:
        return {
            "reassembler": self._reassembler.state(),
            "timebase": self._timebase.state(),
            "form": list(self._form) if self._form else None,
            "now_ns": self._now_ns,
            "end": self._end,
            "framer": self._framer.state() if self._framer else None,
            "analysis": self._analysis.state() if self._analysis else None,
        }

    def restore(self, state: State) -> None:
        self._reassembler.restore(state["reassembler"])
        self._timebase.restore(state["timebase"])
        self._now_ns, self._end = state["now_ns"], state["end"]
        if state["form"] is None:
            return
        stream_id, fs, n_leads = state["form"]
        self._begin((stream_id, fs, n_leads))
        if state["framer"] is not None:
            self._framer = Framer(fs, n_leads)
            self._framer.restore(state["framer"])
        if self._analysis and state["analysis"] is not None:
            self._analysis.restore(state["analysis"])
