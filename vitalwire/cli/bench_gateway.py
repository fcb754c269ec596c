"""What a second of one device's signal costs the gateway here, in CPU time of one thread."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy.signal import lfilter

from edge.chunklog.records import Record
from edge.inference import Model
from edge.models import NOTHING, LoadedModels
from edge.offline import NOMINAL_START_NS, analyze, chunks_of, records_of
from edge.pipeline.eeg import EegAnalysis
from edge.pipeline.models import SEIZURE_MODEL, EegModels, EpisodeRule, SeizureModel
from edge.pipeline.stream import StreamName
from edge.stages.framing import Framer
from training.results import RESULTS, write_section
from vitalwire.cli.bench_models import machine, median_ms, of_machine
from vitalwire.cli.output import progress
from vitalwire.contracts import Arrays, Brain, Samples, Signal
from vitalwire.recordings.bundled import bundled_recording
from vitalwire.recordings.chunks import chunks, encode

_COMMAND: Final = "vitalwire bench gateway --results"
SIGNAL_S: Final = 20.0  # what is played, over and over
EEG_FS_HZ: Final = 256.0
EEG_LEADS: Final = 18

_N_STATE: Final = 8
_RULE: Final = EpisodeRule(0.6, 0.4, mean_s=3.0, least_s=4.0, end_s=4.0)


class AtOnce:
    """Says background to everything, at no cost: what is left is the cost of asking."""

    def run(self, inputs: Arrays) -> Arrays:
        n, n_leads = inputs["good"].shape
        return {
            "probability": np.tile(np.array([0.9, 0.1], np.float32), (n, 1)),
            "leads": np.zeros((n, n_leads), np.float32),
            "next_state": inputs["state"],
        }


AT_ONCE: Final = LoadedModels(
    {SEIZURE_MODEL: AtOnce()}, eeg=EegModels(SeizureModel(_N_STATE, tuple(Brain), _RULE))
)


def measure(shipped: LoadedModels, seconds: float) -> dict[str, Any]:
    """Time each stream for so many seconds.

    Parameters
    ----------
    shipped : LoadedModels
        Those that a gateway would run.
    """
    ecg, eeg = _ecg(), records_of(chunks_of(_eeg(), EEG_FS_HZ, signal=Signal.EEG))
    of_ecg, of_eeg = "ECG, 1 lead, 360 Hz", f"EEG, {EEG_LEADS} leads, {EEG_FS_HZ:g} Hz"
    eeg_records = list(eeg)
    jobs: list[tuple[str, str, Callable[[], object]]] = [
        (of_ecg, "none", lambda: _run(ecg, NOTHING)),
        (of_ecg, _names(shipped.models, "ecg"), lambda: _run(ecg, shipped)),
        (f"{of_eeg}: signal, quality, vitals alone", "none", _frames_alone()),
        (of_eeg, "none", lambda: _run(eeg_records, NOTHING)),
        (of_eeg, "one that answers at once", lambda: _run(eeg_records, AT_ONCE)),
        (of_eeg, _names(shipped.models, "eeg"), lambda: _run(eeg_records, shipped)),
    ]
    streams = []
    with progress("measuring", len(jobs)) as advance:
        for stream, models, call in jobs:
            if models:
                ms = median_ms(call, seconds) / SIGNAL_S
                streams.append({"stream": stream, "models": models, "ms": ms})
            advance(1)
    return {"machine": machine(), "signal_s": SIGNAL_S, "streams": streams}


def _names(models: Mapping[str, Model], signal: str) -> str:
    return ", ".join(name for name in models if name.startswith(signal))


def _run(records: Sequence[Record], models: LoadedModels) -> None:
    for _ in analyze(records, models=models.models, ecg=models.ecg, eeg=models.eeg):
        pass


def _frames_alone() -> Callable[[], None]:
    """The analysis of frames that are cut already."""
    framer = Framer(EEG_FS_HZ, EEG_LEADS)
    cut = chunks_of(_eeg(), EEG_FS_HZ, signal=Signal.EEG)
    frames = [frame for chunk in cut for frame in framer.push(chunk)]

    def utc_of(sample: int) -> int:
        return NOMINAL_START_NS + round(sample / EEG_FS_HZ * 1e9)

    def run() -> None:
        name = StreamName("bench", Signal.EEG, 1)
        analysis = EegAnalysis(name, EEG_FS_HZ, EEG_LEADS, {}, EegModels())
        for frame in frames:
            for _ in analysis.push(frame, utc_of):  # it asks nothing
                pass

    return run


def _ecg() -> list[Record]:
    recording = bundled_recording()
    cut = chunks(
        recording,
        "bench",
        stream_id=1,
        t0_ns=NOMINAL_START_NS,
        n_samples=round(SIGNAL_S * recording.fs),
    )
    return list(records_of(cut, lambda chunk: encode(recording, chunk)))


def _eeg() -> Samples:
    """Noise whose power falls with the frequency, 20 uV RMS on each lead."""
    noise = np.random.default_rng(1).normal(size=(EEG_LEADS, round(SIGNAL_S * EEG_FS_HZ)))
    leads = lfilter([1.0], [1.0, -0.95], noise, axis=1)
    scaled: Samples = (20.0 * leads / leads.std(axis=1, keepdims=True)).astype(np.float32)
    return scaled


def write(report: Mapping[str, Any]) -> None:
    """Put the table into `docs/results.md`."""
    text = (
        "## What a stream costs the gateway\n\n"
        f"`{_COMMAND}`\n\n"
        "Median CPU time of one thread for a second of one device's signal, from the bytes on "
        "the wire to the events; without models, with one that answers at once (what asking "
        f"costs), and with those that ship.\n\n{table(report)}\n\n{of_machine(report)}."
    )
    write_section(RESULTS, "bench-gateway", text)


def table(report: Mapping[str, Any]) -> str:
    """Markdown: a row for each stream and what is asked about it."""
    rows = [
        f"| {one['stream']} | {one['models']} | {one['ms']:.3g} |" for one in report["streams"]
    ]
    return "\n".join(["| stream | models | ms of CPU a second |", "|---|---|---|", *rows])
