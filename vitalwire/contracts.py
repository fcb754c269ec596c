"""The contracts between the parts: what a chunk, a beat, a vital sign and an alarm are.

Everything here is frozen. Arrays are float32 `(n_channels, n_samples)`. A scalar's unit is
in its name. Positions are samples since the start of the sender's stream, as the sender
counted them, so that they do not depend on how the radio cut the stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vitalwire.errors import ContractError

Samples = NDArray[np.float32]
"""Samples, float32 `(n_channels, n_samples)`, in the unit of their `Signal`."""


class Signal(StrEnum):
    """What a stream measures. ECG is in mV, EEG in uV."""

    ECG = "ecg"
    EEG = "eeg"

    @property
    def unit(self) -> str:
        return "mV" if self is Signal.ECG else "uV"


class Epoch(StrEnum):
    """Where a device's clock starts."""

    UTC = "utc"
    BOOT = "boot"


class BeatClass(StrEnum):
    """AAMI EC57 beat classes; Q also stands for a beat that nobody has classified."""

    N = "N"
    S = "S"
    V = "V"
    F = "F"
    Q = "Q"


class Rhythm(StrEnum):
    NORMAL = "normal"
    AF = "af"
    OTHER = "other"
    SHOCKABLE = "shockable"
    NOISE = "noise"


class Brain(StrEnum):
    """What a seizure model calls an EEG."""

    BACKGROUND = "background"
    SEIZURE = "seizure"


class SignalState(StrEnum):
    """What can be said about a lead. Only `GOOD` is analysed for rates and vitals."""

    GOOD = "good"
    POOR = "poor"
    FLAT = "flat"
    LEAD_OFF = "lead_off"
    UNKNOWN = "unknown"


class GapReason(StrEnum):
    """Why a stream does not continue where it stopped."""

    LOST = "lost"  # chunks never came
    REBOOT = "reboot"  # a new stream id
    FORMAT = "format"  # rate or lead count changed within a stream
    RESTART = "restart"  # a sample count that went backward within a stream
    MISSING = "missing"  # the sender marked samples as missing


