"""From a manifest to the numbers that the stages decide by; it must fit what they ask.

A bundle made for another window, another rate or with labels of its own would run and mean
nothing: it is refused here.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeVar

from edge.pipeline.models import BeatModel, EcgModels, EpisodeRule, RhythmModel
from edge.stages.beat_context import N_CONTEXT
from edge.stages.beat_windows import N_CHANNELS, N_WINDOW
from edge.stages.model_signal import MODEL_FS_HZ
from edge.stages.rhythm_hops import N_HOP
from vitalwire.bundle import Bundle, Manifest, Task
from vitalwire.contracts import BeatClass, Rhythm
from vitalwire.errors import BundleError

L = TypeVar("L", bound=StrEnum)
_ANY: Final = -1  # a size that is the model's own affair


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
    _check_signal(bundle)
    _check_shapes(
        bundle,
        {"beat": [N_CHANNELS, N_WINDOW], "context": [N_CONTEXT]},
        {"probability": [len(manifest.labels)], "activation": [_ANY]},
    )
    labels = _labels(bundle, BeatClass)
    if BeatClass.N not in labels:
        raise BundleError(f"{where}: labels: expected N among them, got {_listed(labels)}")
    wanted = [label for label in labels if label is not BeatClass.N]
    found = manifest.thresholds
    if set(found) != {label.value for label in wanted} or not all(
        0 < value <= 1 for value in found.values()
    ):
        raise BundleError(
            f"{where}: thresholds: expected one above 0, up to 1, for each of "
            f"{_listed(wanted)}, got {found}"
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
    _check_signal(bundle)
    n_state = manifest.inputs.get("state", [0])[0]
    _check_shapes(
        bundle,
        {"signal": [N_HOP], "state": [n_state]},
        {"probability": [len(manifest.labels)], "next_state": [n_state]},
    )
    rules = {
        Rhythm(label): _rule(bundle, label, numbers)
        for label, numbers in manifest.episodes.items()
        if label in _labels(bundle, Rhythm)
    }
    return RhythmModel(n_state, _labels(bundle, Rhythm), rules, bundle.digest)


def _rule(bundle: Bundle, label: str, numbers: Mapping[str, float]) -> EpisodeRule:
    rule = EpisodeRule(**numbers)  # the manifest has these names and no others
    times_s = (rule.mean_s, rule.least_s, rule.end_s)
    if not 0 < rule.leave < rule.enter <= 1 or min(times_s) < 0 or rule.mean_s == 0:
        raise BundleError(
            f"{bundle.path}: episodes.{label}: expected 0 < leave < enter <= 1, mean_s above "
            f"0 and no negative time, got {dict(numbers)}"
        )
    return rule


def _check_signal(bundle: Bundle) -> None:
    manifest = bundle.manifest
    if (manifest.unit, manifest.fs_hz) != ("mV", MODEL_FS_HZ):
        raise BundleError(
            f"{bundle.path}: expected a model of mV at {MODEL_FS_HZ:g} Hz, got one of "
            f"{manifest.unit} at {manifest.fs_hz:g} Hz"
        )


def _check_shapes(
    bundle: Bundle, inputs: Mapping[str, list[int]], outputs: Mapping[str, list[int]]
) -> None:
    """The manifest has exactly these, in this order: a graph without names goes by it."""
    manifest: Manifest = bundle.manifest
    for what, wanted, found in [
        ("inputs", inputs, manifest.inputs),
        ("outputs", outputs, manifest.outputs),
    ]:
        fits = list(found) == list(wanted) and all(
            len(found[key]) == len(shape)
            and all(want in (_ANY, size) for want, size in zip(shape, found[key], strict=True))
            for key, shape in wanted.items()
        )
        if not fits:
            shown = {
                key: ["n" if n == _ANY else n for n in shape] for key, shape in wanted.items()
            }
            raise BundleError(
                f"{bundle.path}: {what}: this gateway asks with {shown}, the model was made "
                f"for {dict(found)}: train and export it with this version"
            )


def _labels(bundle: Bundle, kind: type[L]) -> tuple[L, ...]:
    try:
        return tuple(kind(label) for label in bundle.manifest.labels)
    except ValueError:
        raise BundleError(
            f"{bundle.path}: labels: expected some of {_listed(kind)}, got "
            f"{', '.join(bundle.manifest.labels)}"
        ) from None


def _listed(labels: Iterable[StrEnum]) -> str:
    return ", ".join(label.value for label in labels)
