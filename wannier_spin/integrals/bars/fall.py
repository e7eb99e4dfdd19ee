"""How the Fourier coefficients of a response fall off, from where a mesh knows them to where they make its error (`Stars`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wannier_spin.integrals.bars.slopes import Speeds
from wannier_spin.integrals.densities.channels import whole
from wannier_spin.integrals.densities.plan import Plan
from wannier_spin.integration.decay import NEIGHBOURS, about, at_end, fermi_power
from wannier_spin.integration.stars import Stars
from wannier_spin.occupation import Occupation
from wannier_spin.responses.registry import BLOCKS

Real = NDArray[np.float64]


@dataclass(frozen=True)
class Fall:
    """Of one response: factors (J, points) of `Stars.continued`, of_half (points,)."""

    factors: Real
    of_half: Real


@dataclass(frozen=True)
class Continuation:
    """How those of one mesh are continued. step : what an energy changes by from one point to the next, eV. times : all factors."""

    stars: Stars
    plan: Plan
    step: float
    speeds: Speeds
    times: float = 1.0

    def of(self, scan: Occupation, name: str, components: Real) -> Fall:
        """components : of the response, or combinations of them (rows, points, components). Each temperature has its own decay."""
        stars, weights = self.stars, scan.along_mu(partial(about, reach=self.step, least=NEIGHBOURS))
        rows = components.reshape(len(components), *scan.shape, -1)
        record = next(r for r in self.plan.responses if r.name == whole(name))
        blocks = [BLOCKS.get(block) for block in self.plan.blocks_of(record)]
        power = fermi_power(self.speeds.dimension, any(block is None or block.fermi == "surface" for block in blocks))
        by_temperature = [stars.decay(rows[:, :, t], weights, power) for t in range(scan.shape[1])]
        decay = np.stack(by_temperature, axis=2).reshape(-1, scan.n_points)
        kT = scan.points[1] * (None not in blocks)  # temperature does not smear resonances
        x = np.array([at_end(kT, step) for step in self.speeds.steps])
        return Fall(stars.continued(decay, power, x) * self.times, stars.of_half(decay, power, x))
