"""What the pipeline knows of the models that it may ask: their names, labels and thresholds.

The files and their runtimes are the shell's business; these are the numbers of a bundle's
manifest that stages decide by. Pure data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vitalwire.contracts import BeatClass, Brain, Rhythm

BEAT_MODEL: Final = "ecg-beat"
RHYTHM_MODEL: Final = "ecg-rhythm"
SEIZURE_MODEL: Final = "eeg-seizure"


@dataclass(frozen=True, slots=True)
class BeatModel:
    """How the beat model's probabilities become a class.

    The class is the one whose probability is the largest multiple of its threshold, if that
    multiple is at least one; otherwise N.
    """

    labels: tuple[BeatClass, ...]  # of the output `probability`, in order
    thresholds: Mapping[BeatClass, float]  # of every class but N


@dataclass(frozen=True, slots=True)
class EpisodeRule:
    """How a probability becomes an episode: hysteresis on its running mean, and least times."""

    enter: float  # the running mean at and above which an episode may begin
    leave: float  # and below which it may end; less than `enter`
    mean_s: float  # of the running mean
    least_s: float  # it holds so long before it is told
    end_s: float  # it is away so long before the end is told


@dataclass(frozen=True, slots=True)
class RhythmModel:
    """How the rhythm model is asked, and how its probabilities become episodes."""

    n_state: int  # floats that it carries from hop to hop
    labels: tuple[Rhythm, ...]  # of the output `probability`, in order
    rules: Mapping[Rhythm, EpisodeRule]
    digest: str = ""  # of its bundle: what it carries means nothing to another model


@dataclass(frozen=True, slots=True)
class EcgModels:
    """The models of the ECG; None: there is none, its answers are not given."""

    beat: BeatModel | None = None
    rhythm: RhythmModel | None = None


@dataclass(frozen=True, slots=True)
class SeizureModel:
    """How the seizure model is asked, and how its probability becomes episodes."""

    n_state: int  # floats that it carries from hop to hop
    labels: tuple[Brain, ...]  # of the output `probability`, in order
    rule: EpisodeRule
    digest: str = ""  # of its bundle: what it carries means nothing to another model


@dataclass(frozen=True, slots=True)
class EegModels:
    """The models of the EEG; None: there is none, nobody watches for seizures."""

    seizure: SeizureModel | None = None
