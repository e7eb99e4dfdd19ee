"""Numbers at the edge of what can be meant: one message that names the cause, or the right answer. Never NaN, infinity or a
traceback."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.calculation.cautions import check_finite
from wannier_spin.config import settings_from
from wannier_spin.integrals.densities.channels import Tolerance

KEYWORDS: dict[str, Any] = {"grid": (4, 4, 4), "mu": 0.1, "temperature": 300}
LIGHT = ("ac_spin_current", "shift_spin_current", "displacement_spin_current")


def compute(responses: Any = "spin_hall", **changes: Any) -> ws.ResultSet:
    return ws.compute(ws.models.get("weyl"), responses, **{**KEYWORDS, **changes})


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"responses": LIGHT, "omega": [1e200]}, r"omega = 1e\+200 eV cannot be meant"),
        ({"responses": LIGHT, "omega": [-1e6]}, r"omega = 1e\+06 eV cannot be meant"),
        ({"responses": LIGHT, "omega": [0.5], "broadening": 1e300}, "broadening"),
        ({"mu": 1e300}, "mu"),
        ({"tau": 1e300}, "tau"),
        ({"tau": np.nan}, "tau"),
        ({"degeneracy_tolerance": np.nan}, "degeneracy_tolerance = nan"),
        ({"degeneracy_tolerance": 1000.0}, "degeneracy_tolerance = 1000 eV makes one of bands"),
        ({"grid": (10**6, 10**6, 10**6)}, "grid .* has 1.0e.18 k-points"),
        ({"shift": (np.nan, 0, 0)}, "shift"),
        ({"temperature": np.inf}, "temperature"),
        ({"temperature": 1e300}, r"temperature = 1e\+300 K cannot be meant"),
        ({"temperature": [300, 2e9]}, r"temperature = 2e\+09 K cannot be meant"),
        ({"shift": (1e300, 0, 0)}, "shift = .* cannot be meant"),
        ({"shift": (0, -1e17, 0)}, "shift = .* cannot be meant"),
    ],
)
def test_what_cannot_be_meant_is_named(changes: dict[str, Any], part: str) -> None:
    with pytest.raises(ws.InputError, match=part):
        compute(**changes)


@pytest.mark.parametrize("value", [np.inf, 1e300, np.nan, -1])
def test_evaluations_without_end(value: float) -> None:
    with pytest.raises(ws.InputError, match="max_evaluations"):
        Tolerance(0.5, max_evaluations=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("broadening", [0.0, 1e-300, 1e-9])
def test_a_broadening_of_nothing_is_none(broadening: float) -> None:
    """At resonance the warning stays, whatever small number stands for zero."""
    with pytest.warns(ws.AccuracyWarning, match="the responses diverge at resonances"):
        compute("ac_spin_current", omega=[5.0], broadening=broadening)


def test_a_broadening_silences_the_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ws.AccuracyWarning)
        compute("ac_spin_current", omega=[5.0], broadening=0.1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fermi_energy", np.nan),
        ("fermi_energy", np.inf),
        ("broadening", np.inf),
        ("omega", [np.inf]),
        ("tau", [np.nan]),
        ("grid.shift", [np.nan, 0.0, 0.0]),
        ("numerics.degeneracy_tolerance", np.nan),
        ("numerics.degeneracy_tolerance", np.inf),
        ("numerics.memory", np.inf),
        ("model.thickness", np.inf),
        ("tolerance.relative", np.nan),
    ],
)
def test_not_a_number_in_an_input_file_is_blamed_on_its_own_key(key: str, value: Any) -> None:
    first, _, second = key.partition(".")
    data = {"seedname": "Pt", "responses": ["spin_hall"], "mu": 0.0, first: {second: value} if second else value}
    with pytest.raises(ws.InputError, match="finite") as caught:
        settings_from(data, "in.toml")
    assert key in str(caught.value)
    assert " mu" not in str(caught.value)


@pytest.mark.parametrize("R", [[0, 0, 0.5], [1e-9, 0, 0], [np.nan, 0, 0], [1e300, 0, 0]])
def test_lattice_vectors_are_whole_numbers(R: list[float]) -> None:
    vectors = np.array([R, [-x for x in R], [0, 0, 0]], float)
    with pytest.raises(ws.InputError, match="R_vectors must be whole numbers"):
        ws.TightBindingModel(np.eye(3), vectors, np.zeros((3, 2, 2)))  # type: ignore[arg-type]
    whole = ws.TightBindingModel(np.eye(3), np.array([[0.0, 0.0, 0.0]]), np.ones((1, 1, 1)))  # type: ignore[arg-type]
    assert whole.R_vectors.dtype == np.int64


CRYSTAL = ws.Structure(np.eye(3), np.zeros((2, 3)), np.array([1, 2]), np.ones((2, 3)))
MADE_OF_NUMBERS: dict[str, Any] = {
    "layer": replace(ws.models.altermagnet(), spin_axis=np.array([0.0, 0.0, 1.0]), thickness=3.0),
    "random model": ws.models.random_model(n=2, seed=1),
    "continuum": ws.models.massive_dirac(cutoff=2.0),
    "crystal": CRYSTAL,
}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("kind", MADE_OF_NUMBERS)
def test_one_number_that_is_none_is_refused_anywhere(kind: str, bad: float) -> None:
    """And named."""
    whole, tried = MADE_OF_NUMBERS[kind], 0
    for key, value in vars(whole).items():
        array = np.array(0.0 if value is None else value) if key != "extra_operators" else np.array("")
        if array.dtype.kind in "fc" and value is not None:
            for place in np.linspace(0, array.size - 1, 12).astype(int):
                spoiled = array.copy()
                spoiled.flat[place] = bad
                if (key, bad) != ("cutoff", np.inf):  # there is none
                    said = rf"{key}( vectors)? (has NaN|have NaN|are singular or not finite|= {bad}|is .*{bad})"
                    with pytest.raises(ws.InputError, match=said):
                        replace(whole, **{key: spoiled if array.ndim else float(spoiled)})
                    tried += 1
    assert tried > 30


def test_no_result_that_is_not_finite_leaves_unnamed() -> None:
    result = compute(["spin_hall", "edelstein"])
    check_finite(result)
    tensor = result["edelstein"]
    blocks = {name: block.copy() for name, block in tensor.blocks.items()}
    next(iter(blocks.values()))[0, 0, 1, 2] = np.inf
    with pytest.raises(
        ws.InputError, match=r"'edelstein' is not a finite number at 1 of 9 places, first at mu = 0.1 eV, T = 300 K"
    ):
        check_finite(replace(result, tensors={**result.tensors, "edelstein": replace(tensor, blocks=blocks)}))


def test_sites_are_named_by_words() -> None:
    named: Any = {1: [0]}
    with pytest.raises(ws.InputError, match="site"):
        ws.compute(ws.models.rashba_exchange(), "edelstein", mu=0.1, temperature=1000, grid=(2, 2, 1), sites=named)
