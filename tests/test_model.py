"""Models: saved and read bit by bit, and refused with a reason when they cannot be right."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import wannier_spin as ws
from wannier_spin.errors import InputError
from wannier_spin.model import HERMITICITY_TOLERANCE


def parts(model: ws.TightBindingModel) -> dict:
    """Copies of the arrays of a model, to be damaged."""
    keys = ("lattice", "R_vectors", "hamiltonian_R", "position_R", "spin_R", "centres")
    return {key: getattr(model, key).copy() for key in keys} | {"name": "broken"}


@pytest.fixture
def model() -> ws.TightBindingModel:
    return ws.models.random_model(n=3, seed=5)


LATTICE_MODELS = [name for name in ws.models.names() if isinstance(ws.models.get(name), ws.TightBindingModel)]


@pytest.mark.parametrize("name", LATTICE_MODELS)
def test_save_and_load_bit_by_bit(name: str, tmp_path: Path) -> None:
    model = ws.models.get(name)
    back = ws.load_model(model.save(tmp_path / "m.h5"))
    for key, value in vars(model).items():
        other = getattr(back, key)
        if isinstance(value, np.ndarray):
            assert value.tobytes() == other.tobytes(), key
            assert (value.dtype, value.shape) == (other.dtype, other.shape), key
        else:
            assert value == other, key


def test_optional_parts_survive(tmp_path: Path) -> None:
    model = replace(ws.models.get("rashba_exchange"), spin_R=None, thickness=3.5, name="Schicht μ")
    back = ws.load_model(model.save(tmp_path / "m.h5"))
    assert back.spin_R is None
    assert (back.thickness, back.name, back.periodic, back.dimension) == (3.5, "Schicht μ", (True, True, False), 2)
    assert back.source == model.source


def test_result_of_a_loaded_model_is_the_same(model: ws.TightBindingModel, tmp_path: Path) -> None:
    back = ws.load_model(model.save(tmp_path / "m.h5"))
    values = [ws.compute(m, "spin_hall", grid=(3, 3, 3), mu=0.1, temperature=300)["spin_hall"].values for m in (model, back)]
    assert np.array_equal(*values)


def test_example_models_say_where_they_come_from(example_inputs: Path) -> None:
    for path in sorted(example_inputs.glob("*/*.model.h5")):
        source = ws.load_model(path).source
        files = json.loads(source["files"])
        kinds = {name.removesuffix(".gz").rsplit(".", 1)[-1] for name in files}
        collinear = path.name.startswith("KV2Se2O")  # up and down without a spin matrix
        assert kinds >= {"chk", "eig", "mmn"} | (set() if collinear else {"spn"})
        eig = path.with_name(path.name.replace(".model.h5", "_up.eig" if collinear else ".eig"))
        assert files[eig.name] == hashlib.sha256(eig.read_bytes()).hexdigest()


def test_the_model_cannot_be_changed(model: ws.TightBindingModel) -> None:
    with pytest.raises(AttributeError):
        model.name = "other"  # type: ignore[misc]


# --- validation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ("lattice", (2, 3)),
        ("R_vectors", (27, 2)),
        ("hamiltonian_R", (26, 3, 3)),
        ("hamiltonian_R", (27, 3, 2)),
        ("position_R", (27, 3, 3)),
        ("spin_R", (27, 3, 3, 2)),
        ("centres", (2, 3)),
    ],
)
def test_wrong_shape(model: ws.TightBindingModel, key: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="shape") as caught:
        ws.TightBindingModel(**parts(model) | {key: np.ones(shape)})
    assert str(shape) in str(caught.value)


def test_wrong_centres_name_the_model(model: ws.TightBindingModel) -> None:
    with pytest.raises(InputError, match="broken"):
        ws.TightBindingModel(**parts(model) | {"centres": np.zeros((2, 3))})


def test_missing_opposite(model: ws.TightBindingModel) -> None:
    p = parts(model)
    first = tuple(p["R_vectors"][0].tolist())
    p |= {key: p[key][1:] for key in ("R_vectors", "hamiltonian_R", "position_R", "spin_R")}
    with pytest.raises(InputError, match="broken") as caught:
        ws.TightBindingModel(**p)
    assert f"R = {first} is missing" in str(caught.value)


def test_duplicated_R(model: ws.TightBindingModel) -> None:
    p = parts(model)
    p |= {key: np.concatenate([p[key], p[key][13:14]]) for key in ("R_vectors", "hamiltonian_R", "position_R", "spin_R")}
    with pytest.raises(InputError, match="more than once"):
        ws.TightBindingModel(**p)


def test_missing_origin(model: ws.TightBindingModel) -> None:
    p = parts(model)
    p |= {key: np.delete(p[key], 13, axis=0) for key in ("R_vectors", "hamiltonian_R", "position_R", "spin_R")}
    with pytest.raises(InputError, match=r"R = \(0, 0, 0\) is missing"):
        ws.TightBindingModel(**p | {"centres": None})


@pytest.mark.parametrize("bad", [np.nan, np.inf, complex(0, np.nan)])
@pytest.mark.parametrize("key", ["hamiltonian_R", "position_R", "spin_R"])
def test_not_finite(model: ws.TightBindingModel, key: str, bad: complex) -> None:
    p = parts(model)
    p[key].flat[-1] = bad
    with pytest.raises(InputError, match=f"broken.*{key} has NaN or infinity at R = "):
        ws.TightBindingModel(**p)


def test_R_is_printed_as_numbers(model: ws.TightBindingModel) -> None:
    p = parts(model)
    p["hamiltonian_R"].flat[-1] = np.nan
    with pytest.raises(InputError) as caught:
        ws.TightBindingModel(**p)
    assert "R = (1, 1, 1)" in str(caught.value)


def test_centres_are_finite(model: ws.TightBindingModel) -> None:
    with pytest.raises(InputError, match="centres"):
        ws.TightBindingModel(**parts(model) | {"centres": np.full((3, 3), np.nan)})


@pytest.mark.parametrize("key", ["hamiltonian_R", "position_R", "spin_R"])
def test_not_hermitian(model: ws.TightBindingModel, key: str) -> None:
    p = parts(model)
    p[key].flat[0] += 0.1
    with pytest.raises(InputError, match=rf"{key} is not Hermitian, .* = 1\.0e-01"):
        ws.TightBindingModel(**p)


def test_rounding_of_text_files_is_not_an_error(model: ws.TightBindingModel) -> None:
    p = parts(model)
    p["hamiltonian_R"] = p["hamiltonian_R"].round(6)
    p["hamiltonian_R"].flat[0] += 5e-7
    made = ws.TightBindingModel(**p)
    adjoint = made.hamiltonian_R[::-1].swapaxes(1, 2).conj()
    assert np.array_equal(made.hamiltonian_R, adjoint)  # exactly Hermitian from here on


@pytest.mark.parametrize("lattice", [np.zeros((3, 3)), [[1, 0, 0], [0, 1, 0], [1, 1, 0]], np.full((3, 3), np.nan)])
def test_singular_lattice(model: ws.TightBindingModel, lattice: object) -> None:
    with pytest.raises(InputError, match="singular"):
        ws.TightBindingModel(**parts(model) | {"lattice": lattice})


@pytest.mark.parametrize("scale", [1e-2, 100.0])
def test_rounding_of_files_is_no_fault(model: ws.TightBindingModel, scale: float) -> None:
    """Of the largest element, and of 1 eV where all are small."""
    for share, fits in ((0.5, True), (3.0, False)):
        H = scale * model.hamiltonian_R / np.abs(model.hamiltonian_R).max()
        H[13, 0, 1] += share * HERMITICITY_TOLERANCE * max(scale, 1.0)
        if fits:
            assert np.abs(ws.TightBindingModel(**parts(model) | {"hamiltonian_R": H}).hamiltonian_R).max() > 0
            continue
        with pytest.raises(InputError, match="is not Hermitian"):
            ws.TightBindingModel(**parts(model) | {"hamiltonian_R": H})


def test_not_a_model_file(tmp_path: Path) -> None:
    result = ws.compute(ws.models.get("weyl"), "spin_hall", grid=(2, 2, 2), mu=0.1, temperature=300)
    result.save(tmp_path / "r.h5")
    with pytest.raises(InputError, match=r"r\.h5' holds 'wannier_spin result', expected 'wannier_spin model'"):
        ws.load_model(tmp_path / "r.h5")


def test_centres_default_to_the_diagonal_of_the_position(model: ws.TightBindingModel) -> None:
    made = ws.TightBindingModel(**parts(model) | {"centres": None})
    assert np.array_equal(made.centres, np.einsum("nna->na", model.position_R[13]).real)


def test_results_do_not_depend_on_the_centres(model: ws.TightBindingModel) -> None:
    """They only choose the phases of the Bloch sums, once the position matrices are given."""
    other = replace(model, centres=model.centres + np.random.default_rng(1).normal(size=(3, 3)))
    keywords = {"grid": (4, 4, 4), "mu": 0.1, "temperature": 1000, "omega": 0.1, "broadening": 0.1}
    a, b = (ws.compute(m, "all", **keywords) for m in (model, other))
    for name in a:
        scale = np.abs(a[name].values).max()
        assert np.allclose(a[name].values, b[name].values, rtol=0, atol=1e-9 * scale), name
