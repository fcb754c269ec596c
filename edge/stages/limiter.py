"""A bound on what one stream may send, in seconds of signal and in messages. Pure.

Two token buckets on arrival time. An outage's backlog comes at once and passes; a sender that
runs wild is cut down to what the gateway can carry, and the other streams never notice.
"""

from collections import Counter
from typing import Final

from edge.stages.items import State
from vitalwire.contracts import Chunk

COUNTERS: Final = ("limited_signal", "limited_messages")


class MessageLimiter:
    """Limit the messages beside the signal: statuses, infos and commands of one device.

    Parameters
    ----------
    max_hz : float
        Messages a second, in the long run.
    burst : int
        Messages that may come at once.
    """

    def __init__(self, max_hz: float = 5.0, burst: int = 200) -> None:
        self._max_hz, self._burst = max_hz, float(burst)
        self._left = self._burst
        self._last_ns: int | None = None

    def push(self, arrival_ns: int) -> bool:
        """Whether the message may pass."""
        # A clock that is set back gives nothing, one set forward at most a full bucket.
        elapsed_s = max(0, arrival_ns - (self._last_ns or arrival_ns)) / 1e9
        self._left = min(self._burst, self._left + self._max_hz * elapsed_s)
        self._last_ns = arrival_ns
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class RateLimiter:
    """Limit one signal of one device.

    Parameters
    ----------
    max_speed : float
        Seconds of signal a second, in the long run.
    burst_s : float
        Seconds of signal that may come at once.
    max_messages_hz : float
        Messages a second, in the long run.
    burst_messages : int
        Messages that may come at once; two hours of 20 messages a second by default.
    """

    def __init__(
        self,
        max_speed: float = 100.0,
        burst_s: float = 7200.0,
        *,
        max_messages_hz: float = 500.0,
        burst_messages: int = 144_000,
    ) -> None:
        self._rates = (max_speed, max_messages_hz)
        self._sizes = (burst_s, float(burst_messages))
        self._signal_s, self._messages = self._sizes
        self._last_ns: int | None = None
        self._counts: Counter[str] = Counter()

    def push(self, chunk: Chunk, arrival_ns: int) -> bool:
        """Whether the chunk may pass."""
        self._refill(arrival_ns)
        # A single chunk of more than the bucket's size (hours at 1 Hz) takes a full bucket.
        cost_s = min(chunk.n_samples / chunk.fs, self._sizes[0])
        if self._messages < 1.0:
            self._counts["limited_messages"] += 1
            return False
        if self._signal_s < cost_s:
            self._counts["limited_signal"] += 1
            return False
        self._messages -= 1.0
        self._signal_s -= cost_s
        return True

    def counters(self) -> dict[str, int]:
        """Chunks refused so far, by the names in `COUNTERS`."""
        return {name: self._counts[name] for name in COUNTERS}

    def _refill(self, arrival_ns: int) -> None:
        # A gateway clock that is set back gives nothing, one set forward at most a full bucket.
        last_ns = arrival_ns if self._last_ns is None else self._last_ns
        elapsed_s = max(0, arrival_ns - last_ns) / 1e9
        self._signal_s = min(self._sizes[0], self._signal_s + self._rates[0] * elapsed_s)
        self._messages = min(self._sizes[1], self._messages + self._rates[1] * elapsed_s)
        self._last_ns = arrival_ns

    def state(self) -> State:
        """Everything a continuation depends on."""
        return {
            "signal_s": self._signal_s,
            "messages": self._messages,
            "last_ns": self._last_ns,
            "counts": dict(self._counts),
        }

    def restore(self, state: State) -> None:
        """Go on from `state`."""
        self._signal_s = state["signal_s"]
        self._messages = state["messages"]
        self._last_ns = state["last_ns"]
        self._counts = Counter(state["counts"])
