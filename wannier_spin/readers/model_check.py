"""`check_model`: all tests of a model and its files as a table, for the `check` command. Nothing raises for a bad answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.model import Structure, TightBindingModel
from wannier_spin.readers.checkpoint import Checkpoint, read_chk
from wannier_spin.readers.energy_tests import contained, distance_to_bands
from wannier_spin.readers.files import find_file, is_text
from wannier_spin.readers.fitness import Check, Fitness, passed_or_not, stored_fitness, untested
from wannier_spin.readers.quality import bands, model_checks, moment_check
from wannier_spin.readers.wannier90 import resolve_seed
from wannier_spin.readers.wannier90_files import read_eig

EIG_TOLERANCE = 1e-3  # eV
LATTICE_TOLERANCE = 1e-3  # angstrom


def check_model(
    model: TightBindingModel,
    seedname: str | Path | None = None,
    structure: Structure | None = None,
    fermi_energy: float | None = None,
) -> list[Check]:
    """All checks that the arguments allow: what the reader found, of the model alone, of the files of `seedname`, of the structure.

    fermi_energy (eV) is needed for the total moment and limits the pair splitting to the bands around it.
    Raises InputError only if a file of `seedname` cannot be read.
    """
    fitness = Fitness(tuple(model_checks(model, fermi_energy))).with_checks(_of_the_files(model))
    if model.spin_R is None:
        advice = "for spin responses give .spn (write_spn = .true. in pw2wannier90), or spin = 'interleaved' for pure spinors"
        fitness = fitness.with_checks([passed_or_not("spin matrices", False, "none", "spin matrices in the model", advice)])
    if fermi_energy is not None and model.spin_R is not None:
        fitness = fitness.with_checks([moment_check(model, fermi_energy, structure)])
    if seedname is not None:
        fitness = fitness.with_checks(_file_checks(model, resolve_seed(seedname)))
    if structure is not None:
        fitness = fitness.with_checks([_lattice_check(model, structure)])
    return list(fitness.checks)


def _of_the_files(model: TightBindingModel) -> list[Check]:
    """What the reader found; not what is tested of the model itself, which may have changed since."""
    own = {check.name for check in model_checks(model)}
    return [check for check in stored_fitness(model.source).checks if check.name not in own]


def _file_checks(model: TightBindingModel, seed: Path) -> list[Check]:
    checks = [_formats(seed)]
    chk_path, eig_path = find_file(seed, ".chk", ".chk.fmt"), find_file(seed, ".eig")
    if chk_path is None:
        return [*checks, Check("checkpoint", None, "missing", "a .chk file", "")]
    checkpoint = read_chk(chk_path)  # raises if the list of k-points is not complete
    mesh = " x ".join(str(n) for n in checkpoint.mesh)
    checks.append(Check("k-points", True, f"{checkpoint.n_k} points, {mesh}", "the full mesh"))
    if eig_path is not None:
        checks.append(_against_eig(model, checkpoint, read_eig(eig_path)))
    return checks


def _formats(seed: Path) -> Check:
    """Which files are there, and are they text or binary?"""
    found = []
    for suffix in (".chk", ".chk.fmt", ".eig", ".mmn", ".spn", ".spn.fmt", "_tb.dat", "_wsvec.dat", "_hr.dat"):
        if (path := find_file(seed, suffix)) is not None:
            found.append(f"{path.name} ({'formatted' if is_text(path) else 'unformatted'})")
    return Check("files", None, ", ".join(found) or "none", ".chk, .eig, .mmn, .spn")


def _against_eig(model: TightBindingModel, checkpoint: Checkpoint, energies: NDArray[np.float64]) -> Check:
    """The model's bands at the mesh points against the bands of `.eig` that lie wholly in the Wannier space."""
    name, expected = "bands against .eig", f"below {EIG_TOLERANCE * 1e3:g} meV for bands in the Wannier space"
    energies = checkpoint.without_excluded(energies, 1)
    if energies.shape != checkpoint.V.shape[:2]:
        shape = f".eig has shape {energies.shape}"
        return passed_or_not(name, False, shape, f"{checkpoint.V.shape[:2]}", "files of different runs")
    wanted = contained(checkpoint)
    if not wanted.any():
        return untested(name, "no band lies wholly in the Wannier space (no frozen window)", expected)
    away = distance_to_bands(bands(model, checkpoint.kpoints)[0], energies, wanted)
    value = f"max {away.max() * 1e3:.2e}, rms {np.sqrt((away[wanted] ** 2).mean()) * 1e3:.2e} meV of {int(wanted.sum())} bands"
    advice = "the model and .eig are of different runs, or .eig is out of order"
    return passed_or_not(name, float(away.max()) < EIG_TOLERANCE, value, expected, advice)


def _lattice_check(model: TightBindingModel, structure: Structure) -> Check:
    difference = float(np.abs(model.lattice - structure.lattice).max())
    return passed_or_not(
        "lattice of the structure",
        difference < LATTICE_TOLERANCE,
        f"differs by {difference:.1e} angstrom",
        "the lattice vectors of the model, in the same order",
        "give the structure in the cell of the Wannier90 run, for example its .win file",
    )
