"""From a path to results: a recording, or the streams of a chunk log."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from edge.chunklog.reader import open_reader
from edge.chunklog.records import Record, RecordKind
from edge.models import NOTHING, LoadedModels
from edge.offline import analyze, device_name, plausible_start_ns, records_of
from edge.results import StreamResult, events_of
from edge.stages import eeg_signal, qrs
from vitalwire import topics, wire
from vitalwire.cli.output import progress
from vitalwire.contracts import Chunk, Epoch, Event, Signal
from vitalwire.errors import InputError, WireError
from vitalwire.recordings.chunks import chunks as cut_chunks
from vitalwire.recordings.chunks import encode
from vitalwire.recordings.opening import open_recording
from vitalwire.recordings.recording import Recording
from vitalwire.topics import Leaf

STREAM_ID = 1
_RATES_HZ: Final = {
    Signal.ECG: (qrs.FS_MIN_HZ, qrs.FS_MAX_HZ),
    Signal.EEG: (eeg_signal.FS_MIN_HZ, eeg_signal.FS_MAX_HZ),
}
"""A stream at any other rate is recorded and not analysed."""


def analyze_path(
    path: Path,
    *,
    site: str | None = None,
    leads: Sequence[str] | None = None,
    lead_state_known: bool = False,
    load_models: Callable[[], LoadedModels] = lambda: NOTHING,
) -> list[StreamResult]:
    """The pipeline over whatever lies at `path`, with these models: loaded once it can be read.

    Raises
    ------
    InputError
        Nothing that can be read lies there.
    """
    if path.is_dir():
        return analyze_log(path, site, load_models)
    recording = open_recording(path, leads=leads)
    _check_rate(recording)
    models = load_models()
    return [analyze_recording(recording, lead_state_known=lead_state_known, models=models)]


def _check_rate(recording: Recording) -> None:
    """Refuse what would only be recorded: an empty result would say that all is well."""
    low, high = _RATES_HZ[recording.signal]
    if not low <= recording.fs <= high:
        raise InputError(
            f"{recording.path}: an {recording.signal.value.upper()} is analysed at {low:g} to "
            f"{high:g} Hz, got {recording.fs:g} Hz: resample it"
        )


def analyze_recording(
    recording: Recording, *, lead_state_known: bool = False, models: LoadedModels = NOTHING
) -> StreamResult:
    """The pipeline over a recording, as if it had been worn and sent."""
    start_ns = plausible_start_ns(recording.start_ns)
    name = device_name(recording.name)
    chunks = cut_chunks(
        recording,
        name,
        stream_id=STREAM_ID,
        t0_ns=start_ns,
        lead_state_known=lead_state_known,
    )
    result = StreamResult(
        name,
        recording.fs,
        start_ns,
        recording.duration_s,
        label_weights=_label_weights(models, recording.signal),
        signal=recording.signal,
        leads=recording.leads,
    )
    with progress(f"analysing {name}", recording.n_samples) as advance:

        def counted(chunk: Chunk) -> bytes:
            advance(chunk.n_samples)
            return encode(recording, chunk)

        records = records_of(chunks, counted)
        outputs = analyze(records, models=models.models, ecg=models.ecg, eeg=models.eeg)
        result.events = events_of(outputs)
    return result


def analyze_log(
    folder: Path, site: str | None, load_models: Callable[[], LoadedModels]
) -> list[StreamResult]:
    """The pipeline over a gateway's chunk log: with its models, just what the daemon found."""
    results, sites = _streams(records_of_log(folder))
    if site is None and len(sites) > 1:
        raise InputError(f"{folder}: has sites {', '.join(sorted(sites))}: choose with --site")
    if site is not None and site not in sites:
        raise InputError(f"{folder}: no site {site!r}; it has {', '.join(sorted(sites))}")
    chosen, models = site or next(iter(sites), "home"), load_models()
    by_device = {key[0]: result for key, result in results.items()}
    for stream in results.values():
        stream.label_weights = _label_weights(models, stream.signal)
    outputs = analyze(records_of_log(folder), chosen, models.models, models.ecg, models.eeg)
    for event in events_of(outputs):
        result = results.get(_key(event)) or by_device.get(event.device)
        if result is not None:  # a device that only said that it is there has no stream
            result.events.append(event)
    return list(results.values())


def _label_weights(
    models: LoadedModels, signal: Signal
) -> Mapping[str, Sequence[float]] | None:
    asked = signal is Signal.ECG and models.ecg.rhythm is not None
    return models.record_label if asked else None


def records_of_log(folder: Path) -> Iterator[Record]:
    """The records of a chunk log, or of the one in a gateway's data folder.

    Raises
    ------
    InputError
        There is none.
    """
    try:
        reader = open_reader(folder)
    except InputError:
        raise InputError(
            f"{folder}: expected a recording or a chunk log, found neither"
        ) from None
    return (record for _, record in reader)


def _streams(
    records: Iterable[Record],
) -> tuple[dict[tuple[str, Signal, int], StreamResult], set[str]]:
    """A first pass: the streams that there are, and the sites they are of."""
    results: dict[tuple[str, Signal, int], StreamResult] = {}
    sites: set[str] = set()
    for record in records:
        chunk = _chunk(record)
        if chunk is None:
            continue
        sites.add(topics.parse(record.topic).site)
        key = (chunk.device, chunk.signal, chunk.stream_id)
        end_s = (chunk.first_sample + chunk.n_samples) / chunk.fs
        if key not in results:
            name = f"{chunk.device[:48]}_{chunk.signal.value}_{chunk.stream_id:08x}"
            start_ns = chunk.t0_ns - round(chunk.first_sample / chunk.fs * 1e9)
            if chunk.epoch is Epoch.BOOT:  # its clock tells no date: as the gateway heard it
                start_ns = record.arrival_ns - round(end_s * 1e9)
            low, high = _RATES_HZ[chunk.signal]
            results[key] = StreamResult(
                device_name(name),
                chunk.fs,
                start_ns,
                end_s,
                signal=chunk.signal,
                analysed=low <= chunk.fs <= high,
            )
        results[key].duration_s = max(results[key].duration_s, end_s)
    return results, sites


def _key(event: Event) -> tuple[str, Signal, int]:
    signal = getattr(event, "signal", None) or Signal.ECG
    return event.device, signal, getattr(event, "stream_id", 0)


def _chunk(record: Record) -> Chunk | None:
    if record.kind is not RecordKind.MESSAGE:
        return None
    try:
        topic = topics.parse(record.topic)
        if topic.leaf is not Leaf.CHUNK or topic.signal is None:
            return None
        return wire.decode(record.payload, topic.device, topic.signal)
    except WireError:
        return None