class Priority(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """3 for high, 1 for low."""
        return {Priority.HIGH: 3, Priority.MEDIUM: 2, Priority.LOW: 1}[self]


class AlarmCategory(StrEnum):
    """IEC 60601-1-8: about the patient, or about the equipment."""

    PHYSIOLOGICAL = "physiological"
    TECHNICAL = "technical"


class AlarmKind(StrEnum):
    ASYSTOLE = "asystole"
    EXTREME_BRADYCARDIA = "extreme_bradycardia"
    EXTREME_TACHYCARDIA = "extreme_tachycardia"
    PAUSE = "pause"
    SHOCKABLE_RHYTHM = "shockable_rhythm"  # ventricular fibrillation, flutter, tachycardia
    VENTRICULAR_TACHYCARDIA = "ventricular_tachycardia"
    VENTRICULAR_RUN = "ventricular_run"
    ATRIAL_FIBRILLATION = "atrial_fibrillation"
    BIGEMINY = "bigeminy"
    TRIGEMINY = "trigeminy"
    SEIZURE = "seizure"
    DEVICE_SILENT = "device_silent"
    LEAD_OFF = "lead_off"
    POOR_SIGNAL = "poor_signal"
    FLAT_SIGNAL = "flat_signal"  # flat, and nobody knows whether the leads are on
    LOW_BATTERY = "low_battery"
    DISK_FULL = "disk_full"  # of the gateway: nothing but undelivered alarms is left to evict
    MODEL_FAILED = "model_failed"  # of the gateway: a model gives no answers

    @property
    def category(self) -> AlarmCategory:
        return (
            AlarmCategory.PHYSIOLOGICAL if self in _PHYSIOLOGICAL else AlarmCategory.TECHNICAL
        )


_PHYSIOLOGICAL = frozenset(
    {
        AlarmKind.ASYSTOLE,
        AlarmKind.EXTREME_BRADYCARDIA,
        AlarmKind.EXTREME_TACHYCARDIA,
        AlarmKind.PAUSE,
        AlarmKind.SHOCKABLE_RHYTHM,
        AlarmKind.VENTRICULAR_TACHYCARDIA,
        AlarmKind.VENTRICULAR_RUN,
        AlarmKind.ATRIAL_FIBRILLATION,
        AlarmKind.BIGEMINY,
        AlarmKind.TRIGEMINY,
        AlarmKind.SEIZURE,
    }
)


class AlarmPhase(StrEnum):
    """Phases of one alarm's life (IHE SDPi); every message of it carries the same id."""

    START = "start"
    UPDATE = "update"
    ESCALATE = "escalate"
    ACKNOWLEDGE = "acknowledge"
    SNOOZE = "snooze"
    END = "end"


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Consecutive samples of one signal of one device, as they arrived.

    A step in `seq` other than one means lost samples: stateful stages are reset.
    """

    device: str
    signal: Signal
    stream_id: int  # uint32, new at each boot of the sender
    seq: int  # uint32, wraps
    first_sample: int  # of data[:, 0], samples since the stream's start
    t0_ns: int  # time of data[:, 0] on the device's clock, ns
    epoch: Epoch
    fs: float  # Hz
    data: Samples  # (n_channels, n_samples), unit given by `signal`; NaN = missing
    lead_off: int = 0  # bit i set: lead i is off
    lead_state_known: bool = False  # the sender can tell whether a lead is on
    injected: bool = False  # altered on purpose by a test source, and said so

    def __post_init__(self) -> None:
        if self.data.dtype != np.float32 or self.data.ndim != 2 or 0 in self.data.shape:
            raise ContractError(
                "Chunk.data must be float32 (n_channels, n_samples) with samples in it, got "
                f"{self.data.dtype} {self.data.shape} from {self.device}: check the transpose"
            )

    @property
    def n_channels(self) -> int:
        return int(self.data.shape[0])

    @property
    def n_samples(self) -> int:
        return int(self.data.shape[1])


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples that are not there. Stateful stages start anew behind it."""

    device: str
    signal: Signal
    stream_id: int
    first_sample: int  # of the missing samples
    n_samples: int  # 0 where nobody can know
    reason: GapReason
    time_ns: int  # UTC of the first missing sample, as well as it is known


@dataclass(frozen=True, slots=True)
class Quality:
    """The state of one lead from `first_sample` on, emitted when it changes."""

    device: str
    signal: Signal
    stream_id: int
    lead: int
    first_sample: int
    time_ns: int
    state: SignalState


@dataclass(frozen=True, slots=True)
class Beat:
    """One QRS complex."""

    device: str
    signal: Signal
    stream_id: int
    sample: int  # of the R peak
    time_ns: int  # UTC
    label: BeatClass
    rr_s: float | None  # to the beat before; None after a gap or a poor stretch
    amplitude_mv: float
    probability: float | None = None  # of the label, 0..1; None: nobody has classified it
    activation: tuple[float, ...] = ()  # what spoke for the label, evenly over the window


@dataclass(frozen=True, slots=True)
class Episode:
    """A rhythm or a seizure with an onset and an end."""

    device: str
    signal: Signal
    stream_id: int
    kind: str
    onset_sample: int
    end_sample: int | None  # None while it lasts
    onset_ns: int
    end_ns: int | None
    confidence: float  # 0..1


@dataclass(frozen=True, slots=True)
class Probabilities:
    """What a model says of a stream now, at most one a second: for the screen and reports."""

    device: str
    signal: Signal
    stream_id: int
    sample: int  # up to which the signal was seen
    time_ns: int
    labels: tuple[str, ...]  # the values of `Rhythm`, of a seizure model those of `Brain`
    values: tuple[float, ...]  # one for each label, sum 1


@dataclass(frozen=True, slots=True)
class Vitals:
    """Vital signs at one instant, at most one a second. None = cannot be analysed now.

    Heart and respiration are of an ECG; powers, amplitude and leads of an EEG.
    """

    device: str
    signal: Signal
    stream_id: int
    sample: int
    time_ns: int
    state: SignalState
    heart_rate_bpm: float | None = None
    rr_s: float | None = None  # mean RR of the rate's window
    rmssd_ms: float | None = None
    sdnn_ms: float | None = None
    respiration_bpm: float | None = None
    analysable: float = 0.0  # share of the last minute that could be analysed, 0..1
    good_leads: int | None = None  # that can be read now
    amplitude_uv: float | None = None  # RMS, 0.5 to 45 Hz; this and the powers: median lead
    delta_uv2: float | None = None  # 0.5 to 4 Hz
    theta_uv2: float | None = None  # 4 to 8 Hz
    alpha_uv2: float | None = None  # 8 to 13 Hz
    beta_uv2: float | None = None  # 13 to 30 Hz
    gamma_uv2: float | None = None  # 30 to 45 Hz


Evidence = Mapping[str, float | int | str | bool | tuple[float, ...]]
"""What an alarm rests on, in words, numbers and short rows of numbers that fit on a screen."""


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """One message of one alarm's life.

    `(alarm_id, revision)` names the message: a retry carries the same two.
    """

    alarm_id: str
    revision: int  # 0 at its start, one more with every message of this alarm
    phase: AlarmPhase
    kind: AlarmKind
    priority: Priority
    site: str
    device: str
    signal: Signal | None  # None: of the device or the gateway, not of one signal
    patient: str | None
    stream_id: int
    declared_sample: int  # fixed at declaration, part of the id
    onset_ns: int  # may be refined
    declared_ns: int
    time_ns: int  # of this message
    active: bool  # the condition holds now
    latched: bool  # over, but kept until somebody acknowledges it
    acknowledged: bool
    acknowledged_by: str | None
    snoozed_until_ns: int | None
    ended_ns: int | None
    message: str  # one line for a person
    evidence: Evidence = field(default_factory=dict)

    @property
    def category(self) -> AlarmCategory:
        return self.kind.category


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a sender says of one of its signals (retained)."""

    leads: tuple[str, ...]  # labels, in the order of the channels
    fs: float  # Hz
    unit: str  # "mV" or "uV"
    interval_s: float  # expected time between two chunks
    source: str = ""  # what the signal is taken from, for a person


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """Whether a device is there (retained; its last will says `online` false)."""

    online: bool
    reason: str = ""  # of an offline: "end of recording", "switched off"; "" = unexpected
    battery: float | None = None  # 0..1
    firmware: str | None = None
    bridge: str | None = None  # who carries its chunks, if not it itself
    injected: tuple[str, ...] = ()  # faults that a test source makes on purpose


class CommandAction(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    SNOOZE = "snooze"
    LIMITS = "limits"


@dataclass(frozen=True, slots=True)
class Command:
    """What a person asked of the gateway; answered by a `Receipt` with the same id."""

    command_id: str
    device: str
    action: CommandAction
    by: str
    alarm_id: str | None = None  # acknowledge, snooze
    snooze_s: float | None = None
    limits: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a command."""

    command_id: str
    device: str
    accepted: bool
    reason: str  # "" when accepted
    time_ns: int
    alarm_id: str | None = None


Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class InferenceRequest:
    """What a pipeline asks of a model; the shell answers for many devices at once.

    `inputs` are without the batch axis; the answer is a mapping of the model's outputs,
    also without it.
    """

    model: str
    device: str
    inputs: Arrays


Event = Gap | Quality | Beat | Episode | Probabilities | Vitals | AlarmEvent | Receipt
"""What a pipeline returns."""
