"""From a task's name, a configuration and a folder of recordings to a finished run."""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from torch import nn

from training import curves
from training.datasets.beat_sets import BeatData, read_beat_data
from training.datasets.beats import ProbabilityOfAf
from training.datasets.eeg_windows import EegData, read_eeg_data
from training.datasets.rhythm_sets import RhythmData, read_rhythm_data
from training.loop import BEST, LoopConfig, Say, Task, fit
from training.models import build_model
from training.ranges import Seed
from training.run_folder import RunFolder, provenance
from training.tasks.ecg_beat import BeatConfig, BeatTask
from training.tasks.ecg_rhythm import RhythmConfig, RhythmTask
from training.tasks.eeg_seizure import SeizureConfig, SeizureTask
from training.tasks.rhythm_streams import p_af_of
from vitalwire.bundle import Task as TaskName
from vitalwire.errors import InputError

TRAINED: Final = (TaskName.ECG_BEAT, TaskName.ECG_RHYTHM, TaskName.EEG_SEIZURE)


@dataclass(frozen=True)
class BeatRun:
    """Configuration of a run of `ecg-beat`."""

    seed: Seed = 1
    loop: LoopConfig = field(default_factory=LoopConfig)
    task: BeatConfig = field(default_factory=BeatConfig)


@dataclass(frozen=True)
class RhythmRun:
    """Configuration of a run of `ecg-rhythm`."""

    seed: Seed = 1
    loop: LoopConfig = field(default_factory=LoopConfig)
    task: RhythmConfig = field(default_factory=RhythmConfig)


@dataclass(frozen=True)
class SeizureRun:
    """Configuration of a run of `eeg-seizure`."""

    seed: Seed = 1
    loop: LoopConfig = field(default_factory=LoopConfig)
    task: SeizureConfig = field(default_factory=SeizureConfig)


RunConfig = BeatRun | RhythmRun | SeizureRun
AnyTask = BeatTask | RhythmTask | SeizureTask
_KINDS: Final[Mapping[TaskName, type[RunConfig]]] = {
    TaskName.ECG_BEAT: BeatRun,
    TaskName.ECG_RHYTHM: RhythmRun,
    TaskName.EEG_SEIZURE: SeizureRun,
}


def read_config(task: TaskName, path: Path | None) -> RunConfig:
    """A configuration: a TOML file says what differs from the defaults.

    Raises
    ------
    InputError
        Unreadable, or a key that is unknown or of another type.
    """
    fields: dict[str, Any] = {}
    if path is not None:
        try:
            fields = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from None
    return _checked(_KINDS[task], fields, path)


def start(
    task: TaskName,
    config: RunConfig,
    data_dir: Path,
    out: Path,
    command: str,
    say: Say,
    leave: Sequence[str] = (),
) -> RunFolder:
    """Train in a new folder.

    Raises
    ------
    InputError
        Something lies there, there is nothing to learn from, or no such model or patient.
    """
    run = RunFolder(out)
    run.check_new()  # before an hour of reading, not after it
    build_model(task, config.task.model, config.task.sizes)
    say(f"reading {data_dir}")
    learned, entries = _task_of(config, data_dir, say, leave)
    run.create(fields_of(task, config, leave), provenance(command, entries))
    _finish(learned, config, run, say)
    return run


def resume(out: Path, data_dir: Path, say: Say, task: TaskName | None = None) -> RunFolder:
    """Go on with a run that was interrupted; of `task`, if one is given.

    Raises
    ------
    InputError
        There is no run, it is of another version or task, or its data are not those it began
        with.
    """
    run = RunFolder(out)
    config = config_of(run)
    if task is not None and name_of(config) is not task:
        raise InputError(f"{out}: is a run of {name_of(config)}, expected one of {task}")
    learned, entries = _task_of(config, data_dir, say, leave_of(run))
    if entries != run.provenance["data"]:
        raise InputError(f"{out}: the recordings in {data_dir} are not those it began with")
    _finish(learned, config, run, say)
    return run


def fields_of(task: TaskName, config: RunConfig, leave: Sequence[str]) -> dict[str, Any]:
    """A run's `config.json`: the task, who is left out, and every value."""
    return {"task": task.value, "leave": list(leave), "config": dataclasses.asdict(config)}


def config_of(run: RunFolder) -> RunConfig:
    """What a run was asked to do.

    Raises
    ------
    InputError
        There is no run, or its configuration is not one of this version.
    """
    fields = run.config
    path = run.path / "config.json"
    if fields.get("task") not in [one.value for one in _KINDS]:
        raise InputError(f"{path}: expected a run of a task, got {fields.get('task')!r}")
    if not isinstance(
        fields.get("config"), dict
    ):  # nothing is a configuration too: the defaults
        raise InputError(f"{path}: expected the run's configuration under `config`, got none")
    return _checked(_KINDS[TaskName(fields["task"])], fields["config"], path)


def name_of(config: RunConfig) -> TaskName:
    """Which task a configuration is of."""
    return next(name for name, kind in _KINDS.items() if isinstance(config, kind))


