"""The same model for wannierberri and for us, and their calculators run as a peer would run them.

Everything here takes one R-space model to both codes, so that what differs is k-space physics only:

    ours    O_nm(R) = <0n|O|Rm>, position with the centres on the diagonal at R = 0
    theirs  Ham, SS, and AA = <0n|r - tau|Rm>, centres apart

Degenerate bands. Both codes chain bands by their consecutive gaps, and use the mean energy of a block in f. But theirs
divides by the difference of single bands, ours by that of the mean energies: a relative difference of 2 (width of a
block)/gap per pair (`width_over_gap`). Where pairs are split by up to 1e-5 eV (Kramers pairs of an interpolated model)
a tolerance far below that avoids blocks, at the price of rounding errors of 1e-16/splitting^2 in both codes. So:
`PAIRS` for real crystals, and `EXACT` (also their fixed threshold of 1/(e_n - e_m)) where no two bands are close.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from wannier_spin import TightBindingModel
from wannier_spin.bloch import BlochSum
from wannier_spin.geometry import geometry_of
from wannier_spin.responses import BLOCKS, BandPairs

EXACT = 1e-7  # eV
PAIRS = 1e-5  # eV
WS_TOLERANCE = 5e-3  # angstrom


@contextmanager
def quietly() -> Iterator[None]:
    """wannierberri warns of its own deprecated calls, and divides by zero in branches that it then discards."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True)
class Both:
    """One model on both sides: `model` ours, `system` theirs (wannierberri.System_R)."""

    model: TightBindingModel
    system: Any

    def without_position(self) -> TightBindingModel:
        """Our model with r diagonal: what their `external_terms=False` means."""
        return replace(self.model, position_R=None)


def system_from_files(seed: Path, ws_tolerance: float) -> Any:
    """Their System_R by their own route, from .chk, .eig, .mmn and .spn."""
    import wannierberri as wb

    with quietly():
        data = wb.WannierData.from_w90_files(str(seed), files=["chk", "eig", "mmn", "spn"], readnnkp=False, npar=1)
        return wb.System_R.from_wannierdata(data, berry=True, spin=True, ws_dist_tol=ws_tolerance)


def model_of(system: Any, name: str) -> TightBindingModel:
    """Our model with the matrices of their system."""
    from wannier_spin.berri import from_system_R

    with quietly():  # importing wannierberri
        return replace(from_system_R(system), name=name)


def scramble(system: Any, strength: float, seed: int) -> Any:
    """Add random Hermitian matrices to Ham, AA and SS: no symmetry and no degeneracy is left, every tensor is nonzero.

    The random parts fall off with |R|, so that the bands stay smooth on the scale of the original ones.
    """
    random = np.random.default_rng(seed)
    R = np.asarray(system.rvec.iRvec, np.int64)
    index = {tuple(r): i for i, r in enumerate(R.tolist())}
    opposite = np.array([index[tuple(-x for x in r)] for r in R.tolist()])
    decay = np.exp(-0.7 * np.linalg.norm(R @ system.real_lattice, axis=1))
    for key in ("Ham", "AA", "SS"):
        value = np.array(system.get_R_mat(key), complex)
        noise = random.normal(size=value.shape) + 1j * random.normal(size=value.shape)
        noise *= strength * decay.reshape(-1, *(1,) * (value.ndim - 1))
        value += (noise + noise[opposite].swapaxes(1, 2).conj()) / 2
        system.set_R_mat(key, value, reset=True)
    return system


def run(system: Any, mesh: Sequence[int], calculators: dict[str, Any], folder: Path) -> dict[str, np.ndarray]:
    """Their integrals over the unshifted mesh, every point of it, nothing symmetrized: name -> (Efermi, tensor)."""
    import wannierberri as wb

    with quietly():
        grid = wb.Grid(system, NKdiv=[1, 1, 1], NKFFT=list(mesh))
        result = wb.run(
            system,
            grid,
            calculators,
            use_irred_kpt=False,
            symmetrize=False,
            parallel=False,
            fout_name=str(folder / "berri"),
            file_Klist_path=str(folder / "K"),
        )
    return {name: result.results[name].data for name in calculators}


