"""`card.md`: what a clinician and an engineer should know of a model before it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from string import Template
from typing import Any, Final

from vitalwire.bundle import DataEntry, Task

NOT_A_DEVICE: Final = (
    "**Not a medical device.** Nothing here has been reviewed by a regulator or tried on "
    "patients in care. No treatment may be given, changed or left out because of it."
)

_CARD: Final = Template("""\
# Model card: $title

$not_a_device

| | |
|---|---|
| task | `$task`, version $version |
| made | $created, from code revision `$revision` |
| by | `$command` |
| architecture | $architecture, $parameters parameters, $mflop MFLOP for a second of signal |

## What it is for

$use

## What it must not be used for

$misuse

## What it sees and says

$interface

$decisions

## How good it is

$figures

## Where it fails, or may

Each follows from what it learned from, or is known of models of this kind; unless a figure
above tells of it, how often it happens with this one has not been counted.

$failures

## What it was made from

$data

It learned from these; a part that was kept back chose among its versions and set its
thresholds. A figure over records that it learned from would be too kind.

## The files

$files

Each was held against the trained model on real signal and on the validation records before
it was written; one that differs too much is left out.
""")

_USE: Final[Mapping[Task, str]] = {
    Task.ECG_BEAT: (
        "It gives each heartbeat of one ECG lead a class of the AAMI: normal (N), "
        "supraventricular ectopic (S), ventricular ectopic (V) or fusion (F), at the next beat "
        "or one and a half seconds later. Counts of ectopic beats and the alarms for "
        "ventricular runs, ventricular tachycardia, bigeminy and trigeminy follow from it. It "
        "is meant for adults who wear a single-lead recorder, to draw a clinician's eye to a "
        "stretch of ECG that the clinician then reads."
    ),
    Task.ECG_RHYTHM: (
        "Five times a second it says how likely the rhythm of one ECG lead is normal, atrial "
        "fibrillation, another rhythm, a shockable one (ventricular tachycardia, flutter or "
        "fibrillation), or too noisy to tell. Episodes and their alarms follow from it. It is "
        "meant for adults who wear a single-lead recorder, to draw a clinician's eye to a "
        "stretch of ECG that the clinician then reads."
    ),
    Task.EEG_SEIZURE: (
        "Four times a second it says how likely a seizure is under way, from all leads of an "
        "EEG that can be read, of any montage. Episodes and their alarm follow from it. It is "
        "meant to draw a clinician's eye to a stretch of EEG that the clinician then reads. "
        "**It has learned from few seizures** (how many is said with its data below): take "
        "it for a demonstration of the method until it was trained on more."
    ),
}
_MISUSE: Final[Mapping[Task, str]] = {
    Task.ECG_BEAT: (
        "To rule an arrhythmia out; for children; for paced hearts; as the only watch over a "
        "person whose life depends on it."
    ),
    Task.ECG_RHYTHM: (
        "To decide on a shock or to withhold one; to rule atrial fibrillation out; for "
        "children; for paced hearts; as the only watch over a person whose life depends on it."
    ),
    Task.EEG_SEIZURE: (
        "To rule a seizure out; to count seizures; to choose a drug or its dose; for newborns; "
        "as the only watch over anybody."
    ),
}
_BEHIND: Final = (
    (
        "- Before that the gateway moves the odds of V, and of S, against N by whether a beat "
        "is more like the last ones of the same person that the model was sure of."
    ),
    "- None is S where the rhythm model is sure of atrial fibrillation.",
)
_FAILURES: Final[Mapping[Task, Sequence[str]]] = {
    Task.ECG_BEAT: (
        (
            "It learned supraventricular beats from few people: in others it misses more of "
            "them, and calls more normal beats by that name."
        ),
        "In atrial fibrillation no beat is early against the others: S there means little.",
        "Where most beats are ectopic, what is normal for the person is hard to know.",
        "Where it is sure and wrong about a person's beats, it goes on to be.",
        "Fusion beats (F) are rare in its data: their class is a hint at most.",
        "A bundle branch block that comes and goes with the rate can look ventricular.",
        (
            "With strong movement noise, beats are missed and noise is called a beat; the "
            "gateway then says that it cannot analyse."
        ),
    ),
    Task.ECG_RHYTHM: (
        "Regular atrial flutter may be called normal or another rhythm.",
        "Very frequent ectopic beats may be called atrial fibrillation.",
        "Movement at a rate of 3 to 8 a second can look shockable.",
        "A rhythm needs some seconds to be told: a short episode may be missed.",
        "Fine ventricular fibrillation may be called noise.",
        (
            "Its labels of whole recordings are often disputed among cardiologists: no model "
            "can be better than they are."
        ),
    ),
    Task.EEG_SEIZURE: (
        (
            "Other people's seizures look different: from so few nothing certain can be said "
            "of how many it finds in a new person."
        ),
        (
            "False alarms were counted in people and on a device without any seizure. How many "
            "come in the hours of somebody with epilepsy has not been measured."
        ),
        (
            "How far it looks back was chosen by the same people that its figures are of, so "
            "these are a little kind."
        ),
        "Chewing, rhythmic movement and a loose electrode can look like a seizure.",
        "Sleep was hardly in its data: spindles and slow waves may alarm.",
        "A seizure in one or two leads, or of a few seconds, is likely missed.",
        "One that is under way when the stream begins is told late: it looks for a change.",
    ),
}
_WHAT: Final[Mapping[str, str]] = {
    "qrs.se": "beats found, of all",
    "qrs.ppv": "of the beats told, those that are there",
    "VEB.se": "ventricular ectopic beats found",
    "VEB.ppv": "of those told ventricular, those that are",
    "VEB.f1": "ventricular, both together (F1)",
    "SVEB.se": "supraventricular ectopic beats found",
    "SVEB.ppv": "of those told supraventricular, those that are",
    "SVEB.f1": "supraventricular, both together (F1)",
    "challenge2017.f1.N": "whole recordings, normal (F1)",
    "challenge2017.f1.A": "whole recordings, atrial fibrillation (F1)",
    "challenge2017.f1.O": "whole recordings, other rhythm (F1)",
    "challenge2017.f1.noise": "whole recordings, too noisy (F1)",
    "challenge2017.f1_mean_NAO": "whole recordings, mean F1 of N, A and O",
    "shockable.se": "shockable episodes found, mean over records",
    "shockable.false_per_hour": "false shockable episodes an hour",
    "shockable.delay_p95_s": "seconds from onset to alarm, 95 of 100 within",
    "seizures.annotated": "seizures, a number",
    "seizures.alarm_began_in": "of these, an alarm began in so many",
    "lead_in.alarms": "alarms just before seizures, a number",
    "background.alarms": "alarms in recordings without a seizure, a number",
    "background.hours": "of so many hours",
    "background.per_day": "a day, if it went on like this",
}
FIGURES: Final = tuple(_WHAT)
"""What of an evaluation goes into manifest and card."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of an evaluation, with its 95 % interval where there is one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `vitalwire evaluate` said of the gateway with this model."""

    figures: Mapping[str, Figure] = field(default_factory=dict)
    scopes: tuple[str, ...] = ()  # a sentence each: over which records


