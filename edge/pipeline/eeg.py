"""What is made of an EEG: seizures, quality, vital signs, and the word on alarms."""

from typing import Final

import numpy as np

from edge.inference import Asking
from edge.pipeline.eeg_inference import EegInference
from edge.pipeline.models import EegModels
from edge.pipeline.stream import Item, StreamName, UtcOf
from edge.stages.eeg_hops import EegHops
from edge.stages.eeg_quality import GOOD, LEAD_OFF, STATES, Codes, stream_state
from edge.stages.eeg_vitals import BANDS_HZ, EegPoint, EegVitals
from edge.stages.items import Advance, Frame, Limits, State
from edge.stages.lead_rules import LeadRules
from edge.stages.reports import Now
from vitalwire.contracts import Quality, Vitals

_UNTOLD: Final = -1
_UNKNOWN: Final = (None,) * len(BANDS_HZ)


class EegAnalysis:
    """Frames of one EEG stream in; seizures, quality, vitals and conditions out.

    All leads are analysed together, each as long as it can be read; the whole while at least
    half of them can.

    Parameters
    ----------
    name : StreamName
    fs : float
        Hz, see `eeg_signal.supported`.
    n_leads : int
    limits : Limits
        Alarm limits of the patient.
    models : EegModels
        What can be asked; without a seizure model nobody watches for seizures.
    """

    def __init__(
        self, name: StreamName, fs: float, n_leads: int, limits: Limits, models: EegModels
    ) -> None:
        self._name, self._fs = name, fs
        self._hops = EegHops(fs, n_leads)
        self._adopt(np.full(n_leads, _UNTOLD, np.int8))
        self._vitals = EegVitals(fs)
        self._rules = LeadRules(fs, name.signal, name.stream_id, limits)
        model = models.seizure
        self._inference = EegInference(name, fs, n_leads, model) if model else None
        self._begun = False  # a frame came since the start or the last gap
        self._end = 0  # of the last frame
        self._injected_end = -1

    def push(self, frame: Frame, utc_of: UtcOf) -> Asking[Item]:
        """Take the next frame."""
        if not self._begun:
            self._begin(frame.first_sample)
        self._end = frame.end_sample
        if frame.injected:
            self._injected_end = frame.end_sample
        now = Now(frame.first_sample, frame.end_sample, utc_of, self._injected_end)
        hops = self._hops.push(frame.data, frame.missing, frame.lead_off)
        items: list[Item] = []
        if self._hops.codes is not self._codes:  # most frames change nothing
            items += self._quality_changes(frame, utc_of)
        state, n_good = self._state, self._n_good
        if self._inference:
            items += yield from self._inference.push(hops, state, utc_of)
        points = self._vitals.push(now.start, now.sample, hops, n_good, state)
        items += [self._vitals_event(point, utc_of) for point in points]
        items += self._rules.push(now, state, self._off)
        if self._inference:
            n_read = n_good, len(self._codes)
            items += self._inference.conditions(now, state, n_read)
        items.append(Advance(utc_of(frame.end_sample)))
        return items

    def break_at(self, sample: int, utc_of: UtcOf) -> Asking[Item]:
        """Samples are missing up to `sample`: give what is pending, start anew there."""
        items: list[Item] = []
        if self._inference:
            items += self._inference.flush(utc_of)
        self._hops.start_anew((sample - self._end) / self._fs)
        self._vitals.reset(sample)
        self._rules.reset(sample)
        self._injected_end = min(self._injected_end, sample)
        self._begun = False
        yield from ()  # no question is ever left for here
        return items

    def set_limits(self, limits: Limits) -> None:
        """The patient's alarm limits from now on."""
        self._rules.set_limits(limits)

    def _begin(self, sample: int) -> None:
        self._begun = True
        if self._inference:
            self._inference.start(sample)

    def _vitals_event(self, point: EegPoint, utc_of: UtcOf) -> Vitals:
        delta_uv2, theta_uv2, alpha_uv2, beta_uv2, gamma_uv2 = point.powers_uv2 or _UNKNOWN
        return Vitals(
            *self._name,
            sample=point.sample,
            time_ns=utc_of(point.sample),
            state=point.state,
            analysable=point.analysable,
            good_leads=point.good_leads,
            amplitude_uv=point.amplitude_uv,
            delta_uv2=delta_uv2,
            theta_uv2=theta_uv2,
            alpha_uv2=alpha_uv2,
            beta_uv2=beta_uv2,
            gamma_uv2=gamma_uv2,
        )

    def _quality_changes(self, frame: Frame, utc_of: UtcOf) -> list[Item]:
        before = self._codes
        self._adopt(self._hops.codes)
        first, time_ns = frame.first_sample, utc_of(frame.first_sample)
        return [
            Quality(*self._name, lead, first, time_ns, STATES[self._codes[lead]])
            for lead in np.flatnonzero(self._codes != before).tolist()
        ]

    def _adopt(self, codes: Codes) -> None:
        """States of the leads, and what follows for the whole."""
        self._codes = codes
        self._state = stream_state(codes)
        self._n_good = int(np.count_nonzero(codes == GOOD))
        self._off: list[int] = np.flatnonzero(codes == LEAD_OFF).tolist()

    def state(self) -> State:
        return {
            "hops": self._hops.state(),
            "codes": self._codes.astype(np.int64),
            "vitals": self._vitals.state(),
            "rules": self._rules.state(),
            "inference": self._inference.state() if self._inference else None,
            "begun": self._begun,
            "end": self._end,
            "injected_end": self._injected_end,
        }

    def restore(self, state: State) -> None:
        self._hops.restore(state["hops"])
        self._adopt(np.array(state["codes"], np.int8))
        self._vitals.restore(state["vitals"])
        self._rules.restore(state["rules"])
        self._begun, self._end = state["begun"], state["end"]
        self._injected_end = state["injected_end"]
        if self._inference is None:
            return
        if self._inference.fits(state["inference"]):
            self._inference.restore(state["inference"])
        else:  # another model: as behind a gap of no length
            self._hops.start_anew(0.0)
            self._vitals.reset(self._end)
            self._begun = False
