"""An ase database: rows come back from ase as they went in, and a row of the same origin is replaced."""

from dataclasses import replace
from pathlib import Path

import ase.db
import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.model import Structure
from wannier_spin.readers import Entry, fill_database

IRON = Structure(
    lattice=2.87 / 2 * np.array([[1.0, 1, 1], [-1, 1, 1], [-1, -1, 1]]),
    positions=np.zeros((1, 3)),
    numbers=np.array([26]),
    magnetic_moments=np.array([[0.0, 0.0, 2.2]]),
)


@pytest.mark.parametrize("name", ["x.db", "x.json"])
def test_rows_come_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    fill_database(path, [Entry(IRON, "a", {"spin_hall.error": 1.5, "component": "xy;z"}), Entry(IRON, "b", {})])
    fill_database(path, [Entry(IRON, "a", {"spin_hall.error": 2.5})])
    rows = {row.origin: row for row in ase.db.connect(path).select()}
    assert set(rows) == {"a", "b"}
    assert rows["a"].spin_hall_error == 2.5
    assert "component" not in rows["a"]
    atoms = rows["b"].toatoms()
    assert np.allclose(atoms.cell[:], IRON.lattice)
    assert np.allclose(atoms.get_initial_magnetic_moments(), [2.2])
    assert np.allclose(rows["b"].data["magnetic_moments"], IRON.magnetic_moments)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_noncollinear_moments(tmp_path: Path) -> None:
    """ase's databases cannot give them back as moments of the atoms: they must not make a row that cannot be read."""
    tilted = replace(IRON, magnetic_moments=np.array([[1.0, 0.0, 2.0]]))
    fill_database(tmp_path / "x.db", [Entry(tilted, "a", {})])
    (row,) = ase.db.connect(tmp_path / "x.db").select()
    assert row.toatoms().get_chemical_formula() == "Fe"
    assert np.allclose(row.data["magnetic_moments"], tilted.magnetic_moments)


def test_what_ase_refuses_leaves_the_database_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    fill_database(path, [Entry(IRON, "a", {"good": 1.0})])
    before = path.read_bytes()
    with pytest.raises(ws.InputError, match=r"x\.db"):
        fill_database(path, [Entry(IRON, "b", {"good": 1.0}), Entry(IRON, "c", {"not good": 1.0})])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.db"]


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(ws.InputError, match=r"\.db or \.json"):
        fill_database(tmp_path / "x.sqlite", [])
    with pytest.raises(ws.InputError, match="does not exist"):
        fill_database(tmp_path / "no" / "x.db", [])
    (tmp_path / "y.db").write_text("something else, and long enough to be no header of a database" * 20)
    with pytest.raises(ws.InputError, match="is it one"):
        fill_database(tmp_path / "y.db", [Entry(IRON, "a", {})])
