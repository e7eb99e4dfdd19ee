"""Models of PythTB, versions 1 (`tb_model`) and 2 (`TBModel`).

H_ij(R) = <0 i|H|R j>, in the list of hoppings once, the conjugate is implied; with two spin components each entry is (2, 2),
and up and down of an orbital are neighbours. Positions are reduced, the position operator is diagonal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.readers.packages.hermitian_sum import HermitianSum, embedded, known_spinors, with_spin
from wannier_spin.readers.spinors import Spin

Real = NDArray[np.float64]


def is_pythtb(given: object) -> bool:
    """Whether this looks like a model of PythTB."""
    return hasattr(given, "_site_energies") and (hasattr(given, "_orb") or hasattr(given, "orb_vecs"))


def from_pythtb(model: Any, *, spin: Spin | None = None, name: str = "pythtb") -> TightBindingModel:
    """The model of a PythTB model; its lengths are taken as angstrom, its energies as eV.

    spin : of a model with one spin component, where its orbitals are up and down functions in this order ("interleaved", "blocks",
    "auto"); one with two spin components (nspin = 2, spinful) has its spin.

    Raises InputError: no such model, four dimensions, parameters without values, a position operator that is not diagonal (models
    made from Wannier90 files: read those), `spin` of a model that has one.
    """
    if not is_pythtb(model):
        raise InputError(f"from_pythtb was given a {type(model).__name__}, expected a tb_model or TBModel of PythTB")
    _check_whole(model)
    vectors = np.asarray(model.lat_vecs if hasattr(model, "lat_vecs") else model._lat, float)
    orbitals = np.asarray(model.orb_vecs if hasattr(model, "orb_vecs") else model._orb, float)
    periodic_directions = list(model.periodic_dirs if hasattr(model, "periodic_dirs") else model._per)
    s = int(model._nspin)
    if s == 2 and spin is not None:
        raise InputError("this PythTB model has two spin components, up and down of an orbital side by side; leave spin out")
    lattice, centres = embedded(vectors, orbitals, "this PythTB model")
    total = HermitianSum(s * len(orbitals))
    for i, energy in enumerate(np.asarray(model._site_energies, complex)):
        here = slice(s * i, s * i + s)
        total.add((0, 0, 0), here, here, energy.reshape(s, s) / 2)
    for amplitude, i, j, R in _hoppings(model):
        total.add(R, slice(s * i, s * i + s), slice(s * j, s * j + s), np.asarray(amplitude, complex).reshape(s, s))
    R_vectors, H = total.arrays()
    a, b, c = (direction in periodic_directions for direction in range(3))
    found = TightBindingModel(
        lattice, R_vectors, H, centres=np.repeat(centres, s, axis=0), periodic=(a, b, c), name=name, source={"from": "PythTB"}
    )
    return known_spinors(found) if s == 2 else with_spin(found, spin)


def _check_whole(model: Any) -> None:
    """Raise InputError for what has parameters without values, or a position operator that is not diagonal."""
    if getattr(model, "_onsite_param_terms", None) or getattr(model, "_hopping_param_terms", None):
        raise InputError("this PythTB model has parameters without values: give them values, then convert it")
    for key in ("_assume_position_operator_diagonal", "assume_position_operator_diagonal"):
        if not getattr(model, key, True):
            raise InputError(
                "this PythTB model comes from Wannier90 files, whose position operator it leaves out: read the files themselves, "
                "wannier_spin.open_model('seedname'); or set model.ignore_position_operator_offdiagonal()"
            )


def _hoppings(model: Any) -> Iterator[tuple[Any, int, int, Any]]:
    """Amplitude, i, j, R of every hopping."""
    for hop in model._hoppings if hasattr(model, "_hoppings") else model.hoppings:
        if isinstance(hop, dict):
            yield hop["amplitude"], hop["from_orbital"], hop["to_orbital"], hop.get("lattice_vector", (0,))
        else:
            yield hop[0], hop[1], hop[2], hop[3] if len(hop) > 3 else (0,)
