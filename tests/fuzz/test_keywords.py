"""Values of the wrong kind in the place of every keyword: a message, or a result that can be saved; never another exception."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.errors import WannierSpinError
from wannier_spin.keywords import Keywords

SHEET = ws.models.rashba_exchange()
POINT: dict[str, Any] = {"grid": (2, 2, 1), "mu": [-2.5], "temperature": 1000.0}
ASKED = POINT | {"responses": "edelstein", "omega": [0.2], "broadening": 0.05}
NUMBERS = [-np.inf, 1e300, 1e-300, 10**30, 10**400, 1j, np.float32(0.5), np.int64(2)]
WORDS = [b"x", np.bool_(True), Ellipsis, len, object()]
LISTS = [[True], [None], range(3), (8, 8, None), ("8", "8", "1"), [[1], 2], {1: 2}, set(), slice(3), ws.Tolerance(0.3)]
ARRAYS = [np.array(3), np.array([1, 2]), np.array([[1, 2], [3, 4]]), np.array(["a"]), np.zeros(0)]
ODD: list[Any] = [*NUMBERS, *WORDS, *LISTS, *ARRAYS]
INSTEAD = {"tolerance": "grid", "carriers": "mu"}
KEYWORDS = sorted({"responses", *Keywords.__annotations__})


def computed(**given: Any) -> ws.ResultSet:
    return ws.compute(SHEET, given.pop("responses"), **given)


def outcomes(call: Callable[[Any], object]) -> tuple[int, int]:
    """How many of ODD are taken, and how many refused with a message that says something."""
    taken = refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for value in ODD:
            try:
                call(value)
            except WannierSpinError as error:
                assert len(str(error)) > 10
                refused += 1
            else:
                taken += 1
    return taken, refused


@pytest.mark.parametrize("name", KEYWORDS)
def test_keywords(name: str, tmp_path: Path) -> None:
    asked = {key: x for key, x in ASKED.items() if key != INSTEAD.get(name)}

    def call(value: Any) -> None:
        if name == "tolerance":  # to compute takes long
            ws.Request(**asked | {name: value})
        else:
            computed(**asked | {name: value}).save(tmp_path / "x.h5")

    assert outcomes(call)[1] > len(ODD) / 2


PATH = "G 0 0 0; X 1/2 0 0"
OF_PARTS: dict[str, Callable[[Any], object]] = {
    **{f"tolerance, {key}": lambda x, key=key: ws.Tolerance(**{key: x}) for key in ("absolute", "max_evaluations", "max_seconds")},
    **{f"tolerance, {key}": lambda x, key=key: ws.Tolerance(**{key: x}) for key in ("relative", "replicas", "start", "window")},
    "carriers": lambda x: ws.Carriers(x, electrons=1),
    "carriers, unit": lambda x: ws.Carriers(1, x, electrons=1),
    "carriers, electrons": lambda x: ws.Carriers(1, electrons=x),
    "carriers, fermi_energy": lambda x: ws.Carriers(1, fermi_energy=x),
    "decompose, by": lambda x: ws.decompose(SHEET, "edelstein", "x;y", by=x, **POINT),
    "decompose, edges": lambda x: ws.decompose(SHEET, "edelstein", "x;y", by="energy", edges=x, **POINT),
    "path, points": lambda x: ws.k_path(SHEET, PATH, x),
    "kp_model, cutoff": lambda x: ws.kp_model("k2*s0 + kx*sy", dimension=2, cutoff=x),
    "kp_model, parameters": lambda x: ws.kp_model("k2*s0 + kx*sy", dimension=2, cutoff=1.0, parameters=x),
    "kp_model, box": lambda x: ws.kp_model("k2*s0 + kx*sy", dimension=2, box=x),
    "model, periodic": lambda x: replace(SHEET, periodic=x),
}


@pytest.mark.parametrize("name", OF_PARTS)
def test_parts(name: str) -> None:
    assert outcomes(OF_PARTS[name])[1] > len(ODD) / 4
