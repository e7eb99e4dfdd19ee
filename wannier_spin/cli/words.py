"""What commands print: tables, summaries, progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wannier_spin.results import ResponseTensor, ResultSet


def _how(provenance: Any) -> str:
    """Mesh or tolerance."""
    if "tolerance" not in provenance:
        return f"grid {'x'.join(str(n) for n in provenance.get('grid', []))}"
    return f"tolerance {provenance['tolerance']['relative']:g}, {sum(provenance['boxes'])} boxes"


def print_summary(result: ResultSet) -> None:
    """The components of each response nearest the Fermi energy, at the first temperature: independent ones, or the largest."""
    import numpy as np

    p = result.provenance
    first = next(iter(result.values()))
    fermi = p.get("fermi_energy_eV")
    mu = len(first.mu) // 2 if fermi is None else int(np.argmin(np.abs(first.mu - fermi)))
    # relations are known for the form that was computed, the full one being symmetric in the fields
    symmetric = isinstance(p.get("symmetry"), dict) and first.form == p.get("form")
    print(f"{p.get('model')}: {_how(p)}, spin current '{p.get('spin_current')}', ", end="")
    print(
        f"form {_form(first)}, {p.get('k_points_evaluated')} k-points on {p.get('ranks')} rank(s), {p.get('wall_seconds', 0):.1f} s"
    )
    if symmetric:
        s = p["symmetry"]
        residual = 1e3 * s["band_residual_eV"]
        print(f"magnetic group {s['bns_number']} ({s['operations']} point operations), bands keep it to {residual:.2g} meV")
    if "symmetrized" in p.get("model_source", {}):
        print(f"model {p['model_source']['symmetrized']}")
    taus = f", tau = {first.tau[0]:g} {'fs' if first.units == 'SI' else 'hbar/eV'}"
    what = "independent" if symmetric else "largest"
    energy = f"mu = {first.mu[mu]:.4f} eV" + ("" if fermi is None else f" (mu - E_F = {first.mu[mu] - fermi:+.4f})")
    print(f"{what} components at {energy}, T = {first.temperature[0]:g} K{taus}:")
    rows = [row for tensor in result.values() for row in _summary_rows(tensor, mu, p.get("symmetry") if symmetric else None)]
    print(table(("response", "component", "value", "error", "unit"), rows))
    sites = {site: None for tensor in result.values() for site in tensor.sites}
    if sites:
        print(f"spin responses are also there on the sites {', '.join(sites)}: --site NAME, --staggered NAME NAME")
    for tensor in result.values():
        if any(tensor.definition_spread.values()):
            spread = ", ".join(f"{100 * change:.2g} % ({name})" for name, change in tensor.definition_spread.items())
            print(f"{tensor.name}: other definitions of the spin current differ by up to {spread} of the largest value")
    for message in result.warnings:
        print(f"warning: {message}")


def _summary_rows(tensor: ResponseTensor, mu: int, symmetry: Any) -> list[tuple[str, ...]]:
    """One row for the largest component, or one for each independent component where the symmetry is known."""
    import numpy as np

    values, errors = tensor.values[mu, 0], tensor.error[mu, 0]
    dynamic = bool(len(tensor.omega))

    def row(index: tuple[Any, ...], relations: str = "") -> tuple[str, ...]:
        bar = "not estimated" if np.isnan(errors[index]) else f"{errors[index]:.1e}"
        name = relations or _component_name(tensor, index)
        return tensor.name, name, f"{values[index]: .6e}", bar, tensor.unit

    if not isinstance(symmetry, dict) or dynamic or tensor.name not in symmetry["forms"]:
        return [row(tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(values)), values.shape)))]
    groups = {group.split(" = ")[0]: group for group in symmetry["forms"][tensor.name].split(", ")}
    if tensor.name not in symmetry["independent"] or not symmetry["independent"][tensor.name]:
        return [(tensor.name, "all", " 0", "", "forbidden by symmetry")]
    names = symmetry["independent"][tensor.name].split()
    return [row(tuple("xyz".index(x) for x in name.replace(";", "")), groups.get(name, name)) for name in names]


def _form(tensor: ResponseTensor) -> str:
    return f"'{tensor.form}'" + (f" with relaxation '{tensor.relaxation}'" if tensor.relaxation else "")


def _component_name(tensor: ResponseTensor, index: tuple[Any, ...]) -> str:
    from wannier_spin.components import component_name

    name = component_name(tensor, index[-len(tensor.labels) :])
    if not len(tensor.omega):
        return name
    return f"{name} {tensor.parts[index[1]]} {tensor.omega[index[0]]:g} eV"


def print_component(tensor: ResponseTensor, component: str) -> None:
    """One component over the whole scan."""
    values, errors = tensor.component(component)
    print(f"# {tensor.name} {component}, {tensor.unit}")
    dynamic = ("omega/eV", "part") if len(tensor.omega) else ()
    rows = []
    for index, value in _enumerate(values):
        where = [f"{tensor.mu[index[0]]:.6f}", f"{tensor.temperature[index[1]]:g}"]
        where += [f"{tensor.omega[index[2]]:g}", tensor.parts[index[3]]] if dynamic else []
        rows.append((*where, f"{value: .9e}", f"{errors[index]:.1e}"))
    print(table(("mu/eV", "T/K", *dynamic, "value", "error"), rows))


def _enumerate(values: Any) -> list[tuple[tuple[int, ...], float]]:
    import numpy as np

    return [(index, float(value)) for index, value in np.ndenumerate(values)]


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns of text, readable in a log file."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)
