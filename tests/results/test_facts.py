"""How a result was made: typed, the same after a file, also after one of an earlier layout."""

from dataclasses import replace
from pathlib import Path

import h5py
import pytest

import wannier_spin as ws
from wannier_spin.components import AllowedTensor, read_form
from wannier_spin.observables import OBSERVABLES
from wannier_spin.plotting.words import fact_lines
from wannier_spin.results import MeshFacts, RunFacts, ToleranceFacts, groups
from wannier_spin.storage.reading import DIGEST

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse
NAMES = ["spin_hall", "magnetic_spin_hall", "ac_spin_current"]


@pytest.fixture(scope="module")
def iron(example_inputs: Path) -> ws.ResultSet:
    folder = example_inputs / "Fe"
    crystal = ws.read_structure(folder / "Fe.win", [(0, 0, 2.2)])
    options = {"mu": [17.5, 17.6], "temperature": 3000, "omega": 0.1, "broadening": 0.05, "symmetry": crystal}
    result = ws.compute(ws.load_model(folder / "Fe.model.h5"), NAMES, grid=(4, 4, 4), **options)
    return result.with_facts(fermi_energy=17.6, input="seedname = 'Fe.model.h5'")


def strip(group: h5py.Group) -> None:
    group.attrs.pop(DIGEST, None)
    for item in group.values():
        if isinstance(item, h5py.Group):
            strip(item)


def as_version_1(path: Path) -> Path:
    """The file as it was written before relations were numbers."""
    with h5py.File(path, "r+") as file:
        del file["provenance/symmetry/relations"]
        file.attrs["format"] = 1
        strip(file)  # that version had no digests
    return path


def test_facts_are_typed(iron: ws.ResultSet) -> None:
    facts = iron.facts
    assert facts.sampling == MeshFacts((4, 4, 4), (0.0, 0.0, 0.0))
    assert (facts.tolerance, facts.broadening, facts.fermi_energy) == (None, 0.05, 17.6)
    assert facts.symmetry is not None
    assert facts.symmetry.has_inversion and not facts.symmetry.has_time_reversal
    assert facts.symmetry.forms["spin_hall"].relations["yx;z"] == ((pytest.approx(-1.0), "xy;z"),)


def test_relations_hold_for_the_numbers(iron: ws.ResultSet) -> None:
    tensor, form = iron["spin_hall"], iron.facts.symmetry.forms["spin_hall"]
    assert len(form.relations) >= 3
    for name, terms in form.relations.items():
        expected = sum(factor * tensor.component(other)[0] for factor, other in terms)
        assert abs(expected).max() > 1e-6
        assert tensor.component(name)[0] == pytest.approx(expected, rel=1e-9, abs=0)


def test_round_trip(iron: ws.ResultSet, tmp_path: Path) -> None:
    back = ws.load(iron.save(tmp_path / "iron.h5")).facts
    assert back.symmetry == iron.facts.symmetry  # every number of every relation
    names = ("sampling", "form", "relaxation", "k_points", "fermi_energy", "input", "versions", "model_source", "spin_current")
    for field in names:
        assert getattr(back, field) == getattr(iron.facts, field), field
    assert back.as_mapping().keys() == iron.facts.as_mapping().keys()


def test_a_file_of_the_earlier_layout_loads(iron: ws.ResultSet, tmp_path: Path) -> None:
    old = ws.load(as_version_1(iron.save(tmp_path / "old.h5")))
    assert old.facts.symmetry is not None
    for name, form in iron.facts.symmetry.forms.items():
        found = old.facts.symmetry.forms[name]
        assert (found.independent, found.groups) == (form.independent, form.groups)
        assert found.relations.keys() == form.relations.keys()
    assert groups(old["spin_hall"], old.facts) == groups(iron["spin_hall"], iron.facts)
    ws.load(old.save(tmp_path / "again.h5"))


def test_forms_as_text_and_back() -> None:
    """A hexagonal form, with sums; what vanishes altogether."""
    form = AllowedTensor(("xxx", "zz;z"), {"xyy": ((-1.0, "xxx"),), "yx;x": ((0.5, "xxx"), (-0.25, "zz;z"))})
    assert str(form) == "xxx = -xyy, zz;z, yx;x = +0.5 xxx -0.25 zz;z"
    assert read_form(str(form), " ".join(form.independent)) == form
    assert read_form("0", "") == AllowedTensor((), {})


def test_the_tolerance_is_said(iron: ws.ResultSet) -> None:
    """The summary sheet of an adaptive run names what accuracy was asked for."""
    facts = replace(iron.facts, sampling=ToleranceFacts(0.02, replicas=2), notes={"boxes": [64, 70]})
    lines = fact_lines(replace(iron, facts=facts))
    assert any(line.startswith("tolerance 0.02, 134 boxes") for line in lines)
    assert any(line.startswith("grid 4×4×4") for line in fact_lines(iron))
    assert replace(facts, notes={}).how() == str(facts.sampling)  # of boxes or meshes nothing is known
    assert replace(iron.facts, notes={"meshes": [[4, 4, 4]]}).how() == str(
        iron.facts.sampling
    )  # without a tolerance they are its own


@pytest.mark.parametrize("start", [None, 4])
def test_a_run_with_a_tolerance(tmp_path: Path, start: int | None) -> None:
    tolerance = ws.Tolerance(0.3, {"spin_hall": 1.0}, max_evaluations=20_000, start=start)
    result = ws.compute(ws.models.get("weyl"), "spin_hall", tolerance=tolerance, mu=0.1, temperature=3000)
    for facts in (result.facts, ws.load(result.save(tmp_path / "weyl.h5")).facts):
        assert isinstance(facts.sampling, ToleranceFacts)
        assert (facts.sampling.relative, facts.sampling.absolute) == (0.3, {"spin_hall": 1.0})
        assert (facts.boxes > 0) == (start is not None)
        assert facts.meshes == (() if start else facts.meshes)
        weights = facts.notes.get("weights_of_meshes", (0,) * (len(facts.meshes) - 1) + (1,))
        used = ["x".join(map(str, mesh)) for mesh, weight in zip(facts.meshes, weights, strict=bool(facts.meshes)) if weight]
        words = f"{facts.boxes} boxes" if start else f"mesh{'es' * (len(used) > 1)} {' and '.join(used)}"
        assert facts.how() == f"tolerance 0.3, {words}"


def test_nothing_known() -> None:
    assert RunFacts.from_mapping({}) == RunFacts()
    assert RunFacts().as_mapping()["symmetry"] == "none used"
    assert RunFacts().broadening == RunFacts().gap_broadening == 0


def test_a_response_of_an_observable_that_nobody_registers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a file that somebody else's module made: the message says where, and what to do."""
    result = ws.compute(ws.models.rashba_exchange(), "edelstein", grid=(4, 4, 1), mu=0.0, temperature=3000)
    with monkeypatch.context() as patched:
        patched.setitem(OBSERVABLES, "mine", OBSERVABLES["spin"])
        path = replace(result, tensors={"edelstein": replace(result["edelstein"], output="mine")}).save(tmp_path / "x.h5")
        assert ws.load(path)["edelstein"].unit == result["edelstein"].unit
    with pytest.raises(ws.InputError, match="x.h5' has 'edelstein', a response of 'mine', which is not registered here: import"):
        ws.load(path)
