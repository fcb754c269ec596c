"""Sample positions of one stream as UTC, continuous whatever the clocks do. Pure.

The sample count is the clock that beats and rhythms are measured by: it never jumps. UTC is
laid over it as a line through an anchor, which is bent slowly to follow a clock:

- the device's own, where it says UTC and that is plausible (since 2020, and not after the
  chunk's arrival; days in the past are a backlog). Its first word is taken, its jumps are
  counted and taken out, its drift is followed.
- else the gateway's: the device's ticks plus the least delay seen between a chunk's last sample
  and its arrival.

The line is bent only at fixed sample counts (`_GRID_S`, `_BLOCK`) and only when the clock is
off by more than `_DEADBAND_NS`, so the cut and the jitter of the radio do not show. A bend is
at most 1000 ppm; only a line that has run ahead of the gateway's clock is held back harder.
UTC is monotonic but where the line is anchored anew, which is counted: the gateway's clock was
set or has learnt the date, or a sample count jumped against the clock.
"""

from collections import Counter
from typing import Final

from edge.stages.items import State
from vitalwire.contracts import Chunk, Epoch
from vitalwire.errors import ContractError

COUNTERS: Final = (
    "clock_jump",  # of the device, by more than 0.5 s against its sample count
    "clock_untrusted",  # anchors for which the device's clock was no use
    "gateway_clock_unset",  # chunks that came before the gateway knew the date
    "reanchored",
)

_S: Final = 1_000_000_000
_DEVICE_EPOCH_NS: Final = 1_577_836_800 * _S  # 2020-01-01: no device is older
_GATEWAY_EPOCH_NS: Final = 1_704_067_200 * _S  # 2024-01-01: before it, the clock is not set
_FUTURE_NS: Final = 4_102_444_800 * _S  # 2100-01-01: no device lives as long
_AHEAD_NS: Final = 5 * _S  # a device's clock may be ahead of the gateway's by this much
_JUMP_NS: Final = _S // 2
_DEADBAND_NS: Final = 20_000_000
_GRID_S: Final = 1.0  # the clock is read at multiples of this
_BLOCK: Final = 10  # the line is bent after this many readings
_MAX_BEND: Final = 1e-3
_GROSS_NS: Final = _S  # ahead by more: held back harder
_MIN_RATE: Final = 1e-4
_MAX_DRIFT: Final = 5e-4  # two crystals apart, at most
_SET_BACK_NS: Final = 60 * _S
_MONTH_NS: Final = 30 * 86_400 * _S  # no backlog is older
_STEP_NS: Final = _S  # later than the least delay by more: a backlog, or the clock was set
_STEP_AFTER_S: Final = 300  # of nothing but late chunks: it was set
_MAX_HOLE_S: Final = 86_400.0
_MAX_KNOTS: Final = 64


