"""What commands print of results: summaries, one component over a scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wannier_spin.cli.terminal import print_table, say

if TYPE_CHECKING:
    from wannier_spin.results import ResponseTensor, ResultSet


def print_summary(result: ResultSet) -> None:
    """The components of each response nearest the Fermi energy, at the first temperature: independent ones, or the largest."""
    from wannier_spin.results.show import advice, not_finite, spot_lines

    say("\n".join(_head(result)))
    rows = [row for tensor in result.values() for row in _summary_rows(tensor, result)]
    print_table(("response", "component", "value(bar)", "over the scan", "unit"), rows)
    say("\n".join((advice(result), *spot_lines(result.facts))))
    sites = {site: None for tensor in result.values() for site in tensor.sites}
    if sites:
        say(f"spin responses are also there on the sites {', '.join(sites)}: --site NAME, --staggered NAME NAME")
    for tensor in result.values():
        if any(tensor.definition_spread.values()):
            spread = ", ".join(f"{100 * change:.2g} % ({name})" for name, change in tensor.definition_spread.items())
            say(f"{tensor.name}: other definitions of the spin current differ by up to {spread} of the largest value")
    lost = [f"{name}: {not_finite(tensor)}" for name, tensor in result.items() if not_finite(tensor)]
    for message in (*lost, *result.warnings):
        say(f"warning: {message}")


def _head(result: ResultSet) -> list[str]:
    """Model, mesh or tolerance, symmetry, and where the table stands."""
    from wannier_spin.results.arrays import near_fermi
    from wannier_spin.results.show import form_text

    facts, first = result.facts, next(iter(result.values()))
    seconds = facts.wall_seconds or 0.0
    made = f"{facts.k_points} k-points on {facts.ranks} rank(s), {seconds:.1f} s"
    operator = "" if first.channel == "charge" else f"spin current '{facts.spin_current}', "
    lines = [f"{facts.model}: {facts.how()}, {operator}form {form_text(first)}, {made}"]
    group = facts.symmetry if first.form == facts.form else None  # relations are known for the form that was computed
    if group is not None:
        residual = f"bands keep it to {1e3 * group.band_residual:.2g} meV"
        lines.append(f"{group.title} ({group.operations} point operations), {residual}")
    if "symmetrized" in facts.model_source:
        lines.append(f"model {facts.model_source['symmetrized']}")
    lines += _of_charge(result)
    what = "largest" if group is None else "independent"
    lines.append(
        f"{what} components at {near_fermi(first, facts)}, T = {first.temperature[0]:g} K, tau = {first.tau[0]:g} {first.tau_unit}:"
    )
    return lines


def _of_charge(result: ResultSet) -> list[str]:
    """What responses are in the channel "charge", those that are one there together."""
    from wannier_spin.responses import get

    found: dict[str, list[str]] = {}
    for tensor in result.values():
        if tensor.channel == "charge":
            found.setdefault(get(tensor.name).known_of_charge or "response without a usual name", []).append(tensor.name)
    return [f"channel charge: {', '.join(names)} is the {known}" for known, names in found.items()]


def _summary_rows(tensor: ResponseTensor, result: ResultSet) -> list[tuple[str, ...]]:
    """One row for each independent component, or for the largest one; how good all of them are stands in the first."""
    from wannier_spin.results import is_forbidden
    from wannier_spin.results.show import brief, entries

    if is_forbidden(tensor, result.facts):
        return [(tensor.name, "all", "0", "", "forbidden by symmetry")]
    found = entries(tensor, result.facts)
    if not found:
        return [(tensor.name, "all", "0", brief(tensor), tensor.unit)]
    about = [brief(tensor), *[""] * (len(found) - 1)]
    return [(tensor.name, entry.name, entry.text, said, entry.unit) for entry, said in zip(found, about, strict=True)]


def print_component(tensor: ResponseTensor, component: str) -> None:
    """One component over the whole scan."""
    import numpy as np

    from wannier_spin.results.show import not_finite

    values, errors = tensor.component(component)
    say(f"# {tensor.name} {component}, {tensor.unit}")
    dynamic = ("omega/eV", "part") if len(tensor.omega) else ()
    rows = []
    for index, value in np.ndenumerate(values):
        mu = tensor.mu[index[0]] if tensor.carriers_mu is None else tensor.carriers_mu[index[:2]]
        where = [] if tensor.carriers is None else [f"{tensor.carriers[index[0]]:g}"]
        where += [f"{mu:.6f}", f"{tensor.temperature[index[1]]:g}"]
        where += [f"{tensor.omega[index[2]]:g}", tensor.parts[index[3]]] if dynamic else []
        rows.append((*where, f"{value + 0.0: .9e}", "no-estimate" if np.isnan(errors[index]) else f"{errors[index]:.1e}"))
    first = () if tensor.carriers is None else (f"carriers/{tensor.carriers_unit}",)
    print_table((*first, "mu/eV", "T/K", *dynamic, "value", "error"), rows)
    if not_finite(tensor):
        say(f"warning: {not_finite(tensor)}")
