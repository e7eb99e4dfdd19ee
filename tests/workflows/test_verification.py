"""The verification set: its cheap part runs, its stored results are those of its cases, and a wrong number is noticed."""

import json
from dataclasses import replace

import pytest
from scripts import scripts


@pytest.fixture
def verify():
    with scripts("verification") as script:
        yield script("verify")


def test_the_quick_part_agrees(verify, capsys):
    assert verify.main(["--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    quick = [case for case in verify.read_cases() if case.quick]
    assert len(quick) >= 10
    assert sum(line.startswith("agrees") for line in lines) == len(quick)  # every one of them has a check
    assert sum("wannierberri" in line for line in lines) >= 3


def test_a_wrong_reference_fails(verify, monkeypatch, capsys):
    case = next(case for case in verify.read_cases() if case.model == "massive_dirac")
    wrong = replace(case.references[0], value=1.001 * case.references[0].value)
    monkeypatch.setattr(verify, "read_cases", lambda: (replace(case, references=(wrong,)),))
    assert verify.main(["--quick"]) == 1
    assert capsys.readouterr().out.startswith("DIFFERS")


def test_stored_results_are_those_of_the_cases(verify):
    cases, stored = verify.read_cases(), json.loads(verify.RESULTS.read_text())
    keys = [case.key for case in cases]
    assert len(set(keys)) == len(keys)
    assert [row["case"] for row in stored] == keys
    for case, row in zip(cases, stored, strict=True):
        found = verify.Found(*(row[key] for key in ("value", "error", "unit", "k_points")))
        assert row["verdict"] == verify.verdict(found, case.references) != "DIFFERS"
        assert found.k_points > 0


def test_every_material_and_every_kind_of_reference_is_there(verify):
    cases = verify.read_cases()
    assert {case.model for case in cases if case.is_material} == {"Pt", "GaAs", "Fe", "Mn2Au", "KV2Se2O", "MnBi2Te4"}
    references = [reference for case in cases for reference in case.references]
    assert {reference.kind for reference in references} == {*verify.CHECKS, "other inputs"}
    for reference in references:
        assert (reference.within is not None) == (reference.kind in verify.CHECKS), reference
        assert reference.source


def test_not_converged_is_said(verify):
    assert verify.verdict(verify.Found(1.0, 0.06, "1", 8), ()) == "not converged"
    assert verify.verdict(verify.Found(1.0, 0.04, "1", 8), ()) == "converged"
