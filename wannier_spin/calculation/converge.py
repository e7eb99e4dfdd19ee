"""One calculation on several meshes, or within several tolerances: how far a number can be trusted, seen rather than estimated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wannier_spin.calculation.open_model import Inputs
from wannier_spin.calculation.run import run_model
from wannier_spin.calculation.spacing import default_grid
from wannier_spin.components import component_index, has_component
from wannier_spin.config import GridSection, Settings, ToleranceSection
from wannier_spin.errors import InputError
from wannier_spin.integration.parallel import SERIAL, Communicator
from wannier_spin.results import ResultSet
from wannier_spin.results.arrays import fermi_position
from wannier_spin.results.choose import first_largest
from wannier_spin.results.show import GOOD, Entry, entries, entry

Real = NDArray[np.float64]
STEPS = 3  # of a scan that is not told
LEAST = 4  # points along the longest axis
Step = tuple[str, Settings]


@dataclass(frozen=True)
class Convergence:
    """One component of a response over the steps: values, errors in `unit`, (step,); NaN: no error was estimated.

    labels : of the steps, "24x24x24" or "tolerance 0.01"; points (step,) : k-points that were evaluated.
    """

    response: str
    title: str
    component: str
    unit: str
    labels: tuple[str, ...]
    points: NDArray[np.int64]
    values: Real
    errors: Real

    @property
    def changes(self) -> Real:
        """From each step to the last, relative to the last value: (step,)."""
        last = abs(float(self.values[-1]))
        return np.abs(self.values - self.values[-1]) / last if last else np.abs(self.values)

    @property
    def converged(self) -> bool:
        """Whether the last bar, and the last change, are small beside the last value."""
        bar = float(np.nan_to_num(self.errors[-1], nan=0.0))
        last = abs(float(self.values[-1]))
        return bool(last > 0 and bar <= GOOD * last and (len(self.values) < 2 or self.changes[-2] <= GOOD))

    @property
    def honest(self) -> bool:
        """Whether all bars reach the last value, as far as that is known itself."""
        reach = np.nan_to_num(self.errors, nan=np.inf) + np.nan_to_num(self.errors[-1], nan=np.inf)
        return bool((np.abs(self.values - self.values[-1]) <= reach).all())


def grid_steps(inputs: Inputs, sizes: Sequence[int] = ()) -> list[Step]:
    """Settings on meshes; sizes : points along the longest axis, the others in proportion. Default: to the input's mesh.

    Raises InputError.
    """
    settings = _settings(inputs)
    largest = list(settings.grid.points or default_grid(inputs.crystal, settings.grid.spacing))
    longest = max(largest)
    wanted = list(sizes) or [max(LEAST, round(longest / 2**i)) for i in reversed(range(STEPS))]
    if len(set(wanted)) < 2 or min(wanted) < 2:
        raise InputError(f"meshes of {', '.join(map(str, wanted))} points: expected two different numbers or more, from 2 on")
    steps = []
    for n in sorted(set(wanted)):
        thinner = [1 if along == 1 else _as_even(n * along / longest, n % 2) for along in largest]
        points = largest if n == longest else thinner
        changes: dict[str, Any] = {"grid": GridSection(points=points, shift=settings.grid.shift), "tolerance": None}
        steps.append(("x".join(map(str, points)), settings.model_copy(update=changes)))
    return steps


def _as_even(wanted: float, odd: int) -> int:
    """The nearest number of points that is even, or odd, at least 2 or 3."""
    return max(2, 2 * round((wanted - odd) / 2)) + odd


def tolerance_steps(inputs: Inputs, tolerances: Sequence[float] = ()) -> list[Step]:
    """Settings within relative tolerances, the largest first. Default: ten times, three times and that of the input.

    Raises InputError.
    """
    settings = _settings(inputs)
    own = settings.tolerance.relative if settings.tolerance is not None else None
    wanted = list(tolerances) or [min(factor * (own or 0.01), 1.0) for factor in (10, 3, 1)]
    if len(set(wanted)) < 2 or not all(0 < one <= 1 for one in wanted):  # NaN is no tolerance
        raise InputError(f"tolerances {', '.join(f'{t:g}' for t in wanted)}: expected two different numbers or more, up to 1")
    base = {} if settings.tolerance is None else settings.tolerance.model_dump()
    steps = []
    for tolerance in sorted(set(wanted), reverse=True):
        section = ToleranceSection.model_validate({**base, "relative": tolerance})
        steps.append((f"tolerance {tolerance:.2g}", settings.model_copy(update={"tolerance": section})))
    return steps


def converge(
    inputs: Inputs,
    steps: Sequence[Step],
    components: Sequence[str] = (),
    comm: Communicator = SERIAL,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[Convergence, ...]:
    """Compute all steps. One record for each response, near the Fermi energy at the first temperature: its largest component
    of the last step, or those of `components` that it has. What symmetry forbids has none.

    Raises InputError, also where no response has such a component.
    """
    results = []
    for label, settings in steps:
        tell(label)
        results.append(run_model(inputs.model, inputs.structure, settings, "", comm))
    labels = tuple(label for label, _ in steps)
    found = [
        _over_steps(results, labels, chosen)
        for name in results[-1]
        for chosen in (_named(results[-1], name, components) if components else _largest(results[-1], name))
    ]
    if components and not found:
        raise InputError(f"no response of {', '.join(results[-1])} has a component {', '.join(components)}")
    return tuple(found)


def _settings(inputs: Inputs) -> Settings:
    if inputs.settings is None:
        raise InputError("a scan of convergence needs an input file: it says what is computed")
    return inputs.settings


def _largest(result: ResultSet, name: str) -> list[Entry]:
    """The largest of what is printed of a response; none where it is forbidden."""
    found = entries(result[name], result.facts)
    return [found[first_largest([abs(e.value) for e in found])]] if found else []


def _named(result: ResultSet, name: str, components: Sequence[str]) -> list[Entry]:
    """The components that this response has."""
    tensor = result[name]
    at = (fermi_position(tensor, result.facts), 0, *((0, 0) if len(tensor.omega) else ()))
    return [entry(tensor, (*at, *component_index(one))) for one in components if has_component(tensor, one)]


def _over_steps(results: Sequence[ResultSet], labels: tuple[str, ...], chosen: Entry) -> Convergence:
    tensors = [result[chosen.response] for result in results]
    return Convergence(
        chosen.response,
        tensors[-1].title,
        chosen.short_name,
        chosen.unit,
        labels,
        np.array([int(result.facts.k_points or 0) for result in results]),
        np.array([tensor.values[chosen.index] for tensor in tensors]),
        np.array([tensor.error[chosen.index] for tensor in tensors]),
    )
