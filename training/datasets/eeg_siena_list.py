"""`Seizures-list-PNxx.txt` of Siena Scalp EEG, typed by hand, as PhysioNet publishes it.

It gives, for each seizure, the file, and the times of day at which the registration and the
seizure began and ended (Detti 2020, doi:10.13026/5d4a-j060):

- the file may be named once for several seizures, and a registration once for a file;
- labels are `Seizure start time` or `Start time`;
- a time has points, colons or both, a space inside (`1 6.49.25`), or another time behind it:
  the first one counts.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from vitalwire.errors import InputError

LIST: Final = "Seizures-list-*.txt"

_CLOCK: Final = re.compile(r"(\d ?\d?)[.:](\d\d)[.:](\d\d)(?!\d)")
_FIELD: Final = re.compile(
    r"\s*(file\s+name|registration\s+(?:start|end)\s+time|(?:seizure\s+)?(?:start|end)\s+time)"
    r"\s*:?(.*)",
    re.IGNORECASE,
)
_SEIZURE: Final = re.compile(r"\s*seizure\s*n", re.IGNORECASE)

_CORRECTED: Final = {("PN00-3.edf", "19.29.29"): "18.29.29"}
"""Times that cannot be: this end lies half an hour behind the recording's.

As SzCORE's copy has it (Dan and Detti 2024, doi:10.5281/zenodo.10640762).
"""


@dataclass(frozen=True, slots=True)
class Registration:
    """A file, and the times of day in s at which it began and ended."""

    file: str  # as the list has it; "" where it names none
    begin_s: int | None = None
    end_s: int | None = None


@dataclass(slots=True)
class Listed:
    """What a list says of one file."""

    registration: Registration
    seizures: list[tuple[int, int]] = field(default_factory=list)  # times of day, s
    fault: str = ""  # why they are not to be believed


def read_list(path: Path) -> list[Listed]:
    """The files of a list, in its order.

    Raises
    ------
    InputError
        Unreadable, or it tells of no seizure.
    """
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    found = _Found()
    for line in lines:
        if _SEIZURE.match(line):
            found.close()
        elif match := _FIELD.fullmatch(line):
            found.take(" ".join(match[1].lower().split()), match[2].strip())
    found.close()
    files = [one for one in found.files.values() if one.seizures or one.fault]
    if not files:
        raise InputError(f"{path}: tells of no seizure: expected lines as Seizure start time:")
    return files


@dataclass(slots=True)
class _Found:
    """What the lines up to here have said."""

    files: dict[str, Listed] = field(default_factory=dict)
    name: str = ""
    times: dict[str, int] = field(default_factory=dict)  # of the seizure that is being told

    def take(self, label: str, value: str) -> None:
        if label == "file name":
            self.close()
            self.name = value
            return
        listed = self.files.setdefault(self.name, Listed(Registration(self.name)))
        clock = _clock(_CORRECTED.get((self.name, value), value))
        if label == "registration start time":
            listed.registration = replace(listed.registration, begin_s=clock)
        elif label == "registration end time":
            listed.registration = replace(listed.registration, end_s=clock)
        elif clock is None:
            listed.fault = f"{label}: expected a time as 19.39.33, got {value!r}"
        else:
            self.times[label.split()[-2]] = clock
            if label.endswith("end time"):
                self.close()

    def close(self) -> None:
        """The seizure is told, or another begins."""
        times, self.times = self.times, {}
        if not times:
            return
        listed = self.files[self.name]
        if len(times) == 2:
            listed.seizures.append((times["start"], times["end"]))
        elif not listed.fault:
            listed.fault = f"a seizure has no {'end' if 'start' in times else 'start'} time"


def _clock(text: str) -> int | None:
    match = _CLOCK.search(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(part.replace(" ", "")) for part in match.groups())
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return (hours * 60 + minutes) * 60 + seconds
