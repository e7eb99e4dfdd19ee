"""Our responses inside `wannierberri.run`, and models from and to its `System_R`.

    system = wannierberri.System_R.from_wannierdata(data, berry=True, spin=True)
    system.set_pointgroup(pointgroup=point_group(magnetic_group(structure).operations, system.real_lattice))
    wanted = calculators(["magnetic_spin_hall", "edelstein"], Efermi=mu, temperature=300)
    result = wannierberri.run(system, wannierberri.Grid(system, NK=48), wanted)
    result.results["edelstein"].data                # (Efermi, temperature, a, b)

wannierberri interpolates, reduces to irreducible k-points, refines and symmetrizes; the densities, the treatment of
degenerate bands and the Fermi functions are ours. It hands over matrices in the Wannier gauge with derivatives
d_a O -> i (R + tau_m - tau_n)_a O_nm(R), its "convention I": the definition of `bloch.BlochMatrices`.

It rotates every index of a tensor by the proper part of an operation, then multiplies by one sign if the operation holds
the inversion and by another if it holds time reversal: `space_parity` and `time_parity` of the response's law
(docs/theory.md, section 5). So tensors that are odd under time reversal stay, where the group has it only together with
rotations, and tensors that it forbids vanish.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import wannierberri as wb
from numpy.typing import NDArray
from wannierberri.calculators import Calculator
from wannierberri.fourier.rvectors import Rvectors
from wannierberri.result import EnergyResult
from wannierberri.symmetry.point_symmetry import PointGroup, PointSymmetry, Transform

from wannier_spin import observables
from wannier_spin import responses as resp
from wannier_spin import units as un
from wannier_spin.bloch import BlochMatrices, Complex
from wannier_spin.errors import InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE
from wannier_spin.integrals.plan import Plan
from wannier_spin.model import TightBindingModel
from wannier_spin.occupation import Occupation
from wannier_spin.readers.berri_input import NAMES, matrices_of, quiet, wannierberri_version, with_centres
from wannier_spin.responses.registry import RELAXATIONS, Form, Response
from wannier_spin.symmetry import Operation
from wannier_spin.tensors import Channel, TensorLaw, symmetrized

Real = NDArray[np.float64]
BATCH_BYTES = 2e8  # matrices of so many k-points at a time
KEPT = "_wannier_spin_sums"  # attribute of a Data_K
OLDEST = (26, 10)  # of wannierberri, whose Data_K hands over matrices by name; reading files works with older ones


# --- calculators ------------------------------------------------------------------------------------------------


def calculators(
    responses: str | Sequence[str],
    *,
    Efermi: float | Sequence[float] | Real,
    temperature: float | Sequence[float] | Real,
    tau: float | None = None,
    units: un.UnitSystem = "natural",
    channel: Channel = "spin",
    spin_current: str = "simple",
    form: Form = "full",
    relaxation: str = "adiabatic",
    degeneracy_tolerance: float = DEGENERACY_TOLERANCE,
    save_mode: str = "bin+txt",
) -> dict[str, ResponseCalculator]:
    """Calculators for `wannierberri.run`, by name of the response. Give them to one run: they share all matrices and sums.

    Parameters
    ----------
    responses : names (`wannier_spin.responses.names()`), or "all": all static ones.
    Efermi : eV, in any order and at any distance. temperature : K; 0 for responses without Fermi-surface terms.
    tau : hbar/eV with natural units (default 1), fs with SI units (default 10).
    units, channel, form, relaxation : as in `wannier_spin.compute`. Directions that are not periodic in the system do not
        count: a sheet has the units of a sheet. spin_current : only "simple" is here.
    degeneracy_tolerance : eV. save_mode : of wannierberri, "bin", "txt" or "bin+txt".

    Raises
    ------
    InputError : unknown names, impossible requests; during the run, a system without the matrices that are needed.
    """
    check_version(wannierberri_version())
    _choice("units", units, ("natural", "SI"))
    _choice("channel", channel, ("spin", "charge"))
    if spin_current != "simple":
        raise InputError(
            f"spin_current = '{spin_current}' is not available inside wannierberri.run, only 'simple': take "
            "wannier_spin.compute(from_system_R(system), ..., spin_current=...), or wannierberri's own static.SHC"
        )
    records = [_reduced(record, form, relaxation) for record in _records(responses)]
    temperatures = _list("temperature", temperature)
    occupation = Occupation(_list("Efermi", Efermi), np.array([un.thermal_energy(T) for T in temperatures]))
    tolerance, tau = _positive("degeneracy_tolerance", degeneracy_tolerance), _tau(tau, units)
    sums = BandSums(Plan(tuple(records), channel, (), "paper"), occupation, tolerance)
    _check_temperature(sums)
    settings = Settings(temperatures, tau, units, symmetric_fields=form == "full")
    return {record.name: ResponseCalculator(record, sums, settings, save_mode) for record in records}


def check_version(version: str) -> None:
    """Raises InputError for a wannierberri that is too old to run our responses."""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST:
        raise InputError(
            f"calculators for wannierberri.run need wannierberri {'.'.join(map(str, OLDEST))} or newer, found {version}: "
            "pip install -U wannierberri; wannier_spin.compute works with this one"
        )


@dataclass(frozen=True)
class Settings:
    """temperature (T,) K; tau in hbar/eV or fs, as `units` say; symmetric_fields: symmetrize second order in the fields."""

    temperature: Real
    tau: float
    units: un.UnitSystem
    symmetric_fields: bool

    def factor(self, law: TensorLaw, tau_power: int, dimension: int) -> float:
        """What a response in natural units without its tau is multiplied by."""
        return un.response_factor(_measure(law), law.field_order, tau_power, dimension, self.units, self.tau)


@dataclass(frozen=True, eq=False)
class BandSums:
    """Integrals of all channels of a plan over the points of a Data_K; equal only to itself."""

    plan: Plan
    occupation: Occupation
    tolerance: float

    def of(self, data_K: Any) -> Real:
        """(w, channels), w = (mu, T). Kept with the Data_K, where the other calculators of the run find it."""
        kept = vars(data_K).setdefault(KEPT, {})
        if self not in kept:
            kept[self] = self._integrate(data_K)
        return kept[self]

    def _integrate(self, data_K: Any) -> Real:
        """Mean over the points divided by the volume of the cell."""
        bloch = bloch_matrices(data_K, self.plan.derivatives, self.plan.operators)
        total = sum(self._add(part) for part in _batches(bloch, self._points_per_batch(data_K.num_wann)))
        return np.asarray(total / (data_K.nk * _cell_volume(data_K.system)))

    def _add(self, bloch: BlochMatrices) -> Real:
        """Sum over the points and bands of a batch: (w, channels)."""
        geometry = self.plan.geometry(bloch, self.tolerance)
        densities = self.plan.densities(resp.BandPairs(geometry, self.plan.observables, self.occupation.window))
        energies = geometry.block_energies.ravel()
        return self.occupation.sums(energies, *(X.reshape(energies.size, X.shape[-1]) for X in densities))

    def _points_per_batch(self, n: int) -> int:
        """The matrices between bands take most: about 100, and 20 more per component of the observables."""
        observables = self.plan.n_components
        channels = 3 * self.plan.n_channels + 2 * self.occupation.n_points
        return max(1, int(BATCH_BYTES / (16 * n**2 * (100 + 20 * observables) + 8 * n * channels)))


class ResponseCalculator(Calculator):  # type: ignore[misc]  # wannierberri is not typed
    """One static response; its result has the axes (Efermi, temperature, ...tensor in the paper's order)."""

    def __init__(self, record: Response, sums: BandSums, settings: Settings, save_mode: str) -> None:
        self.record, self.sums, self.settings = record, sums, settings
        self.law = record.channel_tensor(sums.plan.channel)
        self.comment = f"{record.title}, {record.law}, eq. {record.equation} of {record.reference}; {settings.units} units"
        super().__init__(degen_thresh=sums.tolerance, save_mode=save_mode)

    @property
    def transforms(self) -> tuple[Any, Any]:
        """What time reversal and inversion do to the tensor, besides rotating it by the proper part of an operation."""
        return Transform(factor=self.law.time_parity(self.record.tau_power)), Transform(factor=self.law.space_parity)

    def __call__(self, data_K: Any) -> Any:
        """The EnergyResult of the points of a Data_K."""
        dimension = int(np.sum(data_K.system.periodic))
        mu, transforms = self.sums.occupation.mu, self.transforms
        return EnergyResult(
            Energies=[mu, self.settings.temperature],
            data=self._tensor(self.sums.of(data_K)) * self.settings.factor(self.law, self.record.tau_power, dimension),
            transformTR=transforms[0],
            transformInv=transforms[1],
            rank=self.law.rank,
            E_titles=["Efermi", "temperature"],
            save_mode=self.save_mode,
            comment=f"{self.comment}: {self._unit(dimension)}",
        )

    def _tensor(self, sums: Real) -> Real:
        """The combination of blocks that makes the response, natural units without tau: (mu, T, ...)."""
        plan, scan = self.sums.plan, (-1, len(self.settings.temperature))
        parts = [factor * plan.block_tensor(sums, block, self.record) for block, factor in self.record.paper.items()]
        total = np.sum(parts, axis=0)
        if self.settings.symmetric_fields:
            total = symmetrized(total, 2, self.law.field_order)  # (w, a, fields, ...)
        return total.reshape(*scan, *total.shape[1:])

    def _unit(self, dimension: int) -> str:
        return un.unit_name(_measure(self.law), self.law.field_order, dimension, self.settings.units)


def _measure(law: TensorLaw) -> un.Measure:
    """What the observable of a law is counted in."""
    return observables.get(law.observable).measure


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


def _batches(bloch: BlochMatrices, size: int) -> Iterator[BlochMatrices]:
    """The same in pieces of `size` points."""
    for first in range(0, len(bloch), size):
        part = slice(first, first + size)
        yield bloch.each(lambda X, part=part: X[part])  # type: ignore[misc]


def _cell_volume(system: Any) -> float:
    """Volume, area or length of the cell along the periodic directions, angstrom^d."""
    vectors = system.real_lattice[np.asarray(system.periodic, bool)]
    return float(np.sqrt(np.linalg.det(vectors @ vectors.T)))


# --- converters -------------------------------------------------------------------------------------------------


def from_system_R(system: Any) -> TightBindingModel:
    """Our model of a System_R: from Wannier90 files by wannierberri's own route, PythTB, TBmodels, FPLO, ...

    A system with `force_internal_terms_only` (PythTB, TBmodels) has a diagonal position operator, which its centres
    give. Spin: build the system with spin=True, or call its `set_spin_pairs` or `set_spin_interlaced` (TBmodels). Spin currents
    other than `simple`: build it with SHCqiao=True or SHCryoo=True. Other matrices, the point group and the recommended FFT
    grid are left behind.

    PythTB models must have their sites inside the cell, 0 <= x < 1 in reduced coordinates: wannierberri moves the others
    there, but not their hoppings along, and nothing in the system tells.

    Raises InputError for other systems, and for a system that has neither a position matrix nor a diagonal position.
    """
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
        source={"system": f"System_R '{system.name}' of wannierberri {wannierberri_version()}"},
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
            f"expected a System_R of wannierberri, found {type(system).__name__}; systems of phonons, k·p models and SystemSOC "
            "have no matrices H, r and spin in R space"
        )


