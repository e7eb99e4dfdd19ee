"""Is this model fit for spin responses? Tests of a `TightBindingModel` alone, at a few k-points (0.05 s).

`examined` gives a model its `Fitness`: what the reader found in the files, and these tests. Every reader ends with it.
The Bloch sums here are plain sums over R at a few k-points, independent of the layers that do them fast.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.model import Structure, TightBindingModel
from wannier_spin.readers.fitness import Check, Fitness, UnfitError, passed_or_not, stored_fitness, untested
from wannier_spin.readers.spin_tests import size_and_handedness
from wannier_spin.readers.wigner_seitz import Ties

HERMITICITY_TOLERANCE = 1e-4
SPECTRUM_TOLERANCE = 0.1  # eigenvalues of S(k) off the mesh may leave [-1, 1] by this much
PAULI_TOLERANCE = 0.3  # mean residual of [s_x, s_y] = 2i s_z: Wannier functions are not closed under spin
PAIR_TOLERANCE = 1e-3  # eV: bands split by less are a pair
MOMENT_TOLERANCE = 0.5  # mu_B; moments in spheres and on a coarse grid are no better
EVEN_TOLERANCE = 0.02  # eV, rms of E(k) - E(-k): interpolation keeps T and P only so well
WINDOW = 5.0  # eV around the Fermi energy
TIES_TOLERANCE = 0.01  # eV
SEED = 20240611  # of the k-points: the same ones each time
N_POINTS = 24
MESH_POINTS = 64  # at most so many mesh points are looked at


def examined(model: TightBindingModel, checks: Sequence[Check] = ()) -> TightBindingModel:
    """The model with its fitness in `source`: what the reader found (`checks`), and the tests of the model itself.

    Raises UnfitError, an InputError, where a test proves that the model is wrong.
    """
    fitness = Fitness(tuple(model_checks(model))).with_checks(checks)
    model = dataclasses.replace(model, source={**model.source, "fitness": fitness.as_json()})
    if fitness.faults:
        raise UnfitError(f"model '{model.name}' is not fit for use. {fitness.told()}", model)
    return model


def ties_check(ties: Ties) -> Check:
    """How much the choice of replicas matters: distances that are nearly equal, in a mesh that is too coarse to ignore them."""
    name, expected = (
        "ties of replicas",
        f"bands that move by less than {TIES_TOLERANCE * 1e3:g} meV when the tolerance is halved or doubled",
    )
    near = f"{ties.close} distances near the {ties.ws_distance_tolerance:.4g} angstrom used"
    value = f"up to {ties.moved * 1e3:.2f} meV off the mesh ({near})"
    advice = (
        "the mesh of the run is so coarse that hoppings which it cannot place matter: take a finer one, or see how results move "
        "with ws_distance_tolerance"
    )
    return passed_or_not(name, ties.moved < TIES_TOLERANCE, value, expected, advice)


def fitness_of(model: TightBindingModel) -> Fitness:
    """What is known of a model: what its reader left in `source`, else the tests of the model alone."""
    return stored_fitness(model.source) if "fitness" in model.source else Fitness(tuple(model_checks(model)))


def model_checks(model: TightBindingModel, fermi_energy: float | None = None) -> list[Check]:
    """The tests of a model alone. fermi_energy (eV) limits the pair splitting to the bands around it."""
    k = off_mesh_points(model)
    energies, _ = bands(model, k)
    return [
        _hermiticity(model),
        *_spin_checks(model, k),
        *_pair_checks(model, energies, fermi_energy),
        _parity_check(model, k, energies),
    ]


def off_mesh_points(model: TightBindingModel) -> NDArray[np.float64]:
    """Reduced k (k, 3): random ones and ones on the axes; zero along directions that are not periodic."""
    k = np.random.default_rng(SEED).uniform(-0.5, 0.5, (N_POINTS, 3))
    k[: N_POINTS // 3, 1:] = 0.0  # symmetry lines are where broken ties of the replicas show
    return np.where(model.periodic, k, 0.0)


def bloch_sum(operator_R: NDArray[np.complex128], R_vectors: NDArray[np.int64], k: NDArray[np.float64]) -> NDArray[np.complex128]:
    """sum_R exp(2 pi i k.R) O(R), shape (k, n, n, ...)."""
    return np.tensordot(np.exp(2j * np.pi * k @ R_vectors.T), operator_R, axes=1)


def bands(model: TightBindingModel, k: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    """Energies (k, n) eV and states (k, Wannier, n)."""
    energies, states = np.linalg.eigh(bloch_sum(model.hamiltonian_R, model.R_vectors, k))
    return energies, states


# --- of the model ----------------------------------------------------------------------------------------------


def _hermiticity(model: TightBindingModel) -> Check:
    """As read, before anything is symmetrised: the reader left the errors in `source`.

    The position is for information: Wannier90's finite differences do not make it Hermitian.
    """
    expected = f"|O(R) - O(-R)^+| below {HERMITICITY_TOLERANCE:g} (H in eV, S); the position may be far from it"
    text = model.source.get("hermiticity_error")
    if text is None:
        return Check("Hermiticity", None, "not recorded", expected)
    errors: dict[str, float] = json.loads(text)
    worst = max((error for key, error in errors.items() if key != "position"), default=0.0)
    value = ", ".join(f"{key} {error:.1e}" for key, error in errors.items())
    return passed_or_not(
        "Hermiticity",
        worst < HERMITICITY_TOLERANCE,
        value,
        expected,
        "the file is damaged or has few digits: write it again",
    )


def _spin_checks(model: TightBindingModel, k: NDArray[np.float64]) -> list[Check]:
    if model.spin_R is None:
        return [untested("spin matrices", "none in the model: only the charge channel", "spin matrices in the model")]
    S = np.moveaxis(bloch_sum(model.spin_R, model.R_vectors, k), -1, 1)  # (k, a, n, m)
    if model.spin_axis is not None:
        return [
            _spectrum(S),
            untested("spin across the axis", "collinear channels without spin-orbit coupling: no response to a field needs it"),
        ]
    exact = np.moveaxis(bloch_sum(model.spin_R, model.R_vectors, _points_of_mesh(model, k)), -1, 1)
    scale = min(1.0, float(np.abs(np.linalg.eigvalsh(exact)).max()))
    return [_spectrum(S), *size_and_handedness(exact), *_pauli_algebra(S / (scale or 1.0))]


def _points_of_mesh(model: TightBindingModel, otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Some points of the mesh of the run, where interpolation is exact; other k-points if there is no mesh."""
    if "mesh" not in model.source:
        return otherwise
    steps, mesh = _mesh_of_the_run(model)
    return np.asarray((steps / mesh)[:: max(1, len(steps) // N_POINTS)])


def _mesh_of_the_run(model: TightBindingModel) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Its points (k, 3) in steps, and their numbers (3,) along the axes, which the reader left in `source`."""
    mesh = np.array([int(n) for n in model.source["mesh"].split()])
    return np.indices(tuple(mesh)).reshape(3, -1).T, mesh


def _spectrum(S: NDArray[np.complex128]) -> Check:
    """A spin matrix projected on any space has its eigenvalues within [-1, 1]; interpolation may overshoot."""
    outside = max(0.0, float(np.abs(np.linalg.eigvalsh(S)).max()) - 1.0)
    advice = (
        f"between the points of the DFT mesh spins are off by up to about {100 * outside:.0f} %, and so may be what is made of "
        "them: "
        "the mesh is too coarse for the spin matrices (at its points they are exact); or, far beyond 1, they are no Pauli matrices"
    )
    return passed_or_not(
        "spectrum of S(k)",
        outside < SPECTRUM_TOLERANCE,
        f"leaves [-1, 1] by {outside:.4f} off the mesh",
        f"by less than {SPECTRUM_TOLERANCE}",
        advice,
    )


def pauli_residuals(S: NDArray[np.complex128]) -> tuple[float, float]:
    """|[s_x, s_y] - 2i s_z| / |2 s_z|, rms over k, as it is and with the other handedness. S (k, a, n, m)."""
    x, y, z = S[:, 0], S[:, 1], S[:, 2]
    commutator, target = x @ y - y @ x, 2j * z
    scale = np.linalg.norm(target)
    return float(np.linalg.norm(commutator - target) / scale), float(np.linalg.norm(commutator + target) / scale)


def _pauli_algebra(S: NDArray[np.complex128]) -> list[Check]:
    """Whether the space is closed under spin, whatever the handedness of the matrices."""
    if np.linalg.norm(S[:, 2]) == 0:
        return []
    found = min(pauli_residuals(S))
    return [
        passed_or_not(
            "Pauli algebra",
            found < PAULI_TOLERANCE,
            f"{found:.3f}",
            f"below {PAULI_TOLERANCE} (zero if the Wannier functions come in up-down pairs)",
            "the Wannier functions are far from closed under spin; project on up-down pairs, iterate less",
        )
    ]


def pair_splittings(energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """E_2n - E_2n-1, (k, n // 2) eV."""
    even = energies.shape[1] // 2 * 2
    return energies[:, 1:even:2] - energies[:, :even:2]


def _pair_checks(model: TightBindingModel, energies: NDArray[np.float64], fermi_energy: float | None) -> list[Check]:
    """All bands in Kramers pairs (P*T), or not? If they are, by how much does the interpolation split them?"""
    paired, how = come_in_pairs(model, energies)
    checks = [Check("bands", None, ("Kramers pairs" if paired else "no pairs") + how, "pairs if P*T is a symmetry")]
    if not paired:
        return checks
    split = pair_splittings(energies)
    near = np.ones_like(split, bool) if fermi_energy is None else np.abs(energies[:, :-1:2] - fermi_energy) < WINDOW
    worst = float(split[near].max()) if near.any() else 0.0
    where = "all bands" if fermi_energy is None else f"within {WINDOW:g} eV of the Fermi energy"
    advice = (
        "pairs are split by the interpolation: try ws_distance_tolerance = 1e-2 or 1e-3, fewer wannierisation steps "
        "(num_iter), or symmetrise the model"
    )
    value, expected = f"{worst * 1e3:.4f} meV off the mesh ({where})", f"below {PAIR_TOLERANCE * 1e3:g} meV"
    return [*checks, passed_or_not("splitting of pairs", worst < PAIR_TOLERANCE, value, expected, advice)]


def come_in_pairs(model: TightBindingModel, energies: NDArray[np.float64]) -> tuple[bool, str]:
    """Whether nine of ten bands are in pairs, at the mesh points where they are known, and how that was found.

    energies : (k, n) eV, at random k-points: what is looked at without a mesh.

    Interpolation is exact at the mesh points, so a splitting there is physics, and one that is only elsewhere is not. Points with
    2k = 0 do not count: there T alone makes pairs.
    """
    if model.n_bands % 2:
        return False, " (an odd number of bands)"
    points = np.zeros((0, 3))
    if "mesh" in model.source:
        steps, mesh = _mesh_of_the_run(model)
        points = (steps / mesh)[(2 * steps % mesh != 0).any(axis=1)][:MESH_POINTS]
    generic = len(points) > 0
    split = pair_splittings(bands(model, points)[0] if generic else energies[N_POINTS // 3 :])
    most = np.quantile(split, 0.9)
    how = " at the mesh points" if generic else " at random k-points"
    return bool(most < PAIR_TOLERANCE), f"{how} (nine of ten split by less than {most * 1e3:.3g} meV)"


def _parity_check(model: TightBindingModel, k: NDArray[np.float64], energies: NDArray[np.float64]) -> Check:
    """E(k) = E(-k) holds if P or T is a symmetry."""
    opposite, _ = bands(model, -k)
    difference = np.abs(energies - opposite)
    rms = float(np.sqrt((difference**2).mean()))
    kind = "even in k: T or P" if rms < EVEN_TOLERANCE else "not even in k: neither T nor P"
    return Check(
        "E(k) - E(-k)",
        None,
        f"largest {difference.max() * 1e3:.3f}, rms {rms * 1e3:.3f} meV ({kind})",
        "zero if T or P is a symmetry",
    )


def total_moment(model: TightBindingModel, fermi_energy: float, grid: int = 8) -> NDArray[np.float64]:
    """Sum of <sigma> over occupied states per cell, Cartesian (3,), on a shifted grid^d mesh.

    In Bohr magnetons for g = 2, with the sign of DFT codes: up minus down is positive.
    """
    if model.spin_R is None:
        raise InputError(f"model '{model.name}' has no spin matrices")
    counts = [grid if periodic else 1 for periodic in model.periodic]
    k = (np.indices(counts).reshape(3, -1).T + 0.5 * np.array(model.periodic)) / np.array(counts)
    total = np.zeros(3)
    for batch in np.array_split(k, max(1, len(k) // 32)):
        energies, states = bands(model, batch)
        spin = bloch_sum(model.spin_R, model.R_vectors, batch)
        occupied = states * (energies < fermi_energy)[:, None, :]
        density = occupied @ occupied.conj().swapaxes(1, 2)
        total += np.einsum("knma,kmn->a", spin, density).real
    return total / len(k)


def moment_check(model: TightBindingModel, fermi_energy: float, structure: Structure | None) -> Check:
    """The total moment against that of the structure; without moments there it is for information."""
    moment = total_moment(model, fermi_energy)
    expected = "that of the DFT run; zero with T or P*T"
    if structure is not None and structure.magnetic_moments.any():
        wanted = structure.magnetic_moments.sum(axis=0)
        expected = f"{_vector(wanted)} within {MOMENT_TOLERANCE:g} mu_B (sum over the structure)"
        ok = bool(np.linalg.norm(moment - wanted) < MOMENT_TOLERANCE)
        advice = "the moments of the structure and of the Wannier90 run differ, or the Fermi energy is of another run"
        return passed_or_not("total moment", ok, f"{_vector(moment)} mu_B per cell", expected, advice)
    return Check("total moment", None, f"{_vector(moment)} mu_B per cell", expected)


def _vector(values: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{x + 0.0:.3f}" for x in np.round(values, 3)) + ")"
