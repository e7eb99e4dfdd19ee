"""A first input file, with comments, from what lies beside the files of a run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from wannier_spin.calculation.open_model import Inputs
from wannier_spin.calculation.spacing import default_grid
from wannier_spin.errors import InputError
from wannier_spin.model import Structure, TightBindingModel
from wannier_spin.readers import FermiEnergy, find_fermi_energy, find_file, read_frozen_window, read_structure, seed_of
from wannier_spin.readers.quality import total_moment
from wannier_spin.sites import atom_names, atomic_sites

SPACING = 0.1  # 1/angstrom, of the suggested mesh
REACH = 2.0  # eV, of mu on both sides of the Fermi energy
STEPS = 81
COMMON = (
    "temperature  = 300    # K; several: [100, 300]",
    "tau          = 10     # fs, relaxation time; several cost nothing",
)
MAGNETIC = 0.05  # mu_B for each cell: less is no moment


@dataclass(frozen=True)
class _Found:
    """What was found, None where it was not. moment : of the cell, moments : of its atoms; Cartesian, mu_B."""

    model: TightBindingModel
    fermi: FermiEnergy | None
    win: Path | None
    structure: Structure | None
    window: tuple[float, float] | None
    moment: tuple[float, ...] | None
    moments: tuple[tuple[float, ...], ...] | None = None


def draft(paths: Sequence[Path], inputs: Inputs, folder: Path) -> str:
    """The text of an input file in `folder`, for the run that `inputs` were read from, or for the two of a collinear pair."""
    found = _look(paths[0], inputs.crystal)
    parts = [_head(paths, folder), _energies(found), _responses(found), _mesh(found.model), _symmetry(found, folder)]
    return "\n".join(line for part in parts for line in (*part, ""))


def _look(path: Path, model: TightBindingModel) -> _Found:
    seed = seed_of(path)
    try:
        fermi = find_fermi_energy(seed)
    except InputError:
        fermi = None
    win = find_file(seed, ".win")
    moment = None
    if fermi is not None and model.spin_R is not None:
        moment = tuple(total_moment(model, fermi.value).round(2).tolist())
    structure = None if win is None else read_structure(win)
    moments = None if fermi is None or structure is None else _of_atoms(model, structure, fermi.value)
    return _Found(model, fermi, win, structure, None if win is None else read_frozen_window(win), moment, moments)


def _of_atoms(model: TightBindingModel, structure: Structure, fermi: float) -> tuple[tuple[float, ...], ...] | None:
    """Moments of the atoms, mu_B to a tenth; None without spin matrices, and where a function belongs to no atom alone.

    An atom has {p, sigma}/2 of the states below the Fermi energy, p the projector on its functions: all together have the total.
    """
    if model.spin_R is None:
        return None
    try:
        sites = atomic_sites(model, structure)
    except InputError:
        return None
    moments = np.zeros((len(structure.numbers), 3))
    for name, functions in sites.functions.items():
        inside = np.isin(np.arange(model.n_bands), functions).astype(float)
        share = (inside[:, None] + inside) / 2
        own = replace(model, spin_R=model.spin_R * share[:, :, None], spin_axis=None)
        moments[sites.atoms[name][0]] = total_moment(own, fermi)
    return tuple(tuple(row) for row in moments.round(1).tolist())


def _head(paths: Sequence[Path], folder: Path) -> list[str]:
    names = [f'"{Path(os.path.relpath(path, folder)).as_posix()}"' for path in paths]
    seedname = names[0] if len(names) == 1 else f"{{ up = {names[0]}, down = {names[1]} }}"
    axis = [] if len(names) == 1 else ["# The moments lie along z. For another axis: { up = ..., down = ..., axis = [1, 0, 0] }"]
    return [f"seedname     = {seedname}   # from the folder of this file", *axis]


def _energies(found: _Found) -> list[str]:
    """Fermi energy and mu, inside the frozen window where there is one."""
    low, high = -REACH, REACH
    if found.fermi is None:
        lines = [
            "# No output that states the Fermi energy was found. Write it here, in eV: mu counts from it.",
            "# fermi_energy = ",
        ]
    else:
        lines = [f"fermi_energy = {found.fermi.value:g}   # eV, from {found.fermi.source}; mu counts from it"]
        if found.window is not None:
            low, high = max(low, found.window[0] - found.fermi.value), min(high, found.window[1] - found.fermi.value)
            edges = [f"{edge - found.fermi.value:.2f}" for edge in found.window if np.isfinite(edge)]
            window = " to ".join(edges) if len(edges) == 2 else f"up to {edges[-1]}"
            lines.append(f"# The bands are those of the first-principles run inside the frozen window, {window} eV from there.")
    return [*lines, f"mu           = {{ from = {low:.3g}, to = {high:.3g}, points = {STEPS} }}   # eV"]


def _responses(found: _Found) -> list[str]:
    """Those that every crystal has, or a magnet besides."""
    lines = []
    if found.model.spin_R is None:
        lines += [
            "# The files have no spin matrices: write .spn (write_spn = .true. in the input of pw2wannier90.x), or see model.spin."
        ]
    magnetic = _is_magnetic(found)
    if found.model.spin_axis is not None:
        return [
            'responses    = ["magnetic_spin_hall"]   # without spin-orbit coupling spin_hall and edelstein are zero',
            *COMMON,
        ]
    names = '["spin_hall", "magnetic_spin_hall", "edelstein"]' if magnetic else '["spin_hall"]'
    return [
        *lines,
        f"responses    = {names}   # `wannier-spin responses` lists them; 'all' needs omega = [0.1], in eV",
        *COMMON,
    ]


def _mesh(model: TightBindingModel) -> list[str]:
    """One k-point along a direction in which no function sees another: in a vacuum, as far as the files tell."""
    alone = [bool(periodic) and not model.R_vectors[:, i].any() for i, periodic in enumerate(model.periodic)]
    grid = [1 if one else n for one, n in zip(alone, default_grid(model, SPACING), strict=True)]
    across = "abc"[alone.index(True)] if sum(alone) == 1 else ""
    layer = [
        f"# The run has one k-point along {across}. If that leads through vacuum, the next line gives values of the sheet:",
        f'# model      = {{ vacuum = "{across}" }}   # and thickness = 6.5 (angstrom) those of the bulk beside them',
    ]
    return [
        *(layer if across else []),
        f"grid         = {grid}   # about {SPACING} / angstrom; double it to see what changes, or, in its place:",
        "# tolerance  = 0.02   # relative: k-points go where they are needed until the error bars are within it",
    ]


def _symmetry(found: _Found, folder: Path) -> list[str]:
    """The structure, with room for the moments of its atoms."""
    if found.win is None or found.structure is None:
        return [
            "# [symmetry]           # fewer k-points, forbidden components exactly zero",
            '# structure = "..."    # .win, CIF, POSCAR, ...',
        ]
    lines = ["[symmetry]", f'structure = "{Path(os.path.relpath(found.win, folder)).as_posix()}"']
    names = atom_names(found.structure)
    zeros, of = ", ".join("[0, 0, 0]" for _ in names), f"mu_B, Cartesian, of {', '.join(names)}"
    if found.moments is not None and np.any(found.moments):
        listed = ", ".join(f"[{', '.join(f'{m + 0.0:g}' for m in moment)}]" for moment in found.moments)
        return [*lines, f"magnetic_moments = [{listed}]   # {of}: those of the bands below the Fermi energy"]
    if found.moment is None:
        return [*lines, f"# magnetic_moments = [{zeros}]   # {of}, if it is a magnet"]
    if _is_magnetic(found):
        total = ", ".join(f"{m + 0.0:g}" for m in found.moment)
        why = f"# The bands below the Fermi energy carry a moment of ({total}) mu_B: say which atoms have it."
        return [*lines, why, f"magnetic_moments = [{zeros}]   # {of}"]
    if found.moments is not None:
        return [*lines, "# No moments: the bands below the Fermi energy have none on any atom."]
    why = "# No total moment was found. An antiferromagnet has moments nevertheless; then:"
    return [*lines, why, f"# magnetic_moments = [{zeros}]   # {of}"]


def _is_magnetic(found: _Found) -> bool:
    if found.moments is not None and np.any(found.moments):
        return True
    return found.moment is not None and float(np.linalg.norm(found.moment)) > MAGNETIC