def _require(system: Any, name: str) -> None:
    """Raise InputError where a matrix is missing."""
    advice = {
        "AA": "position matrix: build it with berry=True, or with force_internal_terms_only=True if the position is diagonal",
        "SS": "spin matrices: build it with spin=True, or call its set_spin_interlaced() or set_spin_pairs(...)",
    }
    if not system.has_R_mat(name):
        raise InputError(f"system '{system.name}' has no {advice[name]}")


# --- requests ---------------------------------------------------------------------------------------------------


def _records(responses: str | Sequence[str]) -> list[Response]:
    static = [name for name, record in resp.RESPONSES.items() if not record.dynamic]
    names = static if responses == "all" else [responses] if isinstance(responses, str) else list(responses)
    records = [resp.get(name) for name in dict.fromkeys(names)]
    dynamic = [record.name for record in records if record.dynamic]
    if dynamic or not records:
        found = f"{', '.join(dynamic)} depends on the frequency" if dynamic else "no response was asked for"
        raise InputError(f"{found}; choose from {', '.join(static)} (wannier_spin.compute has the others)")
    return records


def _reduced(record: Response, form: Form, relaxation: str) -> Response:
    """The record with the one combination of blocks that is asked for, so that nothing else is computed."""
    _choice("form", form, ("full", "paper"))
    _choice("relaxation", relaxation, RELAXATIONS)
    recipes: Mapping[str, Mapping[str, float]] = record.recipes(form)
    key = "paper" if form == "paper" else f"full {relaxation}"
    if key not in recipes:
        raise InputError(f"relaxation = '{relaxation}' has no terms with tau: leave out {record.name}, or take another one")
    recipe = {block: factor for block, factor in recipes[key].items() if factor}
    return replace(record, paper=recipe, full=None, companions=())


def _check_temperature(sums: BandSums) -> None:
    if sums.plan.has_surface and (sums.occupation.kT == 0).any():
        surface = ", ".join(block.name for block in sums.plan.static_blocks if block.fermi == "surface")
        raise InputError(
            f"temperature = 0 K with Fermi-surface terms ({surface}): f' is a delta function that no mesh of points meets; "
            "give a temperature for which kT spans a few level spacings of the mesh"
        )


def _tau(tau: float | None, units: un.UnitSystem) -> float:
    return _positive("tau", (1.0 if units == "natural" else 10.0) if tau is None else tau)


def _positive(name: str, value: object) -> float:
    if not isinstance(value, int | float) or not 0 < value < np.inf:
        raise InputError(f"{name} = {value!r}, expected a positive number")
    return float(value)


def _choice(name: str, value: str, valid: Iterable[str]) -> None:
    if value not in (known := tuple(valid)):
        raise InputError(f"{name} = '{value}' is not available; choose from {', '.join(known)}")


def _list(name: str, values: object) -> Real:
    try:
        return np.atleast_1d(np.asarray(values, float))
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number or a list of finite numbers, found {values!r}") from None
