"""Our calculators on systems that wannierberri made from Wannier90 files by its own route, against our integrator."""

from pathlib import Path
from typing import Any

import pytest
from cross_code.berri import Both, deviation, quietly, run

from wannier_spin import compute
from wannier_spin.responses import RESPONSES

pytestmark = pytest.mark.cross_code

STATIC = [name for name, record in RESPONSES.items() if not record.dynamic]
MESH = (4, 3, 3)
MU = [22.0, 22.4839]


def check(both: Both, names: list[str], folder: Path, limit: float) -> None:
    with quietly():  # importing wannierberri, and a coarse mesh
        from wannier_spin.berri import calculators

        options: dict[str, Any] = {"temperature": [1500.0], "units": "SI", "tau": 5.0}
        expected = compute(both.model, names, grid=MESH, mu=MU, **options)
        found = run(both.system, MESH, calculators(names, Efermi=MU, **options), folder)
    for name in names:
        assert deviation(expected[name].values, found[name]) < limit, name


def test_platinum(material: Any, tmp_path: Path) -> None:
    """T and P forbid the others; the mesh breaks the rotations."""
    check(material("Pt"), ["spin_hall", "nonlinear_extrinsic_spin_magnetization"], tmp_path, 1e-9)


def test_without_symmetry(asymmetric: Both, tmp_path: Path) -> None:
    check(asymmetric, STATIC, tmp_path, 1e-9)
