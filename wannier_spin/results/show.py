"""What a result comes to, in a few lines: for `repr`, for notebooks, and for the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.components import Group, component_index
from wannier_spin.results.arrays import fermi_position, from_fermi
from wannier_spin.results.choose import first_largest, groups, independent, is_forbidden
from wannier_spin.results.facts import RunFacts
from wannier_spin.results.numbers import NO_ESTIMATE, with_bar
from wannier_spin.results.select import VARIANTS
from wannier_spin.results.set import ResultSet
from wannier_spin.results.tensor import ResponseTensor

Real = NDArray[np.float64]
ROUNDING = 1e-12  # of the largest value
FEW = 8  # responses in a repr
WIDE = 60  # letters of a list of names
GOOD = 0.05  # of the largest component: a bar of a mesh below this is called small


@dataclass(frozen=True)
class Entry:
    """One number of a result. index : its place in `values`.

    component : "xy;z". others : what equals it, " = -yx;z". where : of a dynamic response "cos 0.1 eV".
    """

    response: str
    component: str
    others: str
    where: str
    index: tuple[int, ...]
    value: float
    error: float
    unit: str

    @property
    def short_name(self) -> str:
        """The component, with part and frequency."""
        return f"{self.component} {self.where}".rstrip()

    @property
    def name(self) -> str:
        """With all that equals it."""
        return f"{self.component}{self.others} {self.where}".rstrip()

    @property
    def text(self) -> str:
        """Value and error, "2.29(3)e5"."""
        return with_bar(self.value, self.error)


def entries(tensor: ResponseTensor, facts: RunFacts) -> tuple[Entry, ...]:
    """The independent components near the Fermi energy at the first temperature, of a spectrum each part where it is largest.

    Where symmetry does not tell, the largest component alone. None: forbidden by symmetry, or zero.
    """
    place = (fermi_position(tensor, facts), 0)
    return tuple(e for e in _entries(tensor, facts, place) if not _is_noise(tensor, e))


def _entries(tensor: ResponseTensor, facts: RunFacts, place: tuple[int, int]) -> tuple[Entry, ...]:
    if not len(tensor.omega):
        found = independent(tensor, facts)
        chosen = _largest(tensor, groups(tensor, facts), place) if found is None else found
        return tuple(entry(tensor, (*place, *group.index), group) for group in chosen)
    found_entries = []
    for part in range(len(tensor.parts)):
        found = independent(tensor, facts, part)
        for group in _largest(tensor, groups(tensor, facts, part), place, part) if found is None else found:
            along: Any = (*place, slice(None), part, *group.index)
            omega = first_largest(np.nan_to_num(np.abs(tensor.values[along]), posinf=0.0))
            found_entries.append(entry(tensor, (*place, omega, part, *group.index), group))
    return tuple(found_entries)


def _is_noise(tensor: ResponseTensor, e: Entry) -> bool:
    """Whether a component is zero up to rounding over the whole scan: a part that is there for one T parity only."""
    index: Any = (..., *component_index(e.component))
    values = tensor.values[index]
    of_part = values[:, :, :, e.index[3]] if len(tensor.omega) else values
    return bool(np.abs(of_part).max() <= ROUNDING * np.nan_to_num(np.abs(tensor.values), posinf=0.0).max())


def _largest(tensor: ResponseTensor, found: Sequence[Group], place: tuple[int, int], part: int = 0) -> tuple[Group, ...]:
    """The one that is largest at this mu and temperature."""

    def size(group: Group) -> float:
        index: Any = (*place, *((slice(None), part) if len(tensor.omega) else ()), *group.index)
        return float(np.abs(np.nan_to_num(tensor.values[index], posinf=0.0, neginf=0.0)).max())

    return (found[first_largest([size(group) for group in found])],) if found else ()


def entry(tensor: ResponseTensor, index: tuple[int, ...], group: Group | None = None) -> Entry:
    """The number at a place of `values`."""
    name, _, where = tensor.component_name(index).partition(" ")
    others = "" if group is None else str(group).removeprefix(name)
    return Entry(tensor.name, name, others, where, index, float(tensor.values[index]), float(tensor.error[index]), tensor.unit)


def largest_bar(tensor: ResponseTensor) -> float:
    """The largest error over the largest value, both over the whole scan; NaN where no error was estimated, or all is zero."""
    values, errors = np.abs(tensor.values), tensor.error
    known = np.isfinite(values) & np.isfinite(errors)
    scale = values[known].max(initial=0.0)
    return float(errors[known].max() / scale) if scale > 0 else float("nan")


def state(tensor: ResponseTensor) -> str:
    """Of a mesh and of a tolerance alike: how large the error bars are, and whether that is what was asked for."""
    bar = brief(tensor)
    said = bar.replace(" %", " % of the largest value") if bar.endswith("%") else bar
    return "; ".join(words for words in (said.replace("bars", "bars up to"), not_finite(tensor)) if words)


def brief(tensor: ResponseTensor) -> str:
    """The same for a table: "bars 3 %" of the largest value, "converged, bars 2 %"."""
    bar = largest_bar(tensor)
    if np.isnan(bar):
        said = NO_ESTIMATE if np.isnan(tensor.error).any() else "zero"
    else:
        said = f"bars {percent(bar)}"
    return said if tensor.converged is None else f"{'converged' if tensor.converged else 'NOT converged'}, {said}"


def percent(bar: float) -> str:
    """Two digits, all of those in front of the point, where it is not that the values are rounding."""
    return f"{100 * bar:.0f} %" if 0.1 <= bar < 1e4 else f"{100 * bar:.2g} %"


def not_finite(tensor: ResponseTensor) -> str:
    """How many values are infinite or not a number, in words; empty where none are."""
    lost = int((~np.isfinite(tensor.values)).sum())
    return f"{lost} of {tensor.values.size} values are not finite" if lost else ""


def advice(result: ResultSet) -> str:
    """Whether the numbers can be taken as they are, and what to do where not."""
    unfinished = [name for name, tensor in result.items() if tensor.converged is False]
    if unfinished:
        return f"NOT converged: {', '.join(unfinished)}; allow more (max_evaluations, max_seconds), or a larger tolerance"
    if all(tensor.converged for tensor in result.values()):
        where = "" if result.facts.tolerance is None else f" {result.facts.tolerance.where}".rstrip()
        return f"converged: all bars are within the tolerance{where}"
    bars = {name: largest_bar(t) for name, t in result.items() if not is_forbidden(t, result.facts)}
    if not bars:
        return "zero by symmetry: nothing to converge"
    unknown = [name for name, t in result.items() if np.isnan(t.error).any()]
    if unknown:
        return f"{NO_ESTIMATE} of the error of {_listed(unknown)}: take even numbers of k-points, or a tolerance"
    large = {name: bar for name, bar in bars.items() if bar > GOOD}
    if not large:
        return f"converged within {100 * GOOD:g} %: all bars are smaller than that, relative to the largest value of the scan"
    worst = list(large)[first_largest(list(large.values()))]
    about = f"bars up to {percent(large[worst])} of its largest value{_where_large(result[worst], result.facts)}"
    return (
        f"NOT converged within {100 * GOOD:g} %: {_listed(list(large))} ({f'{worst}: ' if len(large) > 1 else ''}{about}); take a "
        "denser grid, a tolerance, or a higher temperature"
    )


def spot_lines(facts: RunFacts) -> tuple[str, ...]:
    """The small gaps that were cut out of the meshes of a run within a tolerance: where, and what each took."""
    return tuple(f"hot spot {number}: {words}" for number, words in facts.notes.get("hot_spots", {}).items())


def _where_large(tensor: ResponseTensor, facts: RunFacts) -> str:
    """At how many mu of a scan bars are larger than GOOD, and where the largest one is; empty without a scan."""
    if len(tensor.values) < 2:
        return ""
    error, values = np.nan_to_num(tensor.error), np.nan_to_num(np.abs(tensor.values), posinf=0.0)
    bars = error.reshape(len(error), -1).max(axis=1) / values.max()
    place = first_largest(bars)
    distance = from_fermi(tensor, facts) if tensor.carriers is None else None
    at = place_text(tensor, place) if distance is None else f"mu - E_F = {distance[place]:+.3g} eV"
    return f", at {at}; {int((bars > GOOD).sum())} of {len(bars)} mu have more than {100 * GOOD:g} %"


def _listed(names: Sequence[str]) -> str:
    """As many as fit, and how many others."""
    text = ", ".join(names)
    if len(text) <= WIDE:
        return text
    shown = [name for i, name in enumerate(names) if len(", ".join(names[: i + 1])) <= WIDE]
    return f"{', '.join(shown)} and {len(names) - len(shown)} more"


def scan_text(tensor: ResponseTensor, facts: RunFacts | None = None) -> str:
    """The axes: "41 mu from 16.6 to 18.6 eV, T = 300, 600 K"."""
    words = [_axis("mu", tensor.mu, "eV"), _axis("T", tensor.temperature, "K")]
    if tensor.carriers is not None and tensor.carriers_mu is not None and tensor.carriers_mu_error is not None:
        words[0] = (
            f"{_axis('carriers', tensor.carriers, str(tensor.carriers_unit))} ({_axis('mu', tensor.carriers_mu.ravel(), 'eV')}"
        )
        words[0] += f" within {tensor.carriers_mu_error.max():.2g} eV)"
    if len(tensor.omega):
        words.append(_axis("omega", tensor.omega, "eV"))
    words.append(_axis("tau", np.array(tensor.tau), tensor.tau_unit))
    if facts is not None and facts.fermi_energy is not None:
        words.append(f"E_F = {facts.fermi_energy:g} eV")
    return ", ".join(words)


def place_text(tensor: ResponseTensor, index: int) -> str:
    """A place along the first axis: "mu = 1.2 eV", "carriers = 0.01 cell, mu = 1.2 eV" (at the first temperature)."""
    if tensor.carriers is None or tensor.carriers_mu is None:
        return f"mu = {tensor.mu[index]:g} eV"
    return f"carriers = {tensor.carriers[index]:g} {tensor.carriers_unit}, mu = {tensor.carriers_mu[index, 0]:g} eV"


def _axis(name: str, values: Real, unit: str) -> str:
    if len(values) <= 3:
        return f"{name} = {', '.join(f'{x:g}' for x in values)} {unit}"
    return f"{len(values)} {name} from {values.min():g} to {values.max():g} {unit}"


def form_text(tensor: ResponseTensor) -> str:
    """The form, and the relaxation model of a full one."""
    return f"'{tensor.form}'" + (f" with relaxation '{tensor.relaxation}'" if tensor.relaxation else "")


def tensor_text(tensor: ResponseTensor) -> str:
    """The repr of a response."""
    shape = " x ".join(map(str, tensor.values.shape))
    lines = [
        f"ResponseTensor '{tensor.name}': {tensor.title}, {tensor.symbol}, Eq. {tensor.equation}, form {form_text(tensor)}",
        f"  values ({shape}) over {', '.join(tensor.axes)}, in {tensor.unit}",
        f"  {scan_text(tensor)}",
    ]
    largest = entries(tensor, RunFacts())
    if largest:
        numbers = "; ".join(f"{e.short_name} = {e.text}" for e in largest)
        lines.append(f"  largest at {place_text(tensor, largest[0].index[0])}, T = {tensor.temperature[0]:g} K: {numbers}")
    lines.append(f"  {state(tensor)}; blocks {', '.join(tensor.blocks)}")
    for key in VARIANTS:
        variants = getattr(tensor, key)
        lines += [f"  {key}: {_listed(list(variants))}"] if variants else []
    return "\n".join(lines)


def result_text(result: ResultSet) -> str:
    """The repr of a result."""
    if not result:
        return "ResultSet: empty"
    facts, first = result.facts, next(iter(result.values()))
    group = f", {facts.symmetry.title}" if facts.symmetry else ""
    lines = [f"ResultSet of '{facts.model}': {len(result)} responses, {facts.how()}{group}", f"  {scan_text(first, facts)}"]
    allowed = [tensor for tensor in result.values() if not is_forbidden(tensor, facts)]
    for tensor in allowed[:FEW]:
        numbers = entries(tensor, facts)
        text = "zero" if not numbers else f"{_top(numbers).short_name} = {_top(numbers).text} {tensor.unit}"
        lines.append(f"  {tensor.name}: {text}")
    if len(allowed) > FEW:
        lines.append(f"  and {_listed([tensor.name for tensor in allowed[FEW:]])}")
    forbidden = [name for name, tensor in result.items() if is_forbidden(tensor, facts)]
    lines += [f"  forbidden by symmetry: {_listed(forbidden)}"] if forbidden else []
    lines.append(f"  {advice(result)}")
    lines += [f"  {len(result.warnings)} warning(s): see `warnings`"] if result.warnings else []
    return "\n".join(lines)


def _top(numbers: Iterable[Entry]) -> Entry:
    found = list(numbers)
    return found[first_largest([abs(e.value) if np.isfinite(e.value) else 0.0 for e in found])]
