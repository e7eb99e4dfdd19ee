"""What a checkpoint must tell apart."""

from dataclasses import replace
from pathlib import Path

from wannier_spin.calculation.integrate import _control, operations_text
from wannier_spin.integrals.algorithm import Control
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


def test_every_weight_has_a_checkpoint_of_its_own(tmp_path: Path) -> None:
    """Beside the first one; a run goes on from those that are there, and begins the others."""
    first = Control(checkpoint=tmp_path / "x.checkpoint.h5", resume=True)
    assert _control(first, 0) is first and _control(Control(resume=True), 1) == Control(resume=True)
    second = _control(first, 1)
    assert (second.checkpoint, second.resume) == (tmp_path / "x.checkpoint.2.h5", False)
    assert _control(first, 2).checkpoint == tmp_path / "x.checkpoint.3.h5"
    (tmp_path / "x.checkpoint.2.h5").touch()
    assert [_control(first, number).resume for number in (1, 2)] == [True, False]
    assert _control(replace(first, resume=False), 1).resume is False