def load_model(run: RunFolder) -> nn.Module:
    """The model that a run chose, for use: the head for hints is left behind.

    Raises
    ------
    InputError
        There is no run, it has no weights yet, or they are not of its model.
    """
    config = config_of(run)
    model = build_model(TaskName(run.config["task"]), config.task.model, config.task.sizes)
    weights = run.load(BEST)
    prefix = "model." if isinstance(config, RhythmRun) else ""
    try:
        weights = {k[len(prefix) :]: v for k, v in weights.items() if k.startswith(prefix)}
        model.load_state_dict(weights)
    except (AttributeError, RuntimeError, TypeError):
        raise InputError(f"{run.path / BEST}: holds no weights of the run's model") from None
    if not all(bool(value.isfinite().all()) for value in model.state_dict().values()):
        raise InputError(
            f"{run.path / BEST}: holds weights that are not finite: train it anew, with a "
            "smaller loop.learning_rate if it diverged"
        )
    return model.eval()


def task_of(run: RunFolder, data_dir: Path, say: Say) -> AnyTask:
    """The task of a run with its data, to validate an export of it."""
    return _task_of(config_of(run), data_dir, say, leave_of(run))[0]


def beat_data(config: BeatConfig, data_dir: Path, say: Say) -> BeatData:
    """What a beat run learns from.

    Raises
    ------
    InputError
        There is nothing to learn from; `task.rhythm` is no finished run of ecg-rhythm.
    """
    data = read_beat_data(data_dir, rhythm_of(config))
    _say_skipped(data, say)
    return data


def eeg_data(data_dir: Path, say: Say) -> EegData:
    """What a seizure run learns from.

    Raises
    ------
    InputError
        There is nothing to learn from.
    """
    data = read_eeg_data(data_dir)
    for line in data.skipped:
        say(line)
    return data


def rhythm_of(config: BeatConfig) -> ProbabilityOfAf | None:
    """What tells a beat run of atrial fibrillation, if anything does.

    Raises
    ------
    InputError
        `task.rhythm` is no finished run of ecg-rhythm.
    """
    if not config.rhythm:
        return None
    rhythm = RunFolder(Path(config.rhythm))
    if not isinstance(config_of(rhythm), RhythmRun):
        raise InputError(f"task.rhythm: {rhythm.path} is no run of ecg-rhythm")
    return partial(p_af_of, load_model(rhythm), rhythm.facts["temperature"])


def rhythm_task(config: RhythmConfig, data: RhythmData) -> RhythmTask:
    """A rhythm run's task; it begins with another run's weights where one is named."""
    init = RunFolder(Path(config.init)).load(BEST) if config.init else None
    return RhythmTask(config, data, init)


def changed(
    config: RunConfig, model: str | None, seed: int | None, epochs: int | None
) -> RunConfig:
    """The same with what the command line says; another model has that model's own sizes."""
    loop = config.loop if epochs is None else replace(config.loop, epochs=epochs)
    seed = config.seed if seed is None else seed
    if model is None or model == config.task.model:
        return replace(config, loop=loop, seed=seed)
    if isinstance(config, BeatRun):
        return BeatRun(seed, loop, replace(config.task, model=model, sizes={}))
    if isinstance(config, SeizureRun):
        return SeizureRun(seed, loop, replace(config.task, model=model, sizes={}))
    return RhythmRun(seed, loop, replace(config.task, model=model, sizes={}))


def leave_of(run: RunFolder) -> list[str]:
    """Whom a run leaves out beside those of its configuration."""
    return list(run.config.get("leave", ()))


def _task_of(
    config: RunConfig, data_dir: Path, say: Say, leave: Sequence[str]
) -> tuple[AnyTask, list[dict[str, str]]]:
    if isinstance(config, BeatRun):
        beats = beat_data(config.task, data_dir, say)
        hold_out = (*config.task.hold_out, *leave)
        return BeatTask(replace(config.task, hold_out=hold_out), beats), beats.entries
    if isinstance(config, SeizureRun):
        eeg = eeg_data(data_dir, say)
        left = eeg.without(leave) if leave else eeg
        return SeizureTask(config.task, left, config.seed), eeg.entries
    data = read_rhythm_data(data_dir)
    _say_skipped(data, say)
    return rhythm_task(config.task, data.without(leave) if leave else data), data.entries


def _finish(learned: Task, config: RunConfig, run: RunFolder, say: Say) -> None:
    fit(learned, config.loop, config.seed, run, say)
    curves.draw(run)


def _say_skipped(data: RhythmData | BeatData, say: Say) -> None:
    for line in data.skipped:
        say(f"left out: {line}")


def _checked(kind: type[RunConfig], fields: Mapping[str, Any], path: Path | None) -> RunConfig:
    unknown = _unknown(kind, fields)
    if unknown:
        raise InputError(f"{path}: unknown key {unknown}: see training/configs")
    try:
        config: RunConfig = TypeAdapter(kind).validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where}: {first['msg']}") from None
    return config


def _unknown(kind: type[Any], fields: Mapping[str, Any], where: str = "") -> str | None:
    """The first key that no field has, with its place."""
    known = {one.name: one for one in dataclasses.fields(kind)}
    for key, value in fields.items():
        if key not in known:
            return f"{where}{key}"
        part = known[key].default_factory
        if isinstance(value, Mapping) and isinstance(part, type):
            deeper = _unknown(part, value, f"{where}{key}.") if is_dataclass(part) else None
            if deeper:
                return deeper
    return None
