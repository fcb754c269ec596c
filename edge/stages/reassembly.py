"""Chunks of one signal in the order of their samples, each sample at most once. Pure.

`first_sample` is exact and never wraps, so it alone orders: a chunk is delivered when it
begins where the last one ended. `seq` is only ever compared with its successor. It says
whether a hole is worth waiting for: where seq goes on, the sender itself left samples out.

What is delivered never goes back: a chunk that was delivered or given up is counted and
dropped, an overlap is trimmed. A position that cannot be right (more than a day ahead), a chunk
of an earlier stream, a sample count that went backward: refused until `Suspects` believes it.

The gaps, in the order in which they are given:

======== ============================================================ =========
reason   when                                                         n_samples
======== ============================================================ =========
LOST     a hole was given up, or the sender left samples out          exact
LOST     seq jumped, and no sample is missing by the sender's count   0
FORMAT   rate or lead count changed                                   0
REBOOT   another stream id follows                                    0
RESTART  the same stream id follows, from another sample count on     0
======== ============================================================ =========

REBOOT and RESTART name the stream that ends, and the sample at which it does. `Gap.time_ns` is
0: the pipeline fills it from the time base of that stream.
"""

from collections import Counter
from dataclasses import replace
from typing import Final

from edge.stages.chunk_state import chunk_from_state, chunk_state
from edge.stages.items import State
from edge.stages.suspects import Suspects, next_seq
from vitalwire.contracts import Chunk, Epoch, Gap, GapReason, Signal

COUNTERS: Final = (
    "delivered",  # chunks
    "duplicate",  # already delivered or held
    "late",  # given up before they came, or from before the first chunk seen
    "stale",  # of a stream before the present one
    "ahead",  # too far ahead to be believed at once
    "reordered",  # came after a later one, and in time
    "overlap",  # trimmed
    "seq_jump",  # without a missing sample
    "lost_samples",
    "lost_gaps",
    "format",
    "reboot",
    "restart",
)
_MAX_PAST: Final = 16  # stream ids remembered
_MAX_LOST: Final = 64  # holes remembered, to tell late from duplicate
_MAX_JUMP_S: Final = 86_400.0  # a hole longer than this needs more than one witness


