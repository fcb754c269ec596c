"""From the manifests of the ECG's bundles to the numbers that the stages decide by."""

from collections.abc import Iterable

from edge.manifest_checks import (
    ANY,
    check_shapes,
    check_signal,
    episode_rule,
    labels_of,
    listed,
)
from edge.pipeline.models import BeatModel, EcgModels, RhythmModel
from edge.stages.beat_context import N_CONTEXT
from edge.stages.beat_windows import N_CHANNELS, N_WINDOW
from edge.stages.model_signal import MODEL_FS_HZ
from edge.stages.rhythm_hops import N_HOP
from vitalwire.bundle import Bundle, Task
from vitalwire.contracts import BeatClass, Rhythm
from vitalwire.errors import BundleError


def ecg_models(bundles: Iterable[Bundle]) -> EcgModels:
    """What the pipeline needs to know of these bundles.

    Raises
    ------
    BundleError
        One was made for another interface.
    """
    found = {bundle.manifest.task: bundle for bundle in bundles}
    beat, rhythm = found.get(Task.ECG_BEAT), found.get(Task.ECG_RHYTHM)
    return EcgModels(
        beat_model(beat) if beat else None, rhythm_model(rhythm) if rhythm else None
    )


def beat_model(bundle: Bundle) -> BeatModel:
    """Labels and thresholds of an `ecg-beat` bundle.

    Raises
    ------
    BundleError
        It was made for another interface, or a threshold is missing.
    """
    manifest, where = bundle.manifest, bundle.path
    check_signal(bundle, "mV", MODEL_FS_HZ)
    check_shapes(
        bundle,
        {"beat": [N_CHANNELS, N_WINDOW], "context": [N_CONTEXT]},
        {"probability": [len(manifest.labels)], "activation": [ANY]},
    )
    labels = labels_of(bundle, BeatClass)
    if BeatClass.N not in labels:
        raise BundleError(f"{where}: labels: expected N among them, got {listed(labels)}")
    wanted = [label for label in labels if label is not BeatClass.N]
    found = manifest.thresholds
    if set(found) != {label.value for label in wanted} or not all(
        0 < value <= 1 for value in found.values()
    ):
        raise BundleError(
            f"{where}: thresholds: expected one above 0, up to 1, for each of "
            f"{listed(wanted)}, got {found}"
        )
    return BeatModel(labels, {label: found[label.value] for label in wanted})


def rhythm_model(bundle: Bundle) -> RhythmModel:
    """State, labels and episodes of an `ecg-rhythm` bundle.

    Raises
    ------
    BundleError
        It was made for another interface, or its rules cannot be.
    """
    manifest = bundle.manifest
    check_signal(bundle, "mV", MODEL_FS_HZ)
    n_state = manifest.inputs.get("state", [0])[0]
    check_shapes(
        bundle,
        {"signal": [N_HOP], "state": [n_state]},
        {"probability": [len(manifest.labels)], "next_state": [n_state]},
    )
    rules = {
        Rhythm(label): episode_rule(bundle, label, numbers)
        for label, numbers in manifest.episodes.items()
        if label in labels_of(bundle, Rhythm)
    }
    return RhythmModel(n_state, labels_of(bundle, Rhythm), rules, bundle.digest)
