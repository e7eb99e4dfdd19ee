"""workflows/verification/faults.py: planted faults have their names, a right file has none, and the page is of this list."""

import importlib.util
import sys
from pathlib import Path

import pytest

from wannier_spin.readers import read_structure
from wannier_spin.readers.wannier90 import read_bloch_data

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def faults():
    spec = importlib.util.spec_from_file_location("faults", ROOT / "workflows" / "verification" / "faults.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def platinum():
    folder = ROOT / "example_inputs" / "Pt"
    return read_bloch_data(folder / "Pt", None), read_structure(folder / "Pt.win")


QUICK = [
    "`.spn` in units of hbar (sigma/2)",
    "`.eig` without its lowest band",
    "`.mmn` times 1.04",
    "`.chk` with its lattice in bohr",
]


@pytest.mark.parametrize("what", QUICK)
def test_a_planted_fault_is_named(faults, platinum, what):
    (fault,) = [one for one in faults.FAULTS if one.what == what]
    found = faults.verdict(fault, *platinum, frozenset())
    assert found.by == "refused"
    assert found.named, found.message


@pytest.mark.slow
def test_every_fault_of_platinum(faults, platinum):
    for fault in faults.FAULTS:
        found = faults.verdict(fault, *platinum, frozenset())
        assert found.named or fault.undecidable, (fault.what, found)


def test_no_fault_no_verdict_and_a_wrong_cause_is_a_hole(faults, platinum):
    right = faults.Fault("nothing", lambda data: data, ("",))
    assert faults.verdict(right, *platinum, frozenset()) == faults.Verdict("silent", "", False)
    other = faults.judged("refused", "the moon is full", faults.FAULTS[0])
    assert not other.named
    assert faults.holes({faults.FAULTS[0].what: {"Pt": other}}) == [f"Pt: {faults.FAULTS[0].what}"]


QUICK_TEXT = ["`_tb.dat`: lattice in bohr", "`_tb.dat`: positions in bohr", "tau in seconds"]


@pytest.mark.parametrize("what", QUICK_TEXT)
def test_a_planted_fault_of_text_is_named(faults, what):
    (fault,) = [one for one in (*faults.TEXT_FAULTS, *faults.INPUT_FAULTS) if one.what == what]
    found = text_faults(faults).judged(fault, text_faults(faults).whole_files(), "")
    assert found.by == "refused"
    assert found.named, found.message


@pytest.mark.slow
def test_every_fault_of_text(faults):
    for what, found in faults.text_table().items():
        (fault,) = [one for one in (*faults.TEXT_FAULTS, *faults.INPUT_FAULTS) if one.what == what]
        assert found.named or fault.undecidable, (what, found)


def text_faults(faults):
    return sys.modules[faults.text_table.__module__]


def test_the_page_is_of_this_list(faults):
    """One row for each fault, none of them without its cause."""
    text = faults.PAGE.read_text(encoding="utf-8")
    for fault in (*faults.TEXT_FAULTS, *faults.INPUT_FAULTS):
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {fault.what} |")]
        assert row.split("|")[2].strip() in {"refused", "warned"} or fault.undecidable in row
    for fault in faults.FAULTS:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| {fault.what} |")]
        cells = [cell.strip() for cell in row.split("|")[2 : 2 + len(faults.MATERIALS)]]
        assert set(cells) <= {"refused", "warned", "undecidable"}, row
        assert "undecidable" not in cells or fault.undecidable in row
