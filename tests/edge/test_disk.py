"""What goes first when the disk runs short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.disk import DiskBudget, DiskPlan, DiskUse

BUDGET = DiskBudget(reserve_bytes=100, log_floor_bytes=10)


@pytest.mark.parametrize(
    ("use", "plan"),
    [
        (DiskUse(100, 500, 500), DiskPlan()),
        (DiskUse(60, 500, 500), DiskPlan(log_max_bytes=460)),
        (DiskUse(0, 50, 500), DiskPlan(log_max_bytes=10, vitals_bytes=60)),
        (DiskUse(0, 10, 500), DiskPlan(vitals_bytes=100)),
        (DiskUse(0, 5, 0), DiskPlan(full=True)),
        (DiskUse(0, 50, 50), DiskPlan(log_max_bytes=10, vitals_bytes=50, full=True)),
    ],
)
def test_waveforms_then_vitals_then_the_alarm(use: DiskUse, plan: DiskPlan) -> None:
    assert BUDGET.plan(use) == plan


@given(st.builds(DiskUse, *[st.integers(0, 300)] * 3))
def test_vitals_go_only_when_no_waveform_is_left(use: DiskUse) -> None:
    plan = BUDGET.plan(use)
    if plan.vitals_bytes:
        assert plan.log_max_bytes in (None, BUDGET.log_floor_bytes)
    if plan.full:
        assert plan.vitals_bytes == use.vitals_bytes
