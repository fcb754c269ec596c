"""Which leads of an EEG are kept where only some are: a fixed order, the same for everybody.

The first ones lie over the temples, as a wearable behind the ears has them: T7-P7 and T8-P8,
then F7-T7 and F8-T8; of an EEG against a reference T7 and T8, then P7 and P8. Behind these come
the recording's own leads in the recording's order.
"""

import re
from collections.abc import Sequence
from typing import Final

from edge.stages.eeg_signal import N_LEADS_MAX
from vitalwire.errors import InputError

ORDER: Final = (
    "T7-P7", "T8-P8", "F7-T7", "F8-T8", "P7-O1", "P8-O2", "FP1-F7", "FP2-F8",
    "T7", "T8", "P7", "P8", "F7", "F8",
)  # fmt: skip

_OLD: Final = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
"""The 10-20 system's older names of electrodes."""

_REFERENCE: Final = re.compile(r"-(REF|LE|AVG|AR|A[12]|M[12]|CAR)$")
_AGAIN: Final = re.compile(r"-\d+$")  # what tells leads of one label apart


def chosen_leads(labels: Sequence[str], n_leads: int | None) -> tuple[str, ...]:
    """Labels of the leads that are kept.

    Parameters
    ----------
    labels : of the recording, in its order
    n_leads : how many; None: all of them, of more than 32 those that come first by the order

    Raises
    ------
    InputError : the recording has fewer
    """
    if n_leads is None and len(labels) <= N_LEADS_MAX:
        return tuple(labels)
    n_leads = n_leads or N_LEADS_MAX
    if n_leads > len(labels):
        raise InputError(
            f"has {len(labels)} leads, {n_leads} were asked for: it is not scored on so many"
        )
    ranks = {name: rank for rank, name in enumerate(ORDER)}
    ranked = sorted(labels, key=lambda label: ranks.get(electrodes(label), len(ORDER)))
    return tuple(ranked[:n_leads])


def electrodes(label: str) -> str:
    """A lead's electrodes in the newer names: `EEG T3-REF` is T7, `T8-P8-2` is T8-P8."""
    name = label.upper().removeprefix("EEG").strip()
    name = _REFERENCE.sub("", _AGAIN.sub("", name))
    return "-".join(_OLD.get(part, part) for part in name.split("-"))
