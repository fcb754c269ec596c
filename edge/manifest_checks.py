"""What a manifest is held against before its model is asked; each raises `BundleError`.

A bundle made for another window, another rate or with labels of its own would run and mean
nothing: it is refused here.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeVar

from edge.pipeline.models import EpisodeRule
from vitalwire.bundle import Bundle, Manifest
from vitalwire.errors import BundleError

L = TypeVar("L", bound=StrEnum)
ANY: Final = -1  # a size that is the model's own affair


def episode_rule(bundle: Bundle, label: str, numbers: Mapping[str, float]) -> EpisodeRule:
    """The rule of a label's episodes, if there can be such a rule."""
    rule = EpisodeRule(**numbers)  # the manifest has these names and no others
    times_s = (rule.mean_s, rule.least_s, rule.end_s)
    if not 0 < rule.leave < rule.enter <= 1 or min(times_s) < 0 or rule.mean_s == 0:
        raise BundleError(
            f"{bundle.path}: episodes.{label}: expected 0 < leave < enter <= 1, mean_s above "
            f"0 and no negative time, got {dict(numbers)}"
        )
    return rule


def check_signal(bundle: Bundle, unit: str, fs_hz: float) -> None:
    """It was made for this unit and this rate."""
    manifest = bundle.manifest
    if (manifest.unit, manifest.fs_hz) != (unit, fs_hz):
        raise BundleError(
            f"{bundle.path}: expected a model of {unit} at {fs_hz:g} Hz, got one of "
            f"{manifest.unit} at {manifest.fs_hz:g} Hz"
        )


def check_shapes(
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
            and all(want in (ANY, size) for want, size in zip(shape, found[key], strict=True))
            for key, shape in wanted.items()
        )
        if not fits:
            shown = {
                key: ["n" if n == ANY else n for n in shape] for key, shape in wanted.items()
            }
            raise BundleError(
                f"{bundle.path}: {what}: this gateway asks with {shown}, the model was made "
                f"for {dict(found)}: train and export it with this version"
            )


def labels_of(bundle: Bundle, kind: type[L]) -> tuple[L, ...]:
    """The labels of the output `probability`, in order; all of this kind."""
    try:
        return tuple(kind(label) for label in bundle.manifest.labels)
    except ValueError:
        raise BundleError(
            f"{bundle.path}: labels: expected some of {listed(kind)}, got "
            f"{', '.join(bundle.manifest.labels)}"
        ) from None


def listed(labels: Iterable[StrEnum]) -> str:
    """For a message."""
    return ", ".join(label.value for label in labels)
