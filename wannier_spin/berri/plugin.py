"""Calculators for `wannierberri.run`, see the package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from wannierberri.calculators import Calculator
from wannierberri.result import EnergyResult
from wannierberri.symmetry.point_symmetry import Transform

from wannier_spin import observables
from wannier_spin import responses as resp
from wannier_spin import units as un
from wannier_spin.berri.systems import bloch_matrices
from wannier_spin.bloch import BlochMatrices
from wannier_spin.errors import InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.occupation import Occupation
from wannier_spin.request import Request, taking_request
from wannier_spin.responses.registry import Form, Response
from wannier_spin.tensors import Channel, TensorLaw, symmetrized
from wannier_spin.versions import installed
from wannier_spin.weights import WEIGHTS

Real = NDArray[np.float64]
BATCH_BYTES = 2e8  # matrices of so many k-points at a time
KEPT = "_wannier_spin_sums"  # attribute of a Data_K
OLDEST = (26, 10)  # of wannierberri, whose Data_K hands over matrices by name; reading files works with older ones


class InRun(TypedDict, total=False):
    """Keywords of a `Request` that calculators take. Their meaning is told there."""

    tau: float | None
    units: un.UnitSystem
    channel: Channel
    spin_current: str
    form: Form
    relaxation: str
    degeneracy_tolerance: float | None


@taking_request(InRun)
def calculators(
    responses: str | Sequence[str],
    *,
    Efermi: float | Sequence[float] | Real,
    temperature: float | Sequence[float] | Real,
    save_mode: str = "bin+txt",
    **asked: Unpack[InRun],
) -> dict[str, ResponseCalculator]:
    """Calculators for `wannierberri.run`, by name of the response. Give them to one run: they share all matrices and sums.

    Parameters
    ----------
    responses : names (`wannier_spin.responses.names()`), or "all": all static ones.
    Efermi : eV, one or several (mu,), in any order and at any distance. temperature : K, one or several (T,); 0 for responses
        without Fermi-surface terms.
    save_mode : of wannierberri, "bin", "txt" or "bin+txt".
    asked : as in `wannier_spin.Request`: tau (one), units, channel, form, relaxation, degeneracy_tolerance. Directions that are not
        periodic in the system do not count: a sheet has the units of a sheet. spin_current : only "simple" is here.

    Raises
    ------
    InputError : unknown names, impossible requests; during the run, a system without the matrices that are needed.
    """
    check_version(installed("wannierberri"))
    request = Request(_static(responses), mu=Efermi, temperature=temperature, **asked)
    if request.spin_current != ("simple",):
        raise InputError(
            f"spin_current = '{', '.join(request.spin_current)}' is not available inside wannierberri.run, only 'simple': take "
            "wannier_spin.compute(from_system_R(system), ..., spin_current=...), or wannierberri's own static.SHC"
        )
    if len(request.tau) > 1:
        raise InputError(f"tau = {request.tau.tolist()}: expected one number")
    records = tuple(_reduced(record, request) for record in request.records)
    occupation = request.occupation(WEIGHTS["E"])
    degeneracy_tolerance = DEGENERACY_TOLERANCE if request.degeneracy_tolerance is None else request.degeneracy_tolerance
    sums = BandSums(Plan(records, request.channel, (), "paper"), occupation, degeneracy_tolerance)
    _check_temperature(sums)
    return {record.name: ResponseCalculator(record, sums, request, save_mode) for record in records}


def _static(responses: str | Sequence[str]) -> list[str]:
    """Names of responses to a static field, "all" of them or these."""
    static = [name for name, record in resp.RESPONSES.items() if not record.dynamic]
    names = static if responses == "all" else [responses] if isinstance(responses, str) else list(responses)
    dynamic = [name for name in names if resp.get(name).dynamic]
    if dynamic or not names:
        found = f"{', '.join(dynamic)} depends on the frequency" if dynamic else "no response was asked for"
        raise InputError(f"{found}; choose from {', '.join(static)} (wannier_spin.compute has the others)")
    return names


def _reduced(record: Response, request: Request) -> Response:
    """The record with the one combination of blocks that is asked for, so that nothing else is computed."""
    key = "paper" if request.form == "paper" else f"full {request.relaxation}"
    recipe = {block: factor for block, factor in record.recipes(request.form)[key].items() if factor}
    return replace(record, paper=recipe, full=None, companions=())


def _check_temperature(sums: BandSums) -> None:
    if sums.plan.has_surface and (sums.occupation.kT == 0).any():
        surface = ", ".join(block.name for block in sums.plan.static_blocks if block.fermi == "surface")
        raise InputError(
            f"temperature = 0 K with Fermi-surface terms ({surface}): f' is a delta function that no mesh of points meets; "
            "give a temperature for which kT spans a few level spacings of the mesh"
        )


def check_version(version: str) -> None:
    """Raises InputError for a wannierberri that is too old to run our responses."""
    numbers = tuple(int(number) for number in version.split(".")[:2] if number.isdigit())
    if numbers < OLDEST:
        raise InputError(
            f"calculators for wannierberri.run need wannierberri {'.'.join(map(str, OLDEST))} or newer, found {version}: "
            "pip install -U wannierberri; wannier_spin.compute works with this one"
        )


@dataclass(frozen=True, eq=False)
class BandSums:
    """Integrals of all channels of a plan over the points of a Data_K; equal only to itself."""

    plan: Plan
    occupation: Occupation
    degeneracy_tolerance: float

    def of(self, data_K: Any) -> Real:
        """(w, channels), w = (mu, T). Kept with the Data_K, where the other calculators of the run find it."""
        kept = vars(data_K).setdefault(KEPT, {})
        if self not in kept:
            kept[self] = self._integrate(data_K)
        return kept[self]

    def _integrate(self, data_K: Any) -> Real:
        """Mean over the points divided by the volume of the cell."""
        bloch = bloch_matrices(data_K, self.plan.derivatives, self.plan.operators)
        total = sum(self._add(batch) for batch in _batches(bloch, self._points_per_batch(data_K.num_wann)))
        return np.asarray(total / (data_K.nk * _cell_volume(data_K.system)))

    def _add(self, bloch: BlochMatrices) -> Real:
        """Sum over the points and bands of a batch: (w, channels)."""
        geometry = self.plan.geometry(bloch, self.degeneracy_tolerance)
        densities = self.plan.densities(resp.BandPairs(geometry, self.plan.observables, self.occupation.window))
        energies = geometry.group_energies.ravel()
        return self.occupation.sums(energies, *(X.reshape(energies.size, X.shape[-1]) for X in densities))

    def _points_per_batch(self, n: int) -> int:
        """The matrices between bands take most: about 100, and 20 more per component of the observables."""
        observables = self.plan.n_components
        channels = 3 * self.plan.n_channels + 2 * self.occupation.n_points
        return max(1, int(BATCH_BYTES / (16 * n**2 * (100 + 20 * observables) + 8 * n * channels)))


class ResponseCalculator(Calculator):  # type: ignore[misc]  # wannierberri is not typed
    """One static response; its result has the axes (Efermi, temperature, ...tensor in the paper's order)."""

    def __init__(self, record: Response, sums: BandSums, request: Request, save_mode: str) -> None:
        self.record, self.sums, self.request = record, sums, request
        self.law = record.channel_tensor(sums.plan.channel)
        self.comment = f"{record.title}, {record.law}, eq. {record.equation} of {record.reference}; {request.units} units"
        super().__init__(degen_thresh=sums.degeneracy_tolerance, save_mode=save_mode)

    @property
    def transforms(self) -> tuple[Any, Any]:
        """What time reversal and inversion do to the tensor, besides rotating it by the proper part of an operation."""
        return Transform(factor=self.law.time_parity(self.record.tau_power)), Transform(factor=self.law.space_parity)

    def __call__(self, data_K: Any) -> Any:
        """The EnergyResult of the points of a Data_K."""
        dimension = int(np.sum(data_K.system.periodic))
        mu, transforms = self.sums.occupation.mu, self.transforms
        return EnergyResult(
            Energies=[mu, self.request.temperature],
            data=self._tensor(self.sums.of(data_K)) * self._factor(dimension),
            transformTR=transforms[0],
            transformInv=transforms[1],
            rank=self.law.rank,
            E_titles=["Efermi", "temperature"],
            save_mode=self.save_mode,
            comment=f"{self.comment}: {self._unit(dimension)}",
        )

    def _tensor(self, sums: Real) -> Real:
        """The combination of blocks that makes the response, natural units without tau: (mu, T, ...)."""
        plan, scan = self.sums.plan, (-1, len(self.request.temperature))
        terms = [factor * plan.block_tensor(sums, block, self.record) for block, factor in self.record.paper.items()]
        total = np.sum(terms, axis=0)
        if self.request.form == "full":
            total = symmetrized(total, 2, self.law.field_order)  # (w, a, fields, ...)
        return total.reshape(*scan, *total.shape[1:])

    def _factor(self, dimension: int) -> float:
        """What the response in natural units without its tau is multiplied by."""
        law, request = self.law, self.request
        units, tau = request.units, float(request.tau[0])
        return un.response_factor(_measure(law), law.field_order, self.record.tau_power, dimension, units, tau)

    def _unit(self, dimension: int) -> str:
        return un.unit_name(_measure(self.law), self.law.field_order, dimension, self.request.units)


def _measure(law: TensorLaw) -> un.Measure:
    """What the observable of a law is counted in."""
    return observables.get(law.observable).measure


def _batches(bloch: BlochMatrices, size: int) -> Iterator[BlochMatrices]:
    """The same in pieces of `size` points."""
    for first in range(0, len(bloch), size):
        piece = slice(first, first + size)
        yield bloch.each(lambda X, piece=piece: X[piece])  # type: ignore[misc]


def _cell_volume(system: Any) -> float:
    """Volume, area or length of the cell along the periodic directions, angstrom^d."""
    vectors = system.real_lattice[np.asarray(system.periodic, bool)]
    return float(np.sqrt(np.linalg.det(vectors @ vectors.T)))
