"""What is warned about, and what is not."""

import warnings

import numpy as np
import pytest

import wannier_spin as ws

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], complex)
MASS, RASHBA = 3.81, 0.7  # hbar^2/2m in eV angstrom^2 and alpha in eV angstrom


def gas(mass: float = MASS, across: float = MASS) -> ws.KPModel:
    """H = hbar^2 k^2/2m + alpha (k_x s_y - k_y s_x), all of the plane."""
    quadratic = np.zeros((3, 3, 2, 2), complex)
    quadratic[0, 0], quadratic[1, 1] = 2 * mass * np.eye(2), 2 * across * np.eye(2)
    linear = np.zeros((3, 2, 2), complex)
    linear[0], linear[1] = RASHBA * PAULI[1], -RASHBA * PAULI[0]
    return ws.KPModel(np.zeros((2, 2)), linear, quadratic, PAULI)


def test_the_rashba_gas_is_exact_and_no_alarm_is_given() -> None:
    """Its bands have a bottom: no cut-off matters. <s_y>/E_x = alpha m tau/(2 pi hbar^2), in units of hbar/2 half of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = ws.compute(gas(), "edelstein", grid=(32, 32), mu=0.1, temperature=0, blocks=("L1surf",))["edelstein"]
    closed = RASHBA / (8 * np.pi * MASS)
    assert tensor.values[0, 0, 1, 0] == pytest.approx(closed, rel=1e-10, abs=0)
    assert tensor.at(combination={"L1surf": 1}).values[0, 0, 1, 0] == pytest.approx(closed, rel=1e-10, abs=0)


@pytest.mark.parametrize("model", [gas(across=0.0), ws.models.massive_dirac()], ids=["flat", "Dirac"])
def test_bands_without_a_bottom_are_told(model: ws.KPModel) -> None:
    with pytest.warns(ws.AccuracyWarning, match="diverges with the cut-off"):
        ws.compute(model, "edelstein", grid=(8, 8), mu=0.1, temperature=0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"broadening": 0.1}, "broadening has no part in spin_hall, edelstein"),
        ({"omega": [0.2]}, "omega has no part in"),
        ({"omega": [0.2], "broadening": 0.1}, "omega and broadening have no part in"),
    ],
)
def test_frequencies_beside_static_responses_are_told(given: dict[str, object], said: str) -> None:
    """Who means to smear, or asks for an alternating field, is told that these numbers are of a static one."""
    model, common = ws.models.rashba_exchange(), {"grid": (8, 8, 1), "mu": -2.0, "temperature": 300}
    with pytest.warns(ws.AccuracyWarning, match=said):
        result = ws.compute(model, ["spin_hall", "edelstein"], **common, **given)
    assert any(said in warning for warning in result.warnings)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ws.compute(model, ["spin_hall", "ac_spin_current"], **common, **(given | {"omega": [0.2], "broadening": 0.1}))