class Timebase:
    """UTC of the samples of one stream; a new stream id takes a new one."""

    def __init__(self) -> None:
        # Where the line bends: sample, its UTC in ns, ns of UTC a sample from there on.
        self._knots: list[tuple[int, int, float]] = []
        self._fs = 0.0
        self._from_device = False
        self._gateway_set = False
        self._delay_ns = 0  # added to the device's time to get UTC
        self._late_since: tuple[int, int] | None = None  # arrival in ns, first sample
        self._last = (0, 0, 0)  # first sample, end sample and time of the latest chunk
        self._block_start = 0  # sample
        self._readings: list[int] = []  # ns by which the clock will be ahead of the line
        self._counts: Counter[str] = Counter()

    @property
    def is_trusted(self) -> bool:
        """Whether UTC rests on a clock that is set."""
        return self._from_device or self._gateway_set

    def push(self, chunk: Chunk, arrival_ns: int) -> None:
        """Read the clocks from the next chunk in order, before `utc_ns` of its samples."""
        gateway_set = arrival_ns >= _GATEWAY_EPOCH_NS
        self._counts["gateway_clock_unset"] += not gateway_set
        if not self._knots or self._has_better(chunk, arrival_ns, gateway_set):
            self._anchor(chunk, arrival_ns, gateway_set)
            return
        jump_ns = self._jump_ns(chunk)
        if jump_ns:
            self._counts["clock_jump"] += 1
            self._delay_ns -= jump_ns
        if self._is_denied(chunk, arrival_ns, gateway_set):
            self._anchor(chunk, arrival_ns, gateway_set)
            return
        self._gateway_set = self._gateway_set or gateway_set
        if chunk.fs != self._fs:
            self._change_rate(chunk)
        elif chunk.first_sample != self._last[1]:
            self._pass_hole(chunk)
        self._read_clock(chunk)
        self._last = (chunk.first_sample, _end_sample(chunk), chunk.t0_ns)

    def utc_ns(self, sample: int) -> int:
        """UTC of a sample, in ns since 1970.

        Any sample may be asked for: what lies ahead of the latest chunk, or behind the oldest
        knot, is extrapolated.
        """
        if not self._knots:
            raise ContractError("Timebase.utc_ns was asked before the first chunk was pushed")
        for start, utc_ns, ns_per_sample in reversed(self._knots):
            if sample >= start:
                return utc_ns + round((sample - start) * ns_per_sample)
        start, utc_ns, _ = self._knots[0]
        return utc_ns + round((sample - start) * _S / self._fs)

    def counters(self) -> dict[str, int]:
        """What happened so far, by the names in `COUNTERS`."""
        return {name: self._counts[name] for name in COUNTERS}

    def _has_better(self, chunk: Chunk, arrival_ns: int, gateway_set: bool) -> bool:
        """Whether there is a clock to trust, or nothing left of what the line rests on."""
        if gateway_set and not self._gateway_set:  # the gateway has learnt the date
            clock_ns = chunk.t0_ns + self._delay_ns
            return not self._from_device or clock_ns > arrival_ns + _AHEAD_NS
        if not self.is_trusted and _is_plausible(chunk, arrival_ns, gateway_set):
            return True
        hole = chunk.first_sample - self._last[1]
        # So long a hole, or a count that went backward, is no count when the clock denies it.
        return hole < 0 or (hole > _MAX_HOLE_S * chunk.fs and self._jump_ns(chunk) != 0)

    def _is_denied(self, chunk: Chunk, arrival_ns: int, gateway_set: bool) -> bool:
        """Whether the gateway's clock says that the line is far off; follows the delay."""
        latest_ns = arrival_ns + _MONTH_NS if gateway_set else _FUTURE_NS
        if chunk.t0_ns + self._delay_ns > latest_ns:
            return True
        if self._from_device or (self._gateway_set and not gateway_set):
            return False
        return self._read_delay(chunk, arrival_ns)

    def _anchor(self, chunk: Chunk, arrival_ns: int, gateway_set: bool) -> None:
        self._counts["reanchored"] += bool(self._knots)
        self._fs = chunk.fs
        self._gateway_set = gateway_set
        self._from_device = _is_plausible(chunk, arrival_ns, gateway_set)
        self._counts["clock_untrusted"] += not self._from_device
        self._delay_ns = 0 if self._from_device else arrival_ns - _last_sample_ns(chunk)
        self._late_since = None
        self._last = (chunk.first_sample, _end_sample(chunk), chunk.t0_ns)
        self._knots = []
        self._bend(chunk.first_sample, chunk.t0_ns + self._delay_ns)
        self._read_clock(chunk)

    def _jump_ns(self, chunk: Chunk) -> int:
        """By how much the device's clock has jumped against its sample count, else 0."""
        first_sample, _, t0_ns = self._last
        counted_ns = round((chunk.first_sample - first_sample) * _S / self._fs)
        jump_ns = chunk.t0_ns - t0_ns - counted_ns
        return jump_ns if abs(jump_ns) > _JUMP_NS + _MAX_DRIFT * abs(counted_ns) else 0

    def _read_delay(self, chunk: Chunk, arrival_ns: int) -> bool:
        """Follow the least delay: down at once, up no faster than two crystals part.

        True where the gateway's clock was set, back or forward, and the delay means nothing.
        """
        counted_s = (chunk.first_sample - self._last[0]) / self._fs
        delay_ns = arrival_ns - _last_sample_ns(chunk)
        least_ns = self._delay_ns + round(_MAX_DRIFT * counted_s * _S)
        if not -_SET_BACK_NS <= delay_ns - least_ns <= _MONTH_NS:
            return True
        self._delay_ns = min(delay_ns, least_ns)
        if delay_ns <= least_ns + _STEP_NS:
            self._late_since = None
            return False
        # A backlog is late too, but comes in a burst.
        if self._late_since is None:
            self._late_since = (arrival_ns, chunk.first_sample)
        late_ns = arrival_ns - self._late_since[0]
        late_s = (chunk.first_sample - self._late_since[1]) / chunk.fs
        return late_ns >= _STEP_AFTER_S * _S and late_s >= _STEP_AFTER_S

    def _change_rate(self, chunk: Chunk) -> None:
        utc_ns = self.utc_ns(chunk.first_sample)
        self._fs = chunk.fs
        self._bend(chunk.first_sample, utc_ns)

    def _pass_hole(self, chunk: Chunk) -> None:
        """Let the line meet the clock behind a hole: nobody has seen it inside."""
        end_sample = self._last[1]
        end_ns, line_ns = self.utc_ns(end_sample), self.utc_ns(chunk.first_sample)
        clock_ns = max(chunk.t0_ns + self._delay_ns, end_ns)
        if abs(clock_ns - line_ns) > _DEADBAND_NS:
            ns_per_sample = (clock_ns - end_ns) / (chunk.first_sample - end_sample)
            self._knots.append((end_sample, end_ns, ns_per_sample))
            line_ns = clock_ns
        self._bend(chunk.first_sample, line_ns)

    def _read_clock(self, chunk: Chunk) -> None:
        """Compare clock and line at the grid's samples inside the chunk."""
        grid = max(1, round(self._fs * _GRID_S))
        grid_ns = grid * _S / self._fs
        sample = self._block_start + (len(self._readings) + 1) * grid
        while sample < _end_sample(chunk):
            since_t0_ns = round((sample - chunk.first_sample) * _S / self._fs)
            line_ns = self.utc_ns(sample)
            ahead_ns = chunk.t0_ns + self._delay_ns + since_t0_ns - line_ns
            # What will be left at the block's end, when the bend in force has done its work.
            bend = self._knots[-1][2] * self._fs / _S - 1.0
            readings_left = _BLOCK - len(self._readings) - 1
            self._readings.append(ahead_ns - round(bend * readings_left * grid_ns))
            if len(self._readings) == _BLOCK:
                median_ns = sorted(self._readings)[_BLOCK // 2]
                self._bend(sample, line_ns, median_ns / (_BLOCK * grid_ns))
            sample += grid

    def _bend(self, sample: int, utc_ns: int, slope: float = 0.0) -> None:
        """Begin a new block at `sample`; `slope` would bring the line home within it."""
        block_ns = _BLOCK * _GRID_S * _S
        if abs(slope) * block_ns <= _DEADBAND_NS:
            slope = 0.0
        lowest = _MIN_RATE - 1.0 if slope * block_ns < -_GROSS_NS else -_MAX_BEND
        ns_per_sample = (1.0 + min(max(slope, lowest), _MAX_BEND)) * _S / self._fs
        self._block_start = sample
        self._readings = []
        goes_on = bool(self._knots) and self._knots[-1][2] == ns_per_sample
        if goes_on and self.utc_ns(sample) == utc_ns:
            return
        self._knots = [*self._knots, (sample, utc_ns, ns_per_sample)][-_MAX_KNOTS:]

    def state(self) -> State:
        """Everything a continuation depends on."""
        return {
            "knots": [list(knot) for knot in self._knots],
            "fs": self._fs,
            "from_device": self._from_device,
            "gateway_set": self._gateway_set,
            "delay_ns": self._delay_ns,
            "late_since": list(self._late_since) if self._late_since else None,
            "last": list(self._last),
            "block_start": self._block_start,
            "readings": list(self._readings),
            "counts": dict(self._counts),
        }

    def restore(self, state: State) -> None:
        """Go on from `state`."""
        self._knots = [(sample, utc_ns, ns) for sample, utc_ns, ns in state["knots"]]
        self._fs = state["fs"]
        self._from_device = state["from_device"]
        self._gateway_set = state["gateway_set"]
        self._delay_ns = state["delay_ns"]
        late = state["late_since"]
        self._late_since = (late[0], late[1]) if late else None
        first_sample, end_sample, t0_ns = state["last"]
        self._last = (first_sample, end_sample, t0_ns)
        self._block_start = state["block_start"]
        self._readings = list(state["readings"])
        self._counts = Counter(state["counts"])


def _end_sample(chunk: Chunk) -> int:
    return chunk.first_sample + chunk.n_samples


def _last_sample_ns(chunk: Chunk) -> int:
    """Device's time of the chunk's last sample."""
    return chunk.t0_ns + round((chunk.n_samples - 1) * _S / chunk.fs)


def _is_plausible(chunk: Chunk, arrival_ns: int, gateway_set: bool) -> bool:
    latest_ns = arrival_ns + _AHEAD_NS if gateway_set else _FUTURE_NS
    return chunk.epoch is Epoch.UTC and _DEVICE_EPOCH_NS <= chunk.t0_ns <= latest_ns
