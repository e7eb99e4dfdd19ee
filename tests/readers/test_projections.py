"""Projections of `.win` files, in the order of Wannier90's parameters.F90."""

import numpy as np
import pytest

from wannier_spin.errors import InputError
from wannier_spin.orbitals import HARMONICS
from wannier_spin.readers.projections import _states, read_projections

CELL = """
begin unit_cell_cart
4 0 0
0 4 0
0 0 8
end unit_cell_cart
begin atoms_frac
Ga1 0 0 0
As  0.25 0.25 0.25
Ga1 0.5 0.5 0
end atoms_frac
"""


def write(tmp_path, projections, spinors="spinors = .true.", extra=""):
    path = tmp_path / "x.win"
    path.write_text(f"{spinors}\n{extra}\nbegin projections\n{projections}\nend projections\n{CELL}")
    return path


def names(orbitals):
    return [f"{site}{HARMONICS[l][m]}" for site, l, m in zip(orbitals.site, orbitals.l, orbitals.m, strict=True)]


@pytest.mark.parametrize(("name", "n"), [("Fe", 18), ("Pt", 18), ("GaAs", 16), ("Mn2Au", 54)])
def test_examples(example_inputs, name, n):
    orbitals = read_projections(example_inputs / name / f"{name}.win")
    assert len(orbitals) == n
    assert (orbitals.spin == np.arange(n) % 2).all()


def test_order(tmp_path):
    """Atoms of a label one after the other, then l and mr in their own order, whatever the line says; then the spin."""
    orbitals = read_projections(write(tmp_path, "ga1 : py;s ! comment\nAs: dxy, dz2 ; l=1,mr=3,1 : zona=1.2 : r=2"))
    expected = ["0s", "0py", "1s", "1py", "2pz", "2py", "2dz2", "2dxy"]
    assert names(orbitals) == [name for name in expected for _ in range(2)]
    assert np.allclose(orbitals.positions, [[0, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.25]])
    assert orbitals.copy.max() == 0


def test_blocks(tmp_path):
    orbitals = read_projections(write(tmp_path, "As:p"), "blocks")
    assert names(orbitals) == 2 * ["0pz", "0px", "0py"]
    assert orbitals.spin.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(("first", "scale"), [("", 1.0), ("ang\n", 1.0), ("Bohr\n", 0.529177210903)])
def test_positions(tmp_path, first, scale):
    orbitals = read_projections(write(tmp_path, f"{first}c=1,2,4:s\nf=0.5,0.25,-0.1:l=3"))
    assert np.allclose(orbitals.positions, [[scale / 4, scale / 2, scale / 2], [0.5, 0.25, -0.1]])
    assert orbitals.l.tolist() == [0] * 2 + [3] * 14


def test_functions_on_one_site_twice(tmp_path):
    orbitals = read_projections(write(tmp_path, "As:s\nf=0.25,0.25,0.25:s:r=2"))
    assert orbitals.site.tolist() == [0] * 4
    assert orbitals.copy.tolist() == [0, 0, 1, 1]


def test_default_axes_are_allowed(tmp_path):
    assert len(read_projections(write(tmp_path, "As:d:z=0,0,1:x=1,0,0"))) == 10


@pytest.mark.parametrize(
    ("projections", "message"),
    [
        ("As:s;sp3", r"hybrids \(sp3\) do not turn"),
        ("As:l=-3", r"hybrids \(sp3\) do not turn"),
        ("As:sp3d-2", r"hybrids \(sp3d\) do not turn"),
        ("As:l=2,mr=6", "'l=2,mr=6' names no function"),
        ("As:l=2,mr=0", "'l=2,mr=0' names no function"),
        ("As:l=two", "'l=two' names no function"),
        ("As:s;l=4", "'l=4' names no function"),
        ("As:px,pw", "'px,pw' names no function"),
        ("As:fxyz", "l=3,mr="),
        ("random", "random"),
        ("As:s\nrandom", "random"),
        ("P:s", "no atom is called 'p'"),
        ("f=0,0:s", "three numbers"),
        ("As:p:z=1,1,1", "axes of their own"),
        ("As:p(u)", "one spin"),
        ("As:p(u,d)[1,0,0]", "axis of their own"),
        ("", "no block 'projections'"),
    ],
)
def test_refused(tmp_path, projections, message):
    with pytest.raises(InputError, match=message):
        read_projections(write(tmp_path, projections))


def test_more_is_refused(tmp_path):
    with pytest.raises(InputError, match="spinors = true"):
        read_projections(write(tmp_path, "As:s", spinors=""))
    with pytest.raises(InputError, match="num_wann = 6"):
        read_projections(write(tmp_path, "As:s", extra="num_wann = 6"))
    with pytest.raises(InputError, match="does not exist"):
        read_projections(tmp_path / "y.win")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("l=0", [(0, 0)]),
        ("l=1", [(1, 0), (1, 1), (1, 2)]),
        ("l=2", [(2, m) for m in range(5)]),
        ("l=3;l=0", [(0, 0), *((3, m) for m in range(7))]),
        ("l=2,mr=5,1", [(2, 0), (2, 4)]),
    ],
)
def test_numbers_of_angular_momentum(text, expected):
    """All of an l, or those that mr names, counted from 1."""
    assert _states(None, "", text) == expected