class Reassembler:
    """Order the chunks of one signal of one device.

    Parameters
    ----------
    window_chunks : int
        How many early chunks wait for a hole at most.
    wait_s : float
        How long a hole is waited for, in arrival time from when it was first seen.
    """

    def __init__(
        self, device: str, signal: Signal, *, window_chunks: int = 32, wait_s: float = 2.0
    ) -> None:
        self._device = device
        self._signal = signal
        self._window_chunks = window_chunks
        self._wait_ns = round(wait_s * 1e9)
        self._stream_id: int | None = None
        self._start_sample = 0  # the first delivered
        self._next_sample = 0
        self._last_seq = 0
        self._format = (0.0, 0)  # fs, n_channels
        self._utc_end_ns = 0  # device's UTC of the end of what was delivered, 0 = none
        self._held: dict[int, tuple[Chunk, int]] = {}  # by first sample, with its arrival
        self._lost: list[tuple[int, int]] = []  # first sample and end of the latest holes
        self._past: dict[int, int] = {}  # end sample of the latest streams, by stream id
        self._suspects = Suspects()
        self._counts: Counter[str] = Counter()

    def push(self, chunk: Chunk, arrival_ns: int) -> list[Chunk | Gap]:
        """Take a chunk as it came, give what can now be delivered."""
        if self._stream_id is None:
            out = self._begin(chunk)
        elif chunk.stream_id != self._stream_id:
            out = self._push_other(chunk, arrival_ns)
        else:
            out = self._push_current(chunk, arrival_ns)
        return out + self.tick(arrival_ns) if self._held else out

    def tick(self, now_ns: int) -> list[Chunk | Gap]:
        """Give up the holes that were waited for long enough."""
        out: list[Chunk | Gap] = []
        for first_sample, (chunk, arrival_ns) in self._held.items():
            if arrival_ns > now_ns:  # the gateway's clock was set back
                self._held[first_sample] = (chunk, now_ns)
        while self._held and (
            len(self._held) > self._window_chunks
            # Every held chunk lies behind the first hole: the oldest was the first to show it.
            or now_ns - min(at for _, at in self._held.values()) >= self._wait_ns
        ):
            out += self._give_up()
        return out

    def counters(self) -> dict[str, int]:
        """What happened so far, by the names in `COUNTERS`."""
        return {name: self._counts[name] for name in COUNTERS}

    def _push_current(self, chunk: Chunk, arrival_ns: int) -> list[Chunk | Gap]:
        first, end = chunk.first_sample, chunk.first_sample + chunk.n_samples
        follows = chunk.seq == next_seq(self._last_seq)
        if end <= self._next_sample:
            was_lost = first < self._start_sample or any(
                first < lost_end and end > lost for lost, lost_end in self._lost
            )
            name = "late" if was_lost else "duplicate"
            return self._refuse(chunk, arrival_ns, name, fresh=follows)
        if first - self._next_sample > _MAX_JUMP_S * chunk.fs:
            return self._refuse(chunk, arrival_ns, "ahead", fresh=True)
        self._suspects.clear()
        if first in self._held:
            self._counts["duplicate"] += 1
            if chunk.n_samples <= self._held[first][0].n_samples:
                return []
        elif self._held and first < max(self._held):
            self._counts["reordered"] += 1
        self._held[first] = (chunk, arrival_ns)
        return self._drain()

    def _push_other(self, chunk: Chunk, arrival_ns: int) -> list[Chunk | Gap]:
        past_end = self._past.get(chunk.stream_id)
        if past_end is None:
            return self._switch([chunk], GapReason.REBOOT)
        return self._refuse(chunk, arrival_ns, "stale", fresh=chunk.first_sample >= past_end)

    def _refuse(
        self, chunk: Chunk, arrival_ns: int, name: str, *, fresh: bool
    ) -> list[Chunk | Gap]:
        self._counts[name] += 1
        newer = chunk.epoch is Epoch.UTC and 0 < self._utc_end_ns < chunk.t0_ns
        run = self._suspects.push(chunk, arrival_ns, fresh=fresh, newer=newer)
        if not run:
            return []
        same = chunk.stream_id == self._stream_id
        return self._switch(run, GapReason.RESTART if same else GapReason.REBOOT)

    def _switch(self, run: list[Chunk], reason: GapReason) -> list[Chunk | Gap]:
        """Leave the stream as it was believed, and begin anew with `run`."""
        out: list[Chunk | Gap] = []
        while self._held:
            out += self._give_up()
        if reason is GapReason.REBOOT and self._stream_id is not None:
            self._past.pop(run[0].stream_id, None)
            self._past[self._stream_id] = self._next_sample
            while len(self._past) > _MAX_PAST:
                del self._past[next(iter(self._past))]
        self._counts[reason.value] += 1
        out.append(self._gap(reason, self._next_sample))
        out += self._begin(run[0])
        for chunk in run[1:]:
            out += self._deliver(chunk)
        return out

    def _begin(self, chunk: Chunk) -> list[Chunk | Gap]:
        self._stream_id = chunk.stream_id
        self._start_sample = self._next_sample = chunk.first_sample
        self._last_seq = (chunk.seq - 1) & 0xFFFFFFFF
        self._format = (chunk.fs, chunk.n_channels)
        self._lost = []
        self._suspects.clear()
        return self._deliver(chunk)

    def _drain(self) -> list[Chunk | Gap]:
        """Deliver what is held as far as no hole is worth waiting for."""
        out: list[Chunk | Gap] = []
        while self._held:
            first = min(self._held)
            chunk, _ = self._held[first]
            if first > self._next_sample and chunk.seq != next_seq(self._last_seq):
                break
            del self._held[first]
            out += self._deliver(chunk)
        return out

    def _give_up(self) -> list[Chunk | Gap]:
        """Give up the first hole."""
        chunk, _ = self._held.pop(min(self._held))
        return self._deliver(chunk) + self._drain()

    def _deliver(self, chunk: Chunk) -> list[Chunk | Gap]:
        out: list[Chunk | Gap] = []
        missing = chunk.first_sample - self._next_sample
        if missing + chunk.n_samples <= 0:  # a held chunk that others have covered
            self._counts["duplicate"] += 1
            return []
        if missing > 0:
            out.append(self._lose(missing))
        elif missing < 0:
            self._counts["overlap"] += 1
            chunk = _without_first(chunk, -missing)
        elif chunk.seq != next_seq(self._last_seq):
            self._counts["seq_jump"] += 1
            out.append(self._gap(GapReason.LOST, chunk.first_sample))
        if (chunk.fs, chunk.n_channels) != self._format:
            self._counts["format"] += 1
            self._format = (chunk.fs, chunk.n_channels)
            out.append(self._gap(GapReason.FORMAT, chunk.first_sample))
        self._counts["delivered"] += 1
        self._last_seq = chunk.seq
        self._next_sample = chunk.first_sample + chunk.n_samples
        duration_ns = round(chunk.n_samples * 1e9 / chunk.fs)
        self._utc_end_ns = chunk.t0_ns + duration_ns if chunk.epoch is Epoch.UTC else 0
        out.append(chunk)
        return out

    def _lose(self, n_samples: int) -> Gap:
        self._counts["lost_gaps"] += 1
        self._counts["lost_samples"] += n_samples
        hole = (self._next_sample, self._next_sample + n_samples)
        self._lost = [*self._lost, hole][-_MAX_LOST:]
        return self._gap(GapReason.LOST, self._next_sample, n_samples)

    def _gap(self, reason: GapReason, first_sample: int, n_samples: int = 0) -> Gap:
        stream_id = self._stream_id or 0
        return Gap(
            self._device, self._signal, stream_id, first_sample, n_samples, reason, time_ns=0
        )

    def state(self) -> State:
        """Everything a continuation depends on."""
        return {
            "stream_id": self._stream_id,
            "start_sample": self._start_sample,
            "next_sample": self._next_sample,
            "last_seq": self._last_seq,
            "format": list(self._format),
            "utc_end_ns": self._utc_end_ns,
            "held": [[chunk_state(chunk), at] for chunk, at in self._held.values()],
            "lost": [list(hole) for hole in self._lost],
            "past": [list(item) for item in self._past.items()],
            "suspects": self._suspects.state(),
            "counts": dict(self._counts),
        }

    def restore(self, state: State) -> None:
        """Go on from `state`."""
        self._stream_id = state["stream_id"]
        self._start_sample = state["start_sample"]
        self._next_sample = state["next_sample"]
        self._last_seq = state["last_seq"]
        self._format = (state["format"][0], state["format"][1])
        self._utc_end_ns = state["utc_end_ns"]
        held = [(chunk_from_state(item), at) for item, at in state["held"]]
        self._held = {chunk.first_sample: (chunk, at) for chunk, at in held}
        self._lost = [(first, end) for first, end in state["lost"]]
        self._past = dict(state["past"])
        self._suspects.restore(state["suspects"])
        self._counts = Counter(state["counts"])


def _without_first(chunk: Chunk, n_samples: int) -> Chunk:
    return replace(
        chunk,
        first_sample=chunk.first_sample + n_samples,
        t0_ns=chunk.t0_ns + round(n_samples * 1e9 / chunk.fs),
        data=chunk.data[:, n_samples:],
    )