NOT_EVALUATED: Final = Evaluation()


def render(fields: Mapping[str, Any], evaluated: Evaluation, refused: Sequence[str]) -> str:
    """The card of a manifest that is about to be written.

    Parameters
    ----------
    fields : mapping
        Of the manifest; of `files` only their names, gates and sizes are used.
    evaluated : Evaluation
    refused : sequence of str
        What became of the files that are not there.
    """
    task = Task(fields["task"])
    return _CARD.substitute(
        title=f"{task.value} {fields['version']}",
        not_a_device=NOT_A_DEVICE,
        task=task.value,
        version=fields["version"],
        created=fields["created"],
        revision=fields["git_revision"],
        command=fields["command"],
        architecture=fields["architecture"],
        parameters=f"{fields['parameters']:,}",
        mflop=f"{fields['figures']['mflop_per_s']:.2f}",
        use=_USE[task],
        misuse=_MISUSE[task],
        interface=_interface(fields),
        decisions=_decisions(fields),
        figures=_figures(fields["figures"], evaluated),
        failures="\n".join(f"- {one}" for one in _FAILURES[task]),
        data=_data(fields["data"]),
        files=_files(fields, refused),
    )


def _interface(fields: Mapping[str, Any]) -> str:
    sizes = ", ".join(f"`{key}` {shape}" for key, shape in fields["inputs"].items())
    told = ", ".join(f"`{key}` {shape}" for key, shape in fields["outputs"].items())
    leads = "Leads" if fields["signal"] == "eeg" else "One lead"
    return (
        f"{leads} in {fields['unit']} at {fields['fs_hz']:g} Hz: {fields['leads']}. Filters: "
        f"{fields['filters']}. Normalisation: {fields['normalisation']}. Inputs: {sizes}; "
        f"outputs: {told}, beside the batch. `probability` is of "
        f"{', '.join(fields['labels'])}, in this order, calibrated on validation records "
        f"(temperature {fields['temperature']:.3f}, already in the files)."
    )


