"""What makes numbers worth less than they look: told to the user, and noted in the result."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterable, Iterator

import numpy as np

from wannier_spin.continuum import Model
from wannier_spin.errors import AccuracyWarning, InputError
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integrals.sums import NEAR_FERMI, Minima, Sums
from wannier_spin.occupation import Occupation
from wannier_spin.prepared import Prepared
from wannier_spin.readers import fitness_warnings
from wannier_spin.request import Request
from wannier_spin.results import ResultSet
from wannier_spin.results.arrays import place

NO_BROADENING = 1e-5  # eV: no mesh has states so dense that a resonance of this width is met


def warn(prepared: Prepared, sums: Sums) -> None:
    """Tell what makes the numbers worth less than they look, and note it."""
    model, plan, occupation = prepared.model, prepared.plan, prepared.occupation
    m = Minima.of(sums.minima, occupation.shape[0])
    sums.notes.update(lowest_energy_eV=float(m.lowest), highest_energy_eV=float(m.highest))
    about = (_about_energies(model, plan, occupation, m, sums), _about_responses(model, plan, occupation, m), _uncertain(sums))
    caution(itertools.chain(fitness_warnings(model.source), _without_frequencies(prepared.request), *about))
    if plan.frequencies:
        sums.notes["lowest_transition_eV"] = float(m.transition)
    if _has_intrinsic(plan):
        sums.notes["smallest_gap_at_fermi_level_eV"] = m.gap_at_mu


def caution(messages: Iterable[str]) -> None:
    """Tell each of them."""
    for message in messages:
        warnings.warn(message, AccuracyWarning, stacklevel=2)


def check_finite(result: ResultSet) -> None:
    """Raise InputError where a value is NaN or infinite: what that is due to is not known here, but nobody must compute with it."""
    for tensor in result.values():
        bad = np.argwhere(~np.isfinite(tensor.values))
        if len(bad):
            raise InputError(
                f"'{tensor.name}' is not a finite number at {len(bad)} of {tensor.values.size} places, first at "
                f"{place(tensor, bad[0])}, index {bad[0].tolist()}: no result is given; look for values of omega, broadening, "
                "tau or temperature that are out of all proportion"
            )


def _without_frequencies(request: Request) -> Iterator[str]:
    """What is said of an alternating field where no response is to one."""
    given = [name for name in ("omega", "broadening") if np.any(getattr(request, name))]
    if given and not any(record.dynamic for record in request.records):
        yield (
            f"{' and '.join(given)} {'have' if len(given) > 1 else 'has'} no part in {', '.join(r.name for r in request.records)}: "
            "the field is static there, and temperature alone smears; gap_broadening widens the gaps of second order, and "
            "displacement_spin_current, ac_spin_current and their like are responses to an alternating field"
        )


def _uncertain(sums: Sums) -> Iterator[str]:
    """Responses that are not within their tolerance; a mesh that says nothing of its error."""
    if sums.difference is None and sums.rows is None and not sums.converged:
        yield "the mesh has one point along every direction: no error can be estimated, `error` is NaN; take a mesh"
    excess = sums.notes.get("error_over_tolerance", {})
    found = [f"{name} ({excess[name]:.2g} times its tolerance)" for name, converged in sums.converged.items() if not converged]
    if found:
        where = [f"; the largest bar of {name} is at {place}" for name, place in sums.notes.get("kept_open", {}).items()]
        yield (
            f"not converged after {sums.evaluations} k-points: {', '.join(found)}; `error` says how far the numbers can be "
            "trusted; allow more (max_evaluations, max_seconds), a larger tolerance, a window of mu, or a higher temperature"
            + "".join(where)
        )


def _about_energies(model: Model, plan: Plan, occupation: Occupation, m: Minima, sums: Sums) -> Iterator[str]:
    """mu outside of the bands; a temperature that a mesh cannot resolve (boxes see every Fermi surface)."""
    if not model.bands_end:
        return
    low, high = occupation.span
    if high > m.highest or low < m.lowest:
        yield (
            f"mu goes from {low:.4f} to {high:.4f} eV, and the bands of '{model.name}' on this mesh from {m.lowest:.4f} "
            f"to {m.highest:.4f} eV: outside of them the model has no states; is the Fermi energy right?"
        )
    coldest, unseen = float(occupation.kT.min()), m.unseen(occupation)
    crossed = occupation.along_mu(lambda energies: energies[occupation.crossed(*m.band_ranges)])  # not in gaps
    unknown = np.zeros(0) if sums.rows is None else np.intersect1d(sums.rows.mu_unknown, crossed)
    if plan.has_surface and unseen.any() and sums.on_points:
        yield (
            f"at {unseen.sum()} of {len(unseen)} values of mu no state of the mesh lies within {NEAR_FERMI:g} kT ({coldest:.2g} eV "
            "at the lowest temperature) though bands cross mu: Fermi-surface terms are missed there, and their error bars are "
            f"{'zero or' if len(unknown) else 'made of'} those of other mu; take a denser mesh or a higher temperature"
        )
    elif sums.rows is not None and len(unknown):
        yield (
            f"bands cross mu between the points of the mesh ({unknown[0]:.4f} eV, {len(unknown)} values of mu), and no state at a "
            f"point is near any mu within {sums.rows.step:.2g} eV, by which energies change from one point to the next: neither "
            "the numbers nor their error bars know of that Fermi surface; take a denser mesh, a tolerance, a higher "
            "temperature, or more values of mu about it"
        )


def _about_responses(model: Model, plan: Plan, occupation: Occupation, m: Minima) -> Iterator[str]:
    """Divergences: with the cut-off, at resonances, at small gaps."""
    diverging = any(r.surface for r in plan.responses)
    if diverging and model.sea_diverges:
        yield (
            "the Fermi-sea form of the linear responses of order tau (block L1) diverges with the cut-off of a k·p model, which "
            "is infinite here: add blocks = ('L1surf',) and take at(combination={'L1surf': 1}), or subtract the "
            "value in the gap at the same finite cut-off"
        )
    resonant = [z.real for z in plan.frequencies if z.imag < NO_BROADENING and abs(z.real) >= m.transition]
    if resonant:
        eta = max(z.imag for z in plan.frequencies)
        yield (f"broadening = {eta:g} eV is none on any mesh; " if eta else "") + (
            f"omega = {min(resonant):g} eV and above is not below the lowest transition ({m.transition:.4g} eV on this mesh): "
            "the responses diverge at resonances; give a broadening (eV), or lower frequencies"
        )
    hottest = float(occupation.kT.max())
    close = m.gap_at_mu < hottest
    if _has_intrinsic(plan) and close.any():
        width = plan.gap_broadening
        yield (
            f"at {close.sum()} of {len(close)} values of mu a gap smaller than kT = {hottest:.3g} eV lies within "
            f"{NEAR_FERMI:g} kT of mu (smallest: {m.gap_at_mu.min():.2g} eV): second-order responses of order tau^0 "
            + (
                f"are there what gap_broadening = {width:g} eV leaves of them; compare other values of it"
                if width
                else "scale like 1/gap^4 and are outside perturbation theory there; gap_broadening bounds them"
            )
        )


def _has_intrinsic(plan: Plan) -> bool:
    return any(r.tensor.field_order > 1 and r.tau_power == 0 for r in plan.responses)
