"""Decisions of readers that hang on one file beside another, or on one number."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hoppings import hr_lines, random_hoppings, write_seed

import wannier_spin as ws
from wannier_spin.errors import InputError
from wannier_spin.readers import read_hr
from wannier_spin.readers.checkpoint import _points_of
from wannier_spin.readers.collinear import _both_sources, join_channels
from wannier_spin.readers.spinors import PAULI, violation


def test_of_two_poscars_the_first_counts(tmp_path: Path) -> None:
    """POSCAR before CONTCAR, and either before a .cif; of several .cif none."""
    write_seed(tmp_path, hr_lines(*random_hoppings()))
    (tmp_path / "x.win").unlink()
    for name, height in (("CONTCAR", 12), ("POSCAR", 10)):
        (tmp_path / name).write_text(f"x\n1.0\n1 0 0\n0.5 0.8660254 0\n0 0 {height}\nH\n1\nDirect\n0 0 0\n")
        assert read_hr(tmp_path / "x").lattice[2, 2] == pytest.approx(height, abs=1e-9)


def test_points_beside_the_mesh_are_none_of_it() -> None:
    steps = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], float)
    mesh = np.array([2, 2, 1])
    assert _points_of(steps, mesh) == 4
    assert _points_of(steps + 9e-4, mesh) == 4
    assert _points_of(steps + np.array([2e6, 0, 0]), mesh) == 0
    for component in range(3):
        assert _points_of(steps + 2e-3 * (np.arange(12).reshape(4, 3) == 3 + component), mesh) == 0


@pytest.mark.parametrize("order", ["interleaved", "blocks"])
def test_spin_orbit_coupling_violates_neither_time_reversal_nor_an_axis_without_exchange(order: str) -> None:
    """1 (x) a + i L (x) sigma: time reversal holds, no axis does. With a field along x, an axis does and time reversal does not."""
    rng = np.random.default_rng(4)
    a, L = rng.normal(size=(3, 3)), rng.normal(size=(3, 3, 3))
    even, odd = a + a.T, L - L.swapaxes(1, 2)
    join = (lambda orbital, s: np.kron(orbital, s)) if order == "interleaved" else (lambda orbital, s: np.kron(s, orbital))
    coupled = join(even, np.eye(2)) + sum(join(1j * odd[i], PAULI[i]) for i in range(3))
    along_x = join(even, np.eye(2)) + 0.3 * join(np.eye(3), PAULI[0])
    assert violation(coupled[None], order) < 1e-12
    assert violation(along_x[None], order) < 1e-12
    assert violation((coupled + along_x)[None], order) > 1e-2


def test_a_file_that_begins_with_another_number_of_functions(tmp_path: Path) -> None:
    R, H = random_hoppings()
    write_seed(tmp_path, hr_lines(R, H))
    rows = [f"{r[0]} {r[1]} {r[2]} {i} {j} 0 0 0 0 0 0" for r in R.tolist() for j in (1, 2) for i in (1, 2)]
    (tmp_path / "x_r.dat").write_text("\n".join(["head", "3", "9", *rows]) + "\n")
    with pytest.raises(InputError, match="begins with 3, expected 2, the number of Wannier functions"):
        read_hr(tmp_path / "x")


def test_channels_have_a_position_together_or_not_at_all() -> None:
    up = replace(ws.models.random_model(n=2), spin_R=None)
    assert up.position_R is not None and np.abs(up.position_R).max() > 0.01
    joined = join_channels(up, up)
    assert joined.position_R is not None
    for own in (slice(0, 2), slice(2, 4)):
        np.testing.assert_allclose(joined.position_R[:, own, own], up.position_R, atol=1e-12)
    bare = replace(up, position_R=None)
    assert join_channels(bare, bare).position_R is None


def test_what_channels_say_alike_is_kept() -> None:
    """Of both: neither the way in nor the spin, which are those of one of them."""
    up, down = ({"mesh": "4 4 1", "ws_distance": "none", "route": "tb", "spin": "channel", "a": a} for a in ("1", "2"))
    model = ws.models.random_model(n=2)
    found = _both_sources(replace(model, source=up), replace(model, source=down))
    assert found == {"mesh": "4 4 1", "ws_distance": "none"}
