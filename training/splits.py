"""Who trains and who tests: patients, never windows, are split.

The MIT-BIH division is the one of de Chazal, O'Dwyer and Reilly (2004), IEEE Trans.
Biomed. Eng. 51(7), which all inter-patient beat classifiers are compared on. Records of
challenge-2017 are of people who are not named: the hash of a record's name says on which
side it is.
"""

from hashlib import sha256
from typing import Final

from vitalwire.errors import InputError

TEST_SHARE: Final = 5  # one record in five of challenge-2017 tests

DS1: tuple[str, ...] = (
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122",
    "124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230",
)  # fmt: skip
"""MIT-BIH records to train and to choose parameters on."""

DS2: tuple[str, ...] = (
    "100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210",
    "212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234",
)  # fmt: skip
"""MIT-BIH records to test on: every look goes into `docs/test-set-log.md`."""

PACED: tuple[str, ...] = ("102", "104", "107", "217")
"""MIT-BIH records of paced hearts: scored for QRS, left out of the AAMI class tables."""

SAME_MAN: tuple[str, str] = ("201", "202")
"""One man on both sides of the split: report DS2 without 202 as well."""


def named_records(wanted: str | None) -> list[str] | None:
    """Records by the name of a split, or by their own with commas; None means all.

    Raises
    ------
    InputError
        There is no name in it.
    """
    if wanted is None:
        return None
    split = {"DS1": DS1, "DS2": DS2}.get(wanted.upper())
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if not names:
        raise InputError(f"records: expected DS1, DS2 or names with commas, got {wanted!r}")
    return list(split or names)


def is_test_record(name: str) -> bool:
    """Whether a record of challenge-2017 is of the test fifth: never trained or chosen on."""
    return int(sha256(name.encode()).hexdigest(), 16) % TEST_SHARE == 0
