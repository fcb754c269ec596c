"""The errors of vitalwire, one class for each way of answering them.

A message says what was expected, what came, where, and what to do.
"""

from enum import StrEnum


class VitalwireError(Exception):
    """Base of every error that vitalwire raises on purpose."""


class ContractError(VitalwireError):
    """Our own code broke a contract: stop, this is a bug."""


class InputError(VitalwireError):
    """A person gave something that cannot be used: say it in one line, exit non-zero."""


class UnavailableError(VitalwireError):
    """A broker, store or disk does not answer now: retry later, lose nothing."""


class BundleError(VitalwireError):
    """A model bundle is missing, altered or of the wrong task: refuse to run it."""


class WireReason(StrEnum):
    """Why a message from outside was refused; each is counted by this name."""

    TRUNCATED = "truncated"
    OVERSIZED = "oversized"
    BAD_MAGIC = "bad_magic"
    BAD_VERSION = "bad_version"
    BAD_CRC = "bad_crc"
    BAD_FLAGS = "bad_flags"
    BAD_LENGTH = "bad_length"
    BAD_CHANNELS = "bad_channels"
    BAD_SAMPLES = "bad_samples"
    BAD_RATE = "bad_rate"
    BAD_SCALE = "bad_scale"
    BAD_TIME = "bad_time"
    BAD_TOPIC = "bad_topic"
    BAD_JSON = "bad_json"
    UNKNOWN_SIGNAL = "unknown_signal"


class WireError(VitalwireError):
    """Outside input that cannot be read: count it by reason, drop it, go on.

    Parameters
    ----------
    reason : WireReason
        The bounded name under which it is counted.
    message : str
        What was expected and what came; never samples.
    """

    def __init__(self, reason: WireReason, message: str) -> None:
        super().__init__(f"{reason.value}: {message}")
        self.reason = reason