def thermal(formula: Any, mu: np.ndarray, kT: float, fermi: str, degeneracy: float = EXACT, **parameters: Any) -> Any:
    """A calculator that sums *their* formula over bands with our exact Fermi function f (sea) or f' (surface).

    Their own static calculators have a step for f, and finite differences on the Efermi array for f'; so the
    integrand is theirs, evaluated by their code on their mesh, and only the scalar weight is not.
    """
    from wannierberri.calculators import Calculator
    from wannierberri.result import EnergyResult

    class Thermal(Calculator):
        """Their formula, finite temperature."""

        def __call__(self, data_K: Any) -> Any:
            integrand = formula(data_K, **parameters)
            total = np.zeros((len(mu),) + (3,) * integrand.ndim)
            groups = data_K.get_bands_in_range_groups(-np.inf, np.inf, degen_thresh=self.degen_thresh)
            for ik, bands in enumerate(groups):
                for (first, last), energy in bands.items():
                    inside = np.arange(first, last)
                    outside = np.r_[0:first, last : data_K.num_wann]
                    x = (energy - mu) / kT
                    f = 0.5 * (1 - np.tanh(x / 2))
                    weight = f if fermi == "sea" else -f * (1 - f) / kT
                    total += np.multiply.outer(weight, integrand.trace(ik, inside, outside))
            total /= data_K.cell_volume * data_K.nk
            return EnergyResult(mu, total, transformTR=integrand.transformTR, transformInv=integrand.transformInv, save_mode="bin")

    return Thermal(degen_thresh=degeneracy)


def mesh_points(mesh: Sequence[int]) -> np.ndarray:
    """k = i/n, (nk, 3)."""
    return np.stack(np.meshgrid(*(np.arange(n) / n for n in mesh), indexing="ij"), axis=-1).reshape(-1, 3)


def densities(
    model: TightBindingModel, k: np.ndarray, block: str, observable: str, tolerance: float = EXACT
) -> tuple[np.ndarray, np.ndarray]:
    """Energies of the blocks (k, n) and our integrand per band (k, n, a, [c,] fields...), as (..., flow, fields, spin)."""
    needs = BLOCKS[block].derivatives
    source = BlochSum(model, second_order=needs)
    geometry = geometry_of(source.at_points(k), tolerance)
    X = BLOCKS[block].density(BandPairs(geometry, (observable,)))
    if observable == "spin_current":
        X = X.reshape(*X.shape[:-1], 3, 3)
        return geometry.group_energies, np.moveaxis(X, -2, 2)
    return geometry.group_energies, np.moveaxis(X, -1, 2)


def surface_scan(energies: np.ndarray, X: np.ndarray, efermi: np.ndarray, volume: float) -> np.ndarray:
    """sum_n delta(eps_n - mu) X_n as their fder=1 makes it: N(E) is the sum over states up to E, and the derivative is
    [N(mu + dE) - N(mu - dE)]/(2 dE), dE the step of the Efermi array: (Efermi, tensor)."""
    step = efermi[1] - efermi[0]
    edges = np.concatenate([[efermi[0] - step], efermi, [efermi[-1] + step]])
    flat = X.reshape(energies.size, -1)
    order = np.argsort(energies.ravel())
    running = np.concatenate([np.zeros((1, flat.shape[1])), np.cumsum(flat[order], axis=0)])
    below = running[np.searchsorted(energies.ravel()[order], edges, side="right")]
    result = (below[2:] - below[:-2]) / (2 * step) / (volume * len(energies))
    return result.reshape(len(efermi), *X.shape[2:])


def gap_energies(energies: np.ndarray, low: float, high: float, count: int) -> np.ndarray:
    """Equidistant energies (their Efermi must be) that stay clear of every state, where a step function is ambiguous."""
    states = np.sort(energies.ravel())
    for trial in range(200):
        grid = np.linspace(low + 1e-5 * trial, high + 1e-5 * trial, count)
        near = np.searchsorted(states, grid)
        distance = np.minimum(
            np.abs(grid - states[np.clip(near, 0, len(states) - 1)]), np.abs(grid - states[np.clip(near - 1, 0, None)])
        )
        if distance.min() > 2e-7:
            return grid
    raise ValueError("no such energies")


def width_over_gap(geometry: Any, mu: np.ndarray) -> np.ndarray:
    """For each mu the largest (width of a block)/gap of neighbouring blocks on both sides of mu."""
    width, energies = np.abs(geometry.energies - geometry.group_energies), geometry.group_energies
    found = []
    for level in mu:
        below = np.clip((energies < level).sum(axis=1), 1, energies.shape[1] - 1)[:, None]  # first empty band
        pairs = [np.take_along_axis(X, below - i, axis=1)[:, 0] for X in (energies, width) for i in (0, 1)]
        real = (pairs[0] > level) & (pairs[1] < level)
        found.append(np.where(real, (pairs[2] + pairs[3]) / (pairs[0] - pairs[1] + ~real), 0).max())
    return np.array(found)


def deviation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference over the largest element; the element must not be zero."""
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    scale = np.abs(theirs).max()
    assert scale > 0
    return float(np.abs(ours - theirs).max() / scale)
