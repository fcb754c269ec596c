"""From the manifest of the EEG's bundle to the numbers that the stages decide by."""

from collections.abc import Iterable

from edge.manifest_checks import check_shapes, check_signal, episode_rule, labels_of, listed
from edge.pipeline.models import EegModels, SeizureModel
from edge.stages.eeg_signal import EEG_FS_HZ, N_HOP, N_LEADS_MAX
from vitalwire.bundle import Bundle, Task
from vitalwire.contracts import Brain
from vitalwire.errors import BundleError


def eeg_models(bundles: Iterable[Bundle]) -> EegModels:
    """What the pipeline needs to know of these bundles; those of other signals are left out.

    Raises
    ------
    BundleError
        One was made for another interface.
    """
    found = {bundle.manifest.task: bundle for bundle in bundles}
    seizure = found.get(Task.EEG_SEIZURE)
    return EegModels(seizure_model(seizure) if seizure else None)


def seizure_model(bundle: Bundle) -> SeizureModel:
    """State, labels and the rule of an `eeg-seizure` bundle.

    Raises
    ------
    BundleError
        It was made for another interface, or says nothing of episodes.
    """
    manifest = bundle.manifest
    check_signal(bundle, "uV", EEG_FS_HZ)
    n_state = manifest.inputs.get("state", [0])[0]
    check_shapes(
        bundle,
        {"signal": [N_LEADS_MAX, N_HOP], "good": [N_LEADS_MAX], "state": [n_state]},
        {
            "probability": [len(Brain)],
            "leads": [N_LEADS_MAX],
            "next_state": [n_state],
        },
    )
    labels = labels_of(bundle, Brain)
    numbers = manifest.episodes.get(Brain.SEIZURE)
    if set(labels) != set(Brain) or numbers is None:
        raise BundleError(
            f"{bundle.path}: expected the labels {listed(Brain)} and episodes of a seizure, "
            f"got {listed(labels)} and {', '.join(manifest.episodes) or 'none'}"
        )
    rule = episode_rule(bundle, Brain.SEIZURE, numbers)
    return SeizureModel(n_state, labels, rule, bundle.digest)