def _decisions(fields: Mapping[str, Any]) -> str:
    lines = [
        f"- {label} is told where its probability over {value:g} is the largest such share "
        "and at least one."
        for label, value in fields["thresholds"].items()
    ]
    if fields["task"] == Task.ECG_BEAT:
        lines += _BEHIND
    lines += [
        f"- An episode of {label} begins when the mean of {rule['mean_s']:g} s passes "
        f"{rule['enter']:g}, ends when it stays under {rule['leave']:g} for {rule['end_s']:g} "
        f"s, and is told once it has lasted {rule['least_s']:g} s."
        for label, rule in fields["episodes"].items()
    ]
    return "\n".join(lines) or "No threshold belongs to it."


def _figures(own: Mapping[str, float | None], evaluated: Evaluation) -> str:
    rows = [
        f"| {_WHAT[key]} | {one.value:.2f} | {_between(one)} |"
        for key, one in evaluated.figures.items()
    ]
    if rows:
        about = (
            "Of what the gateway itself says with this model, in percent unless said "
            f"otherwise, with 95 % intervals. {' '.join(evaluated.scopes)}"
        )
        parts = [about, "\n".join(["| figure | value | 95 % |", "|---|---|---|", *rows])]
    else:
        none = (
            "It has not been evaluated on test records yet: `vitalwire evaluate TASK --bundle "
            "THIS --json`, then `vitalwire export RUN --keep-files --evaluated JSON`."
        )
        parts = [none]
    told = [
        f"| `{key}` | {value:.2f} |" for key, value in own.items()
        if value is not None and not _is_evaluated(key)
    ]  # fmt: skip
    if told:
        about = (
            "On records that were kept back, which chose among its versions and are therefore "
            "too kind:"
        )
        parts += [about, "\n".join(["| figure | value |", "|---|---|", *told])]
    return "\n\n".join(parts)


def _is_evaluated(key: str) -> bool:
    return key == "mflop_per_s" or key.removesuffix("_low").removesuffix("_high") in _WHAT


def _between(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f"{figure.low:.2f} to {figure.high:.2f}"


def _data(entries: Sequence[DataEntry]) -> str:
    rows = [f"| {one.name} | {one.what} | `{one.sha256[:12]}` |" for one in entries]
    if not rows:
        return "Not recorded."
    return "\n".join(["| set | what | hash of its files |", "|---|---|---|", *rows])


def _files(fields: Mapping[str, Any], refused: Sequence[str]) -> str:
    rows = [
        f"| `{name}` | {fields['sizes'][name] / 1000:.0f} kB | {gates['parity_max_abs']:.1e} | "
        f"{gates['score']:.2f} ({gates['score_fp32']:.2f}) |"
        for name, gates in fields["gates"].items()
    ]
    head = [
        "| file | size | largest difference of a probability | validation score (of fp32) |",
        "|---|---|---|---|",
    ]
    left_out = [f"\nLeft out: {one}." for one in refused]
    return "\n".join([*head, *rows, *left_out])
