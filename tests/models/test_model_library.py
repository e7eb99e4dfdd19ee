"""The registry and the builder."""

import inspect

import numpy as np
import pytest
from stored import check, digest

from wannier_spin import models
from wannier_spin.continuum import KPModel
from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.models.hoppings import S0, SX, SY, SZ


def test_names_are_the_exported_models():
    others = {"from_hoppings", "kp_model", "get", "names", "velocity_si"}
    assert models.names() == sorted(set(models.__all__) - others)
    assert len(models.names()) == 12


@pytest.mark.parametrize("name", models.names())
def test_every_model_says_what_it_is(name):
    function = getattr(models, name)
    parameters = inspect.signature(function).parameters.values()
    assert all(p.kind is p.KEYWORD_ONLY and p.default is not p.empty for p in parameters)
    assert "Symmetry: " in function.__doc__
    assert " = " in function.__doc__
    model = models.get(name)
    assert isinstance(model, TightBindingModel | KPModel)
    assert model.name == name
    assert model.source["library model"] == name
    for p in parameters:
        assert f"{p.name}=" in model.source["parameters"]


def test_get_passes_parameters_on():
    assert np.array_equal(models.get("massive_dirac", gap=0.3).constant, 0.3 * SZ)
    assert models.get("massive_dirac", gap=0.3).source["parameters"] == "v=1.0, gap=0.3, cutoff=inf"


def test_get_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'kane_mele'"):
        models.get("kanemele")
    with pytest.raises(InputError, match="no parameter 'rashb'; did you mean 'rashba'"):
        models.get("kane_mele", rashb=0.1)


def build(hoppings, sites=((0, 0), (0.5, 0.25))):
    return models.from_hoppings(lattice=np.diag([2.0, 4.0, 1.0]), sites=sites, hoppings=hoppings)


def test_builder_adds_conjugates_and_places_sites():
    hop = 0.3 * S0 + 0.2j * SX + 0.1 * SY
    model = build({(0, 1, (1, -1)): hop, (0, 0, ()): 0.7 * SZ})
    assert model.R_vectors.tolist() == [[-1, 1, 0], [0, 0, 0], [1, -1, 0]]
    assert np.array_equal(model.hamiltonian_R[2, :2, 2:], hop)
    assert np.array_equal(model.hamiltonian_R[0, 2:, :2], hop.conj().T)
    assert np.array_equal(model.hamiltonian_R[1, :2, :2], 0.7 * SZ)  # on-site: not doubled
    assert np.count_nonzero(model.hamiltonian_R) == 2 * np.count_nonzero(hop) + 2
    assert np.array_equal(model.centres, [[0, 0, 0], [0, 0, 0], [1, 1, 0], [1, 1, 0]])
    assert np.array_equal(model.spin_R[1, 2:, 2:, 1], SY)
    assert np.count_nonzero(model.spin_R) == 12


@pytest.mark.parametrize(
    ("hoppings", "message"),
    [
        ({(0, 1, (1, 0)): S0, (1, 0, (-1, 0)): S0}, "listed twice"),
        ({(0, 0, (0, 0)): 1j * SX}, "not Hermitian"),
        ({(0, 2, (0, 0)): S0}, "sites are 0 to 1"),
        ({(0, 1, (0, 0)): np.eye(3)}, "expected \\(2, 2\\)"),
    ],
)
def test_builder_rejects(hoppings, message):
    with pytest.raises(InputError, match=message):
        build(hoppings)


def test_hoppings_from_the_top() -> None:
    """`ws.from_hoppings`: what is in memory becomes a model without a file."""
    import wannier_spin as ws

    model = ws.from_hoppings(lattice=np.eye(3), sites=[[0, 0, 0]], hoppings={(0, 0, (1, 0, 0)): -np.eye(2)})
    assert model.n_bands == 2
    assert model.R_vectors.tolist() == [[-1, 0, 0], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize("name", models.names())
def test_without_parameters(name: str) -> None:
    """The defaults as the docstring says them, and what they make: stored."""
    model = models.get(name)
    if isinstance(model, TightBindingModel):
        made = [getattr(model, key) for key in ("lattice", "R_vectors", "hamiltonian_R", "position_R", "spin_R", "centres")]
        made += [model.periodic]
    else:
        k = np.array([[0.01, 0.02, 0.0], [-0.03, 0.005, 0.0]])
        made = [*model.series(k), model.spin, *model.scales, model.region.size, model.dimension]
    numbers = [digest(np.stack([np.real(x), np.imag(x)])) if x is not None else None for x in made]
    check("models.json", f"library {name}", [model.source["parameters"], numbers])
