"""A request held against a model: which densities are summed, at which (mu, T), and what becomes of the sums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin import observables
from wannier_spin import responses as resp
from wannier_spin import units as un
from wannier_spin.continuum import Model
from wannier_spin.errors import InputError
from wannier_spin.integrals.densities.channels import variants_name
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.sums import Sums
from wannier_spin.occupation import Occupation
from wannier_spin.readers import way_in
from wannier_spin.request import Request
from wannier_spin.responses.registry import Response
from wannier_spin.results import ResponseTensor, at_site
from wannier_spin.sites import Sites
from wannier_spin.weights import Weight

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Prepared:
    """What a request is on a model. degeneracy_tolerance : eV."""

    model: Model
    request: Request
    plan: Plan
    occupation: Occupation
    degeneracy_tolerance: float

    def by_weight(self) -> tuple[Prepared, ...]:
        """One for each weight that densities have: responses to a field, and to a gradient of T."""
        parts = by_weight(self.plan)
        return tuple(replace(self, plan=part, occupation=self.request.occupation(weight)) for weight, part in parts)

    def with_sites(self, sites: Sites) -> Prepared:
        """The same with spin responses at sites. Raises InputError where no response would be projected on them."""
        plan = replace(self.plan, sites=sites.functions)
        if sites.functions:
            check_sited(plan)
        return replace(self, plan=plan)

    def factor(self, record: Response) -> float:
        """What a combination of blocks of a response is multiplied by, at the first tau."""
        law, request = record.channel_tensor(self.plan.channel), self.request
        measure = observables.get(law.observable).measure
        dimension, tau = self.model.dimension, float(request.tau[0])
        return un.response_factor(measure, law.field_order, record.tau_power, dimension, request.units, tau)

    def tensor(self, record: Response, sums: Sums) -> ResponseTensor:
        """A response out of the sums, in the form that was asked for; the rows of the sums are (mu, T)."""
        return self._tensor(record, sums).at(form=self.request.form, relaxation=self.request.relaxation)

    def tensor_of_rows(self, rows: Real) -> ResponseTensor:
        """The one response of a single request, of sums over k and bands.

        rows : (rows, channels), natural units, rows being what values of mu are elsewhere.
        """
        many = replace(self, request=self.request.repeated(len(rows)))
        raw = many._tensor(self.plan.responses[0], Sums(rows, None, np.empty(0), 0))
        return raw.at(form=self.request.form, relaxation=self.request.relaxation)

    def _tensor(self, record: Response, sums: Sums) -> ResponseTensor:
        total = ResponseTensor(**self._labels(record), **self._numbers(record, sums, None))
        sites = {
            name: replace(
                total,
                name=at_site(record.name, name),
                title=f"{total.title}, {name}",
                **self._numbers(record, sums, i),
            )
            for i, name in enumerate(self.plan.sites_of(record))
        }
        others = {name: replace(total, **self._numbers(record, sums, i)) for i, name in enumerate(self.plan.definitions_of(record))}
        return replace(total, sites=sites, definitions=others)

    def _labels(self, record: Response) -> dict[str, Any]:
        """What a tensor is: names, law, scan, units."""
        plan, request, model = self.plan, self.request, self.model
        law, names = record.channel_tensor(plan.channel), plan.blocks_of(record)
        labelled = record.in_channel(plan.channel)
        return {
            "name": record.name,
            "title": labelled.title,
            "symbol": labelled.symbol,
            "equation": record.equation,
            "law": labelled.law,
            "reference": record.reference,
            "channel": plan.channel,
            "output": law.observable,
            "labels": law.labels,
            "field_order": law.field_order,
            "tau_power": record.tau_power,
            "tau_powers": {name: resp.block(name).tau_power for name in names},
            "time_odd": tuple(name for name in names if resp.time_odd(name)),
            "form": "paper",
            "recipes": plan.recipes(record),
            **request.axes(record.dynamic),
            "units": request.units,
            "drive": law.drive,
            "dimension": model.dimension,
            "thickness": model.thickness,
        }

    def _numbers(self, record: Response, sums: Sums, variant: int | None) -> dict[str, Any]:
        """Blocks and errors of a response, or of one of its variants (a site, a definition of the spin current)."""
        plan, scan = self.plan, (-1, len(self.request.temperature))

        def blocks_of(array: Real) -> dict[str, Real]:
            tensors = {name: plan.block_tensor(array, name, record, variant) for name in plan.blocks_of(record)}
            return {name: np.ascontiguousarray(t.reshape(*scan, *t.shape[1:])) for name, t in tensors.items()}

        def harmonics_of(rows: Iterable[Real]) -> dict[str, Real]:
            found = [blocks_of(row) for row in rows]
            return {block: np.stack([blocks[block] for blocks in found]) for block in found[0]}

        name = record.name if variant is None else variants_name(plan, record)
        places = [plan.places[block] for block in plan.blocks_of(record)]
        difference = np.full_like(sums.fine, np.nan) if sums.difference is None else sums.difference
        replicas = [blocks_of(replica) for replica in sums.replicas]
        return {
            "blocks": blocks_of(sums.fine),
            "block_errors": blocks_of(difference),
            "block_harmonics": None if sums.rows is None else harmonics_of(sums.harmonics_of(name, places)),
            "block_spreads": None if sums.spread is None else blocks_of(sums.spread),
            "block_replicas": {name: np.stack([r[name] for r in replicas]) for name in replicas[0]} if replicas else None,
            "half_counts": sums.rows is not None and name in sums.rows.halves,
            "converged": sums.converged.get(name),
        }


def prepare(model: Model, request: Request) -> Prepared:
    """Hold a request against a model. Raises InputError: no model, one without what the responses need."""
    check_is_model(model)
    if request.carriers is not None:
        raise InputError("carriers are solved for by compute and in input files of run; here give mu, which their results have")
    plan = plan_of(request)
    _check_operators(model, plan)
    wanted = {r.channel_tensor(plan.channel).observable for r in plan.responses}
    if any(set(request.spin_current) & set(observables.definitions(name)) for name in wanted):
        for definition in request.spin_current:
            model.check_spin_current(definition)
        plan = replace(plan, spin_currents=request.spin_current)
    occupation = request.occupation(plan.responses[0].weight)
    given = request.degeneracy_tolerance
    return Prepared(model, request, plan, occupation, model.degeneracy_tolerance if given is None else given)


def plan_of(request: Request) -> Plan:
    """What a request computes on any model, with one definition of the spin current."""
    frequencies = tuple(complex(w, request.broadening) for w in request.omega) if any(r.dynamic for r in request.records) else ()
    return Plan(request.records, request.channel, frequencies, request.form, request.blocks, gap_broadening=request.gap_broadening)


def by_weight(plan: Plan) -> tuple[tuple[Weight, Plan], ...]:
    """The responses of each weight."""
    weights = dict.fromkeys(record.weight for record in plan.responses)
    return tuple((w, replace(plan, responses=tuple(r for r in plan.responses if r.weight is w))) for w in weights)


def check_sited(plan: Plan) -> None:
    """Raise InputError where no response would be projected on sites."""
    if not any(observables.get(record.channel_tensor(plan.channel).observable).local for record in plan.responses):
        local = [r.name for r in resp.RESPONSES.values() if observables.get(r.tensor.observable).local]
        raise InputError(
            f"sites are for responses of the spin (channel 'spin'), and none is asked for: add one of {', '.join(local)}"
        )


def prepare_point(model: Model, request: Request) -> Prepared:
    """The same for one response at one mu, T, tau and frequency, as a mean over the cell in k.

    Raises InputError also for k·p models, whose responses are no means over a cell, for surface terms at 0 K, and for sites.
    """
    check_is_model(model)
    model = model.crystal("its responses are no means over a cell in k; take a crystal")
    prepared = prepare(model, request.single())
    if prepared.plan.has_surface and request.temperature[0] == 0:
        raise InputError(
            f"'{request.responses[0]}' has Fermi-surface terms, which no k-point meets at temperature = 0 K; give a higher one"
        )
    if request.sites is not None:
        raise InputError("sites are for `compute`: what belongs to a band or to a point in k is told for whole responses only")
    return prepared


def check_is_model(model: object) -> None:
    """Raise InputError for what is no model, naming the way to one."""
    if isinstance(model, Model):
        return
    if isinstance(model, str) or hasattr(model, "__fspath__"):
        raise InputError(f"model = {str(model)!r} is a name, not a model: read it first, wannier_spin.open_model({str(model)!r})")
    kind = f"{type(model).__module__.partition('.')[0]}.{type(model).__name__}"
    otherwise = (
        "a Hamiltonian of another program becomes one with wannier_spin.TightBindingModel(lattice, R_vectors, hamiltonian_R, ...); "
        "a path is read with wannier_spin.open_model"
    )
    raise InputError(f"model is a {kind}; expected a TightBindingModel or KPModel of wannier_spin; {way_in(model) or otherwise}")


def _check_operators(model: Model, plan: Plan) -> None:
    for record in plan.responses:
        observable = observables.get(record.channel_tensor(plan.channel).observable)
        model.require(observable.needs, f"'{record.name}' ({observable.title})")
