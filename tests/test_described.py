"""Every public object says in a few lines what it is: shapes, units, ranges, and no list of numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.calculation import symmetry_report
from wannier_spin.described import _shortened, of_value
from wannier_spin.symmetry import magnetic_group

pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse
SMALL = 1500  # letters
LINES = 30
K = np.array([[0.1, 0.2, 0.3], [0.4, 0.1, 0.2]])
PATH = "G 0 0 0; H 1/2 -1/2 1/2"
PLANE = ". 0 0 0; . 1 0 0; . 0 1 0"
ONE = {"mu": 17.6, "temperature": 3000}


@pytest.fixture(scope="module")
def iron(example_inputs: Path) -> ws.TightBindingModel:
    return ws.load_model(example_inputs / "Fe" / "Fe.model.h5")


@pytest.fixture(scope="module")
def crystal(example_inputs: Path) -> ws.Structure:
    return ws.read_structure(example_inputs / "Fe" / "Fe.win", [(0, 0, 2.2)])


OBJECTS: dict[str, tuple[Callable[[Any, Any], Any], tuple[str, ...]]] = {
    "TightBindingModel": (lambda m, c: m, ("lattice", "angstrom")),
    "KPModel": (lambda m, c: ws.models.massive_dirac(), ("linear", "eV angstrom")),
    "Structure": (lambda m, c: c, ("moments", "mu_B")),
    "Operator": (lambda m, c: next(iter(m.operators.values())), ("in size",)),
    "BlochMatrices": (lambda m, c: ws.band_geometry(m, K).bloch, ()),
    "BandGeometry": (lambda m, c: ws.band_geometry(m, K), ("eV",)),
    "KPath": (lambda m, c: ws.k_path(m, PATH, 50), ("1/angstrom", "G, H")),
    "KPlane": (lambda m, c: ws.k_plane(m, PLANE, (9, 9)), ("shape: (9, 9)",)),
    "KMesh": (lambda m, c: ws.k_mesh((4, 4, 4)), ("shape: (4, 4, 4)",)),
    "BandMap": (lambda m, c: ws.band_map(m, ws.k_path(m, PATH, 20), "spin", "z"), ("energies", "eV", "spin")),
    "Decomposition": (
        lambda m, c: ws.decompose(m, "spin_hall", "xy;z", grid=(2, 2, 2), by="band_pair", **ONE),
        ("spin_hall", "(18, 18)"),
    ),
    "FermiSurface": (lambda m, c: ws.fermi_surface(m, (6, 6, 6), 17.6), ("fermi_energy: 17.6 eV",)),
    "MagneticGroup": (lambda m, c: magnetic_group(c), ("139.537",)),
    "SymmetryReport": (lambda m, c: symmetry_report(c), ("spin_hall",)),
    "ResultSet": (lambda m, c: ws.compute(m, "all", grid=(2, 2, 2), omega=[0.1], broadening=0.1, symmetry=c, **ONE), ("139.537",)),
    "RunFacts": (
        lambda m, c: ws.compute(m, "all", grid=(2, 2, 2), omega=[0.1], symmetry=c, **ONE).facts,
        ("points=(2, 2, 2)", "eV"),
    ),
    "SymmetryFacts": (lambda m, c: ws.compute(m, "all", grid=(2, 2, 2), omega=[0.1], symmetry=c, **ONE).facts.symmetry, ("139",)),
    "ResponseTensor": (lambda m, c: ws.compute(m, "edelstein", grid=(2, 2, 2), **ONE)["edelstein"], ("Edelstein effect",)),
    "Tolerance": (lambda m, c: ws.Tolerance(0.01), ("0.01",)),
    "Response": (lambda m, c: ws.responses.get("spin_hall"), ("spin_hall",)),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_repr(iron: ws.TightBindingModel, crystal: ws.Structure, name: str) -> None:
    make, words = OBJECTS[name]
    thing = make(iron, crystal)
    text = repr(thing)
    assert type(thing).__name__ == name
    assert text.startswith(name)
    assert 20 < len(text) < SMALL, text
    assert text.count("\n") < LINES
    for word in words:
        assert word in text, text


def test_values() -> None:
    """Ranges are of the numbers, and what is not finite is said."""
    numbers = np.arange(24.0).reshape(2, 3, 4) - 3.25
    assert of_value(numbers) == "(2, 3, 4), -3.25 to 19.75"
    numbers[0, 0, 0] = np.nan
    assert of_value(numbers) == "(2, 3, 4), -2.25 to 19.75, 1 not finite"
    assert of_value(1j * np.nan_to_num(numbers)) == "(2, 3, 4), up to 19.75 in size"
    assert of_value(np.array([1.0, 2.5])) == "[1. , 2.5]"
    assert of_value(list(range(40))) == "(0, 1, 2, 3, 4, 5, … 40 in all)"
    assert len(of_value("x" * 5000)) < 200


@pytest.mark.parametrize(("letters", "shown"), [(139, 139), (140, 140), (141, 140), (500, 140)])
def test_texts_are_shortened_to_so_many_letters(letters: int, shown: int) -> None:
    found = _shortened("x" * letters)
    assert len(found) == shown
    assert found.endswith("…") == (letters > shown)
