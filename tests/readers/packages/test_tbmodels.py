"""Models of TBmodels, in memory and in HDF5."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin import InputError
from wannier_spin.geometry import band_geometry

UC = np.array([[2.0, 0.1, 0.0], [0.3, 3.0, 0.2], [0.0, 0.5, 4.0]])
POS = [[0.1, 0.2, 0.3], [0.6, 0.7, 0.1]]
HOP = {
    (1, 0, 0): [[0.3, 0.2j], [0.1, -0.4]],
    (0, 1, -1): [[0.0, 0.5], [0.2 - 0.1j, 0.1j]],
    (0, 0, 0): [[0.25, 0.3j], [-0.3j, -0.5]],
}


def by_hand() -> SimpleNamespace:
    """An object with what a Model of TBmodels has."""
    return SimpleNamespace(uc=UC, pos=np.array(POS), size=2, hop={R: np.array(H, complex) for R, H in HOP.items()})


def expected(k: np.ndarray) -> np.ndarray:
    H = sum(np.exp(2j * np.pi * np.dot(k, R)) * np.array(M, complex) for R, M in HOP.items())
    return H + H.conj().T


def write(path: Path, sparse: bool = False) -> Path:
    """What TBmodels 1.4 writes."""
    with h5py.File(path, "w") as file:
        file["type_tag"] = "tbmodels.model"
        for key, value in {"uc": UC, "size": 2, "dim": 3, "pos": POS, "sparse": sparse}.items():
            file[key] = value
        for i, (R, H) in enumerate(HOP.items()):
            group = file.create_group(f"hop/{i}")
            group["R"] = R
            if sparse:
                dense = np.array(H, complex)
                rows, columns = np.nonzero(dense)
                group["data"], group["indices"] = dense[rows, columns], columns
                group["indptr"], group["shape"] = np.searchsorted(rows, np.arange(3)), (2, 2)
            else:
                group["mat"] = np.array(H, complex)
    return path


@pytest.mark.parametrize("where", ["memory", "dense.hdf5", "sparse.h5"])
def test_matrices_and_places(where: str, tmp_path: Path) -> None:
    given: Any = by_hand() if where == "memory" else write(tmp_path / where, "sparse" in where)
    model = ws.from_tbmodels(given)
    assert np.allclose(model.centres, POS @ UC, rtol=0, atol=1e-14)
    assert model.periodic == (True, True, True)
    assert model.name == {"memory": "tbmodels", "dense.hdf5": "dense", "sparse.h5": "sparse"}[where]
    assert ws.from_tbmodels(given, name="mine").name == "mine"
    for k in np.random.default_rng(0).random((3, 3)):
        H = np.tensordot(np.exp(2j * np.pi * model.R_vectors @ k), model.hamiltonian_R, 1)
        assert np.abs(expected(k)).max() > 0.3
        assert np.abs(H - expected(k)).max() < 1e-14
    if where != "memory":
        opened = ws.open_model(given, spin="interleaved")
        assert np.array_equal(opened.hamiltonian_R, model.hamiltonian_R)
        assert opened.spin_R is not None


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of TBmodels with numpy 2
@pytest.mark.parametrize("sparse", [False, True])
def test_bands_are_those_of_tbmodels(sparse: bool, tmp_path: Path) -> None:
    tbmodels = pytest.importorskip("tbmodels")
    places = POS if sparse else [[1.1, -0.8, 0.3], [0.6, 0.7, 2.1]]  # moved into the cell; it cannot move sparse ones
    theirs = tbmodels.Model(on_site=[0.2, -0.1], hop=HOP, size=2, dim=3, pos=places, uc=UC, contains_cc=False, sparse=sparse)
    k = np.random.default_rng(1).random((5, 3))
    model = ws.from_tbmodels(theirs)
    assert np.abs(band_geometry(model, k).energies - np.array(theirs.eigenval(k))).max() < 1e-12
    theirs.to_hdf5_file(str(tmp_path / "model.hdf5"))
    stored = ws.open_model(tmp_path / "model.hdf5")
    assert np.array_equal(stored.hamiltonian_R, model.hamiltonian_R)
    assert np.array_equal(stored.centres, model.centres)


def test_plane() -> None:
    """Two dimensions: the third is vacuum."""
    flat = SimpleNamespace(uc=UC[:2, :2], pos=np.zeros((2, 2)), size=2, hop={(1, 0): np.eye(2)})
    assert ws.from_tbmodels(flat).periodic == (True, True, False)


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no unit cell"):
        ws.from_tbmodels(SimpleNamespace(**{**vars(by_hand()), "uc": None}))
    with pytest.raises(InputError, match="a Model of TBmodels or a path"):
        ws.from_tbmodels({})
    with pytest.raises(InputError, match="from_tbmodels"):
        ws.open_model(by_hand())  # type: ignore[arg-type]
    path = write(tmp_path / "broken.hdf5")
    with h5py.File(path, "a") as file:
        del file["pos"]
    with pytest.raises(InputError, match="not a whole model of TBmodels"):
        ws.open_model(path)
    with pytest.raises(InputError, match=r"leave out model\.ws_distance"):
        ws.open_model(write(tmp_path / "good.hdf5"), ws_distance="none")
    (tmp_path / "text.hdf5").write_text("no HDF5")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        ws.open_model(tmp_path / "text.hdf5")
