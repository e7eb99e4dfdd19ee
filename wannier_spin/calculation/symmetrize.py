"""Symmetry of a calculation: is the group the model's, irreducible k-points before, projection after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import observables
from wannier_spin import responses as resp
from wannier_spin.continuum import Model
from wannier_spin.described import described
from wannier_spin.errors import InputError
from wannier_spin.integrals.densities.kinds import block_kind, response_kinds
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.model import Structure, TightBindingModel
from wannier_spin.responses.registry import Response
from wannier_spin.results import ResponseTensor, SymmetryFacts, at_site
from wannier_spin.sites import atom_names
from wannier_spin.symmetry import (
    AllowedTensor,
    MagneticGroup,
    Operation,
    SiteGroup,
    TensorKind,
    allowed,
    atom_group,
    check_axis,
    format_table,
    group_violation,
    project,
    project_bound,
    symmetry_group,
    table_one,
)
from wannier_spin.symmetry.spin_frame import spin_frame

Real = NDArray[np.float64]
Projection = Callable[[Real, str], Real]  # of arrays (tensor of the list, ...), by name of the block
LATTICE_TOLERANCE = 1e-3  # angstrom
BAND_RESIDUAL = 0.05  # eV, rms; the four real models of example_inputs are at 0.0011 and below
ZEEMAN_RESIDUAL = 0.3  # relative; those models are at 0.015 and below, wrong moments of Fe and Mn2Au at 0.6 and above
SPIN_RESIDUAL = 0.3  # rms of <sigma>; those models are at 0.0034 and below, Fe without its moment at 0.8


@dataclass(frozen=True)
class VerifiedGroup:
    """A magnetic group and how far the model is from having it: rms over sampled k, operations and bands."""

    group: MagneticGroup
    energy_residual: float
    spin_residual: float

    def facts(self, plan: Plan, sites: SiteGroup | None = None) -> SymmetryFacts:
        """What is written into a result: the group, how well the model has it, and the form of each tensor."""
        g = self.group
        full = plan.form == "full"
        kinds = [response_kinds(record, full, plan.channel) for record in plan.responses]
        forms = {name: allowed(kind, g.point_operations) for found in kinds for name, kind in found.items()}
        if sites is not None:
            forms |= site_forms([record for record in plan.responses if plan.sites_of(record)], full, sites)
        return SymmetryFacts(
            space_group=g.space_group,
            bns_number=g.bns_number,
            uni_number=g.uni_number,
            operations=len(g.point_operations),
            has_inversion=g.has_inversion,
            has_time_reversal=g.has_time_reversal,
            has_pt=g.has_pt,
            band_residual=self.energy_residual,
            spin_residual=self.spin_residual,
            forms=forms,
        )


def verified_group(model: Model, structure: Structure | None, degeneracy_tolerance: float) -> VerifiedGroup | None:
    """The magnetic group of the structure, held against bands and spins of the model at some k and their images; without
    spin-orbit coupling (of the structure, or of a model with a spin axis) the spin group.

    Raises InputError where it is not the model's group: a wrong one would project away what is there.
    """
    if structure is None:
        return None
    if not isinstance(structure, Structure):
        raise InputError(f"symmetry = {structure!r}, expected a Structure: read_structure('file') makes one")
    model = model.crystal("symmetry needs a crystal, which it has not")
    if np.abs(structure.lattice - model.lattice).max() > LATTICE_TOLERANCE:
        raise InputError(
            f"the lattice vectors of the structure differ from those of model '{model.name}' by up to "
            f"{np.abs(structure.lattice - model.lattice).max():.3g} angstrom; give the structure in the cell of the Wannier90 run"
        )
    structure = replace(structure, spin_orbit=structure.spin_orbit and model.spin_axis is None)
    if model.spin_axis is not None:
        check_axis(structure, model.spin_axis)
    group = symmetry_group(structure)
    violation = group_violation(model, group.operations, degeneracy_tolerance)
    energies, spins, zeeman = violation["bands_meV"] / 1e3, violation.get("spin", 0.0), violation.get("zeeman", 0.0)
    if energies <= BAND_RESIDUAL and (fault := about_spin_matrices(model, group.operations, degeneracy_tolerance)):
        other = f"; or {_about_moments(structure)}" if structure.magnetic_moments.any() else ""
        raise InputError(f"model '{model.name}': {fault}; correct the file that they come from (or its converter){other}")
    if energies > BAND_RESIDUAL or spins > SPIN_RESIDUAL or zeeman > ZEEMAN_RESIDUAL:
        name = f"magnetic group {group.bns_number}" if structure.spin_orbit else group.bns_number
        raise InputError(
            f"model '{model.name}' does not have the {name} of the structure: bands at equivalent k differ by {1e3 * energies:.3g} "
            f"meV rms, spins by {spins:.3g}, the Zeeman metric by {100 * zeeman:.3g} %; {_about_moments(structure)}"
        )
    return VerifiedGroup(group, energies, spins)


def about_spin_matrices(model: TightBindingModel, operations: Sequence[Operation], degeneracy_tolerance: float) -> str:
    """What is wrong with the components of the spin matrices, where the crystal proves that; else empty."""
    frame = spin_frame(model, operations, degeneracy_tolerance) if model.spin_axis is None else None
    return "" if frame is None or frame.fits or not frame.others else frame.told()


def _about_moments(structure: Structure) -> str:
    where = "symmetry.magnetic_moments of the input file, or magnetic_moments of read_structure"
    if structure.magnetic_moments.any():
        return f"are the magnetic moments right (size, direction, order of the atoms)? They are {where}"
    return f"are the magnetic moments right? The structure has none; give them, in mu_B: {where}"


def symmetrized(
    raw: ResponseTensor, record: Response, operations: Sequence[Operation], keep_residual: bool, sites: SiteGroup | None = None
) -> ResponseTensor:
    """Every block projected on what the group allows, those of sites together; what is removed is kept on demand."""

    def kind(name: str) -> TensorKind:
        return block_kind(record, raw.channel, name)

    (total,) = _projected(
        [raw],
        lambda X, name: project(X, kind(name), operations),
        lambda X, name: project_bound(X, kind(name), operations),
        keep_residual,
    )
    others = {name: symmetrized(other, record, operations, keep_residual) for name, other in raw.definitions.items()}
    total = replace(total, definitions=others)
    if sites is None or not raw.sites:
        return total
    at_sites = _projected(
        list(raw.sites.values()),
        lambda X, name: sites.project(X, kind(name)),
        lambda X, name: sites.project_bound(X, kind(name)),
        keep_residual,
    )
    return replace(total, sites=dict(zip(raw.sites, at_sites, strict=True)))


def _projected(raw: Sequence[ResponseTensor], values: Projection, bounds: Projection, keep_residual: bool) -> list[ResponseTensor]:
    """Tensors projected together, their arrays stacked on a first axis."""
    projections = {
        "blocks": values,
        "block_errors": values,
        "block_spreads": bounds,
        "block_replicas": values,
        "block_harmonics": values,
    }
    changes: list[dict[str, Any]] = [{} for _ in raw]
    for key, projection in projections.items():
        stored = [getattr(tensor, key) for tensor in raw]
        for name in stored[0] or {}:
            whole = projection(np.stack([blocks[name] for blocks in stored]), name)
            for change, X in zip(changes, whole, strict=True):
                change.setdefault(key, {})[name] = X
    for tensor, change in zip(raw, changes, strict=True):
        if keep_residual:
            change["block_residuals"] = {name: X - change["blocks"][name] for name, X in tensor.blocks.items()}
    return [replace(tensor, **change) for tensor, change in zip(raw, changes, strict=True)]


def site_forms(records: Iterable[Response], symmetric_fields: bool, sites: SiteGroup) -> dict[str, AllowedTensor]:
    """What symmetry leaves of spin responses at sites, by the names that `ResponseTensor` gives them: at each site, and of sum
    and difference for pairs that an operation exchanges.
    """
    forms: dict[str, AllowedTensor] = {}
    pairs = [(i, j) for i in range(len(sites.names)) for j in range(i) if sites.exchanged(i, j)]
    for record in records:
        for key, kind in response_kinds(record, symmetric_fields).items():
            name, _, part = key.partition(" ")
            end = f" {part}" if part else ""
            forms |= {f"{at_site(name, site)}{end}": sites.form(kind, i) for i, site in enumerate(sites.names)}
            for second, first in pairs:
                names, pair = (sites.names[first], sites.names[second]), sites.pair_forms(kind, first, second)
                forms |= {f"{at_site(name, '+'.join(names))}{end}": pair.uniform}
                forms |= {f"{at_site(name, '-'.join(names))}{end}": pair.staggered}
    return forms


@described()
@dataclass(frozen=True)
class SymmetryReport:
    """What symmetry leaves of the responses: group, Table I, and the form of each response's tensor (full form).

    forms : response -> allowed tensor; a dynamic response has two ("name cos", "name sin"), see `response_kinds`.
    survives : geometric quantity -> whether P, T and P*T (those that the group has) allow it.
    """

    group: MagneticGroup
    table: Mapping[str, Mapping[str, int]]
    survives: Mapping[str, bool]
    forms: Mapping[str, AllowedTensor]

    def table_text(self) -> str:
        """Table I, and a line that says which quantities survive here."""
        kept = [quantity for quantity, allowed_here in self.survives.items() if allowed_here]
        return f"{format_table(self.table)}\nallowed by P, T and PT of this material: {', '.join(kept) or 'none'}"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        forms = {name: {"independent": form.independent, "relations": form.relations} for name, form in self.forms.items()}
        names = ("uni_number", "bns_number", "msg_type", "space_group", "has_inversion", "has_time_reversal", "has_pt")
        group = {name: getattr(self.group, name) for name in names}
        group["operations"] = len(self.group.point_operations)
        return {"group": group, "table": self.table, "survives": self.survives, "responses": forms}


def symmetry_report(structure: Structure, sites: bool = False) -> SymmetryReport:
    """Everything that follows from a structure with its moments. Raises InputError where spglib finds no group.

    sites : with the forms of the spin responses at each atom, and of sums and differences of atoms that are exchanged.
    """
    group = symmetry_group(structure)
    kinds = {
        name: kind for record in resp.RESPONSES.values() for name, kind in response_kinds(record, symmetric_fields=True).items()
    }
    forms = {name: allowed(kind, group.point_operations) for name, kind in kinds.items()}
    if sites:
        local = [record for record in resp.RESPONSES.values() if observables.get(record.tensor.observable).local]
        forms |= site_forms(local, True, atom_group(structure, group, atom_names(structure)))
    table = computed_table()
    present = [name for name, found in (("P", group.has_inversion), ("T", group.has_time_reversal), ("PT", group.has_pt)) if found]
    survives = {quantity: all(signs[name] > 0 for name in present) for quantity, signs in table.items()}
    return SymmetryReport(group, table, survives, forms)


def computed_table() -> dict[str, dict[str, int]]:
    """Table I of the paper, from the registry of responses."""
    governed: dict[str, list[TensorKind]] = {}
    for record in resp.RESPONSES.values():
        for quantity, kind in zip(record.geometry, response_kinds(record).values(), strict=bool(record.geometry)):
            governed.setdefault(quantity, []).append(kind)
    return table_one(governed)
