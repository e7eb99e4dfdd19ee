"""What a checkpoint must tell apart."""

from dataclasses import replace

from wannier_spin.calculation.integrate import operations_text
from wannier_spin.symmetry import distinct, group_from_database


def test_groups_that_differ_in_time_reversal_have_different_names():
    operations = distinct(group_from_database(1158))
    assert any(op.time_reversal for op in operations)
    assert any(not op.time_reversal for op in operations)
    plain = [replace(op, time_reversal=False) for op in operations]
    reversed_ = [replace(op, time_reversal=True) for op in operations]
    assert len({operations_text(group) for group in (operations, plain, reversed_)}) == 3
    assert operations_text(operations) == operations_text(list(operations))
    assert operations_text(()) == "none"
