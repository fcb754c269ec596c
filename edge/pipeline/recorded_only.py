"""What is made of a stream that cannot be analysed: nothing, and somebody is told so."""

from edge.inference import Asking
from edge.pipeline.stream import Item, StreamName, UtcOf
from edge.stages.items import Advance, Frame, Limits, State
from edge.stages.reports import Now, Reports
from vitalwire.contracts import AlarmKind


class RecordedOnly:
    """Frames in, the alarm `poor_signal` out, from the first of them on.

    It is over when a stream follows that can be analysed.

    Parameters
    ----------
    name : StreamName
    fs : float
        Hz.
    n_leads : int
    expected : str
        What can be analysed.
    """

    def __init__(self, name: StreamName, fs: float, n_leads: int, expected: str) -> None:
        self._reports = Reports(name.signal, name.stream_id)
        of_leads = f"{n_leads} lead{'s' if n_leads > 1 else ''}"
        self._message = (
            f"{name.signal.value.upper()} of {of_leads} at {fs:g} Hz is only recorded: "
            f"the patient is not monitored; send {expected}"
        )
        self._evidence = {"rate_hz": fs, "n_leads": n_leads}

    def push(self, frame: Frame, utc_of: UtcOf) -> Asking[Item]:
        """Take the next frame."""
        injected_end = frame.end_sample if frame.injected else -1
        now = Now(frame.first_sample, frame.end_sample, utc_of, injected_end)
        said = self._reports.on(
            now, AlarmKind.POOR_SIGNAL, frame.first_sample, self._message, self._evidence
        )
        yield from ()  # nobody is asked
        return [*said, Advance(utc_of(frame.end_sample))]

    def break_at(self, sample: int, utc_of: UtcOf) -> Asking[Item]:  # noqa: ARG002
        """Samples are missing up to `sample`."""
        self._reports.rewind(sample)
        yield from ()
        return []

    def set_limits(self, limits: Limits) -> None:
        """None of them is about this."""

    def state(self) -> State:
        return {"reports": self._reports.state()}

    def restore(self, state: State) -> None:
        self._reports.restore(state["reports"])
