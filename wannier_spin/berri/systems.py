"""A System_R of wannierberri, its Data_K and its point group, from and to what they are here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import wannierberri as wb
from numpy.typing import NDArray
from wannierberri.fourier.rvectors import Rvectors
from wannierberri.symmetry.point_symmetry import PointGroup, PointSymmetry

from wannier_spin.berri.soc import from_system_soc
from wannier_spin.bloch import BlochMatrices, Complex
from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel, with_centres
from wannier_spin.readers.berri_input import NAMES, matrices_of, quiet
from wannier_spin.symmetry import Operation
from wannier_spin.versions import installed

Real = NDArray[np.float64]


def bloch_matrices(data_K: Any, second_order: bool, operators: Sequence[str]) -> BlochMatrices:
    """What `geometry_of` wants, from wannierberri's Data_K at all of its points.

    Raises InputError for systems that are no System_R, and where the position or the spin matrices are missing.
    """
    system = data_K.system
    _check_system(system)

    def transformed(name: str, order: int) -> Complex:
        """(k, n, m, ...) of theirs, derivatives last -> (k, ..., n, m), derivatives first."""
        X = data_K.get_k_mat(name, der=order, hermitian=True)
        return np.ascontiguousarray(X.transpose(0, *range(X.ndim - 1, 2, -1), 1, 2))

    connection = None if system.force_internal_terms_only else "AA"
    own = {"spin": "SS"}
    for name in operators:
        if name not in own:
            raise InputError(f"operator '{name}' is not there inside wannierberri.run; take compute(from_system_R(system), ...)")
    for needed in [connection, *(own[name] for name in operators)]:
        if needed is not None:
            _require(system, needed)

    def vector(name: str | None, order: int) -> Complex | None:
        return transformed(name, order) if name is not None and (second_order or not order) else None

    return BlochMatrices(
        hamiltonian=transformed("Ham", 0),
        gradient=transformed("Ham", 1),
        connection=vector(connection, 0),
        hessian=transformed("Ham", 2) if second_order else None,
        connection_gradient=vector(connection, 1),
        operators={name: transformed(own[name], 0) for name in operators},
        slopes={name: transformed(own[name], 1) for name in operators} if second_order else {},
    )


def from_system_R(system: Any) -> TightBindingModel:
    """Our model of a System_R: from Wannier90 files by wannierberri's own route, PythTB, TBmodels, FPLO, ...

    A system with `force_internal_terms_only` (PythTB, TBmodels) has a diagonal position operator, which its centres
    give. Spin: build the system with spin=True, or call its `set_spin_pairs` or `set_spin_interlaced` (TBmodels). Spin currents
    other than `simple`: build it with SHCqiao=True or SHCryoo=True. Other matrices, the point group and the recommended FFT
    grid are left behind.

    PythTB models must have their sites inside the cell, 0 <= x < 1 in reduced coordinates: wannierberri moves the others
    there, but not their hoppings along, and nothing in the system tells. `wannier_spin.from_pythtb` reads them as they are.
    Of a `SystemSOC` the model is made here, see `soc`.

    Raises InputError for other systems, and for a system that has neither a position matrix nor a diagonal position.
    """
    if isinstance(system, wb.SystemSOC):
        return from_system_soc(system)
    _check_system(system)
    matrices, R_vectors = matrices_of(system), np.asarray(system.rvec.iRvec, np.int64)
    centres = np.array(system.wannier_centers_cart, float)
    position = None
    if not system.force_internal_terms_only:
        _require(system, "AA")
        position = with_centres(matrices["position"], R_vectors, centres)

    def copied(name: str) -> Complex | None:
        return matrices[name].copy() if name in matrices else None

    return TightBindingModel(
        lattice=np.array(system.real_lattice),
        R_vectors=R_vectors,
        hamiltonian_R=matrices["hamiltonian"].copy(),
        position_R=position,
        spin_R=copied("spin"),
        centres=centres,
        spin_position_R=copied("spin_position"),
        spin_hamiltonian_position_R=copied("spin_hamiltonian_position"),
        spin_hamiltonian_R=copied("spin_hamiltonian"),
        periodic=tuple(system.periodic),
        name=str(system.name),
        source={"route": "system", "system": f"System_R '{system.name}' of wannierberri {installed('wannierberri')}"},
    )


def to_system_R(model: TightBindingModel) -> Any:
    """wannierberri's System_R of a model: "Ham", "SS" where the model has spin, "AA" where it has a position matrix, and what
    spin currents other than `simple` are made of.

    Without a position matrix the system gets `force_internal_terms_only`. It has no symmetry: see `point_group`.
    The thickness of a sheet stays behind. Raises InputError for k·p models, and for hoppings along a vacuum direction.
    """
    if not isinstance(model, TightBindingModel):
        raise InputError(f"expected a TightBindingModel, found {type(model).__name__}; only lattice models have a System_R")
    open_directions = ~np.array(model.periodic)
    if model.R_vectors[:, open_directions].any():
        raise InputError(f"model '{model.name}' has R vectors along a direction that is not periodic; wannierberri knows no such")
    with quiet():
        system = wb.System_R(name=model.name, periodic=model.periodic, force_internal_terms_only=model.position_R is None)
        system.set_real_lattice(model.lattice.copy())
        system.num_wann = model.n_bands
        system.set_wannier_centers(wannier_centers_cart=model.centres.copy())
        system.rvec = Rvectors(system.real_lattice, system.wannier_centers_red, iRvec=model.R_vectors)
        for name, matrix in _their_matrices(model).items():
            system.set_R_mat(name, matrix)
        system.do_at_end_of_init()
    return system


def _their_matrices(model: TightBindingModel) -> dict[str, Complex]:
    """The matrices of a model by their names, with their definition of the position."""
    connection = None
    if model.position_R is not None:
        connection = with_centres(model.position_R, model.R_vectors, -model.centres)
    ours = {name: getattr(model, f"{name}_R") for name in NAMES.values()} | {"position": connection}
    return {theirs: ours[name].copy() for theirs, name in NAMES.items() if ours[name] is not None}


def point_group(operations: Iterable[Operation], lattice: Real) -> Any:
    """wannierberri's PointGroup of the operations of a (magnetic) group; time reversal belongs to it only where they have it.

    operations : `magnetic_group(structure).operations`; translations do not matter. lattice : (3, 3) rows, angstrom, of the
    system. Raises InputError where wannierberri finds that they do not fit.
    """
    generators = [PointSymmetry(operation.rotation, operation.time_reversal) for operation in operations]
    try:
        return PointGroup(generators, real_lattice=np.asarray(lattice, float))
    except (AssertionError, RuntimeError) as error:
        raise InputError(
            f"wannierberri refuses these {len(generators)} operations for this lattice: {error}; "
            "take the structure in the cell of the system, and its lattice vectors with at least seven digits"
        ) from error


def _check_system(system: Any) -> None:
    """Raise InputError unless wannierberri keeps this system as matrices in R space, electrons with one set of orbitals."""
    if not isinstance(system, wb.System_R) or isinstance(system, wb.SystemSOC) or system.is_phonon:
        raise InputError(
            f"expected a System_R of wannierberri, found {type(system).__name__}; systems of phonons, k·p models and, inside of "
            "its run, SystemSOC have no matrices H, r and spin in R space (from_system_R makes a model of a SystemSOC)"
        )


def _require(system: Any, name: str) -> None:
    """Raise InputError where a matrix is missing."""
    advice = {
        "AA": "position matrix: build it with berry=True, or with force_internal_terms_only=True if the position is diagonal",
        "SS": "spin matrices: build it with spin=True, or call its set_spin_interlaced() or set_spin_pairs(...)",
    }
    if not system.has_R_mat(name):
        raise InputError(f"system '{system.name}' has no {advice[name]}")
