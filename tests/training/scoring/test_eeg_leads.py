"""Which leads are kept: the temples first, whatever a recording calls them."""

import pytest

from training.scoring.eeg_leads import chosen_leads, electrodes
from vitalwire.errors import InputError

CHB = ("FP1-F7", "F7-T7", "T7-P7", "P7-O1", "FP2-F8", "F8-T8", "T8-P8", "P8-O2", "T8-P8-2")
WORN = ("AF3", "AF4", "F7", "F8", "O1", "P7", "P8", "T7", "T8")


def test_the_temples_come_first() -> None:
    assert chosen_leads(CHB, 1) == ("T7-P7",)
    assert chosen_leads(CHB, 2) == ("T7-P7", "T8-P8")
    assert chosen_leads(WORN, 4) == ("T7", "T8", "P7", "P8")


def test_a_lead_that_comes_twice_stands_behind_its_first() -> None:
    assert chosen_leads(CHB, 3) == ("T7-P7", "T8-P8", "T8-P8-2")


def test_what_has_no_place_follows_in_the_recordings_order() -> None:
    assert chosen_leads(("X2", "X1", "T8"), 3) == ("T8", "X2", "X1")


def test_all_are_all_in_their_order() -> None:
    assert chosen_leads(CHB, None) == CHB


def test_of_too_many_the_first_32_are_kept() -> None:
    many = (*(f"E{n}" for n in range(40)), "T7")
    kept = chosen_leads(many, None)
    assert len(kept) == 32
    assert kept[0] == "T7"


def test_fewer_than_asked_for_is_said() -> None:
    with pytest.raises(InputError, match="has 2 leads, 4 were asked for"):
        chosen_leads(("T7", "T8"), 4)


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("EEG T3-REF", "T7"),
        ("eeg T5-LE", "P7"),
        ("T4-T6", "T8-P8"),
        ("T8-P8-2", "T8-P8"),
        ("EEG T8", "T8"),
    ],
)
def test_older_names_are_known(label: str, meant: str) -> None:
    assert electrodes(label) == meant
