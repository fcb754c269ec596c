"""Floors in the place of a bundle: the gateway asks them as it asks its model."""

from collections.abc import Mapping
from dataclasses import dataclass

from edge.models import LoadedModels
from edge.pipeline.models import SEIZURE_MODEL, EegModels, EpisodeRule, SeizureModel
from training.floors import line_length, logistic
from training.floors.windows import Floor, FloorModel
from vitalwire.contracts import Brain


@dataclass(frozen=True, slots=True)
class FloorGateway:
    """See `training.scoring.eeg_jobs.Detector`."""

    loaded: LoadedModels
    bundles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LoadFloor:
    """Loads a floor, see `training.scoring.eeg_jobs.Load`."""

    name: str
    floor: Floor
    rule: EpisodeRule

    def __call__(self) -> FloorGateway:
        model = FloorModel(self.floor)
        eeg = EegModels(SeizureModel(model.n_state, tuple(Brain), self.rule))
        return FloorGateway(
            LoadedModels({SEIZURE_MODEL: model}, eeg=eeg), {SEIZURE_MODEL: self.name}
        )


def line_length_floor() -> LoadFloor:
    """The one that was not trained."""
    return LoadFloor(line_length.NAME, line_length.LineLength(), line_length.RULE)


def logistic_floor(floor: logistic.Logistic) -> LoadFloor:
    """The regression, once it was fitted."""
    return LoadFloor(logistic.NAME, floor, logistic.RULE)
