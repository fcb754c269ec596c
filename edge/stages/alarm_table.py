"""What kind of alarm is how urgent, what keeps it, and how it ends: one row a kind.

Priorities after IEC 60601-1-8 (table 1: what happens when nobody answers, and how soon):
high, death or irreversible injury at once; medium, injury that can still be turned; low,
discomfort, or the loss of what only time makes worse. Definitions of
asystole, extreme rates and ventricular tachycardia are those of the CinC 2015 challenge; that
they latch is usual for life-threatening alarms on patient monitors (IEC 60601-2-27). Delays to
an onset are not here but in the rules that see it: they are limits of the patient, see
`limits`, or figures of the rhythm model's bundle. `docs/alarms.md` shows this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from vitalwire.contracts import AlarmKind, Priority


@dataclass(frozen=True, slots=True)
class Escalation:
    """An alarm that becomes more urgent when nothing happens.

    `even_acknowledged`: the duration itself is worse, so that who has seen the lesser
    alarm has not seen this one, and it sounds again.
    """

    after_s: float  # since its start, in its own time line
    priority: Priority
    even_acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """How alarms of one kind live. The texts are for a person."""

    priority: Priority
    condition: str  # {limits} by name
    ends: str
    latching: bool = False  # stays, once over, until somebody acknowledges it
    off_delay_s: float = 0.0  # over only when the condition was away for so long
    escalation: Escalation | None = None


_BEAT_AGAIN: Final = "a beat, then 5 s"
_UNSEEN: Final = Escalation(300.0, Priority.HIGH)  # a patient whom nobody can see

POLICIES: Final[Mapping[AlarmKind, Policy]] = MappingProxyType(
    {
        AlarmKind.ASYSTOLE: Policy(
            Priority.HIGH,
            "no beat for {asystole_s:g} s: flat with the leads on, or not flat "
            "(ventricular fibrillation?)",
            _BEAT_AGAIN,
            latching=True,
            off_delay_s=5.0,
        ),
        AlarmKind.EXTREME_BRADYCARDIA: Policy(
            Priority.HIGH,
            "under {bradycardia_bpm:g} a minute over {bradycardia_beats:g} beats",
            "rate back for 5 s",
            latching=True,
            off_delay_s=5.0,
        ),
        AlarmKind.EXTREME_TACHYCARDIA: Policy(
            Priority.HIGH,
            "over {tachycardia_bpm:g} a minute over {tachycardia_beats:g} beats",
            "rate back for 5 s",
            latching=True,
            off_delay_s=5.0,
        ),
        AlarmKind.PAUSE: Policy(
            Priority.MEDIUM,
            "{pause_s:g} s or more between two beats (from {asystole_s:g} s on: asystole)",
            "by itself, 30 s after the last pause",
            off_delay_s=30.0,
        ),
        AlarmKind.SHOCKABLE_RHYTHM: Policy(
            Priority.HIGH,
            "the rhythm model sees ventricular fibrillation, flutter or fast tachycardia",
            "another rhythm, then 5 s",
            latching=True,
            off_delay_s=5.0,
        ),
        AlarmKind.VENTRICULAR_TACHYCARDIA: Policy(
            Priority.HIGH,
            "{vt_beats:g} ventricular beats in a row, over {vt_bpm:g} a minute",
            "a beat of another class, or a slower rate, then 5 s",
            latching=True,
            off_delay_s=5.0,
        ),
        AlarmKind.VENTRICULAR_RUN: Policy(
            Priority.MEDIUM,
            "{vrun_beats:g} ventricular beats in a row, at any rate",
            "by itself, 30 s after the last run",
            off_delay_s=30.0,
        ),
        AlarmKind.ATRIAL_FIBRILLATION: Policy(
            Priority.MEDIUM,
            "the rhythm model sees atrial fibrillation",
            "another rhythm, then 30 s",
            off_delay_s=30.0,
        ),
        AlarmKind.BIGEMINY: Policy(
            Priority.LOW,
            "3 times a normal and a ventricular beat",
            "by itself, 30 s after the last",
            off_delay_s=30.0,
        ),
        AlarmKind.TRIGEMINY: Policy(
            Priority.LOW,
            "3 times two normal beats and a ventricular one",
            "by itself, 30 s after the last",
            off_delay_s=30.0,
        ),
        AlarmKind.SEIZURE: Policy(
            Priority.HIGH,
            "the seizure model sees a seizure",
            "no seizure seen, then 5 s",
            latching=True,
            off_delay_s=5.0,
        ),
        AlarmKind.DEVICE_SILENT: Policy(
            Priority.MEDIUM,
            "no data for {device_silent_s:g} s, or 5 s after the connection was lost, "
            "without a goodbye",
            "data for 5 s, or a goodbye",
            escalation=_UNSEEN,
        ),
        AlarmKind.LEAD_OFF: Policy(
            Priority.MEDIUM,
            "a lead off for {lead_off_s:g} s",
            "lead on for 5 s",
            off_delay_s=5.0,
            escalation=_UNSEEN,
        ),
        AlarmKind.POOR_SIGNAL: Policy(
            Priority.LOW,
            "cannot be analysed for {poor_signal_s:g} s",
            "can be analysed for 5 s",
            escalation=Escalation(90.0, Priority.MEDIUM, even_acknowledged=True),
        ),
        AlarmKind.FLAT_SIGNAL: Policy(
            Priority.HIGH,
            "flat and no beat for {asystole_s:g} s, and the device cannot tell whether the "
            "leads are on",
            "not flat for 5 s, or known to be an asystole",
            off_delay_s=5.0,
        ),
        AlarmKind.LOW_BATTERY: Policy(
            Priority.LOW,
            "battery under {low_battery_fraction:.0%}",
            "battery 5 points above that",
            escalation=Escalation(1800.0, Priority.MEDIUM),
        ),
        AlarmKind.DISK_FULL: Policy(
            Priority.MEDIUM,
            "the gateway's disk is full, nothing but undelivered alarms is left to evict",
            "space again",
        ),
        AlarmKind.MODEL_FAILED: Policy(
            Priority.MEDIUM,
            "a model gives no answers: beats have no class, no rhythm or no seizure is told",
            "answers for 30 s",
            off_delay_s=30.0,
        ),
    }
)
