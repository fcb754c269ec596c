"""What may enter the chunk log: well-formed, of this site, at a bearable rate.

Anything else is refused here, before it costs disk: counted by reason, logged without its
samples, and acknowledged, so that the broker does not bring it again.
"""

import logging
from collections import Counter
from typing import Final

from edge.chunklog.records import Record, RecordKind
from edge.config import PipelineSettings
from edge.stages.limiter import MessageLimiter, RateLimiter
from vitalwire import messages, topics, wire
from vitalwire.contracts import Command, DeviceInfo, DeviceStatus, Signal
from vitalwire.errors import WireError, WireReason
from vitalwire.topics import Leaf, Topic

log = logging.getLogger(__name__)

RATE_LIMITED: Final = "rate_limited"
_JSON: Final = {Leaf.STATUS: DeviceStatus, Leaf.INFO: DeviceInfo, Leaf.COMMAND: Command}
_LOG_EVERY: Final = 1000  # a flood of refusals must not flood the journal


class Intake:
    """Turns a message into a record, or refuses it.

    Parameters
    ----------
    site : str
    settings : PipelineSettings
    """

    def __init__(self, site: str, settings: PipelineSettings) -> None:
        self._site, self._settings = site, settings
        self._limiters: dict[str, RateLimiter] = {}  # by device and signal
        self._message_limiters: dict[str, MessageLimiter] = {}  # by device
        self.refused: Counter[str] = Counter()

    def admit(self, topic: str, payload: bytes, arrival_ns: int) -> Record | None:
        """A record for the log, or None if the message was refused (and counted)."""
        try:
            self._check(topic, payload, arrival_ns)
        except WireError as error:
            self.refuse(topic, error.reason.value, str(error))
            return None
        except _TooMuchError as error:
            self.refuse(topic, RATE_LIMITED, str(error))
            return None
        return Record(RecordKind.MESSAGE, arrival_ns, topic, payload)

    def refuse(self, topic: str, reason: str, message: str) -> None:
        """Count and log something that cannot be used."""
        self.refused[reason] += 1
        if self.refused[reason] % _LOG_EVERY == 1:
            log.warning(
                "message refused",
                extra={
                    "reason": reason,
                    "topic": topic[:128],
                    "detail": message[:256],
                    "count": self.refused[reason],
                },
            )

    def _check(self, name: str, payload: bytes, arrival_ns: int) -> None:
        topic = topics.parse(name)
        if topic.site != self._site:
            raise WireError(
                WireReason.BAD_TOPIC, f"expected site {self._site}, got {topic.site}"
            )
        if topic.leaf is Leaf.CHUNK:
            self._check_chunk(topic, payload, arrival_ns)
        elif topic.leaf in _JSON:
            messages.load(_JSON[topic.leaf], payload)
            self._check_rate(topic.device, arrival_ns)
        else:
            raise WireError(WireReason.BAD_TOPIC, f"a gateway does not read {topic.leaf.value}")

    def _check_rate(self, device: str, arrival_ns: int) -> None:
        limiter = self._message_limiters.get(device)
        if limiter is None:
            self._check_room(len(self._message_limiters))
            limiter = self._message_limiters[device] = MessageLimiter()
        if not limiter.push(arrival_ns):
            raise _TooMuchError("expected a few messages a second beside the signal")

    def _check_room(self, taken: int) -> None:
        if taken >= len(Signal) * self._settings.max_devices:
            raise _TooMuchError(
                f"expected at most {self._settings.max_devices} devices: raise [pipeline] "
                "max_devices, or check who publishes"
            )

    def _check_chunk(self, topic: Topic, payload: bytes, arrival_ns: int) -> None:
        assert topic.signal is not None
        chunk = wire.decode(payload, topic.device, topic.signal)
        key = f"{topic.device}/{topic.signal.value}"
        limiter = self._limiters.get(key)
        if limiter is None:
            self._check_room(len(self._limiters))
            limiter = self._limiters[key] = RateLimiter(
                self._settings.max_speed, self._settings.backlog_s
            )
        if not limiter.push(chunk, arrival_ns):
            raise _TooMuchError(
                f"expected at most {self._settings.max_speed:g} times real time after a "
                f"backlog of {self._settings.backlog_s:g} s: check the sender, or raise "
                "[pipeline] max_speed"
            )


class _TooMuchError(Exception):
    """A device sends more than it may."""
