"""Input files of the chain: pw.x (twice), wannier90.x, pw2wannier90.x, and ours. Pure functions: settings -> text."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
from ase.io.espresso import write_espresso_in
from materials import Material, Sampling, mesh

SMEARING = {"occupations": "smearing", "smearing": "mv", "degauss": 0.01}


def electrons(material: Material, pseudopotentials: Path) -> int:
    """Valence electrons of the cell, as the pseudopotential files count them. Raises ValueError for a file without z_valence."""
    total = 0.0
    for symbol in material.atoms.get_chemical_symbols():
        total += z_valence(pseudopotentials / material.pseudopotentials[symbol])
    return round(total)


def z_valence(path: Path) -> float:
    text = path.read_text(errors="replace")
    found = re.search(r'z_valence\s*=\s*"\s*([\d.E+]+)\s*"', text) or re.search(r"([\d.]+)\s+Z valence", text)
    if found is None:
        raise ValueError(f"'{path}' is not a UPF pseudopotential: it has no z_valence")
    return float(found[1])


def is_fully_relativistic(path: Path) -> bool:
    text = path.read_text(errors="replace")
    return bool(re.search(r'has_so\s*=\s*"\s*\.?t', text, re.IGNORECASE)) or "<PP_ADDINFO>" in text


def is_norm_conserving(path: Path) -> bool:
    text = path.read_text(errors="replace")
    return bool(re.search(r'pseudo_type\s*=\s*"\s*(NC|SL)', text)) or bool(re.search(r"^\s*NC\s", text, re.MULTILINE))


def excluded_bands(material: Material, n_electrons: int) -> int:
    """Semicore bands; a spinor band holds one electron."""
    return n_electrons - material.valence


def pw(material: Material, name: str, sampling: Sampling, calculation: str, n_electrons: int) -> str:
    """Input of pw.x: "scf", or "nscf" on every point of the mesh, without symmetry, in the order of the .win file."""
    system: dict[str, object] = {"ecutwfc": sampling.ecutwfc, "noncolin": True, "lspinorb": True}
    system |= SMEARING if material.metal else {"occupations": "fixed"}
    if not material.metal:
        system["nbnd"] = n_electrons + 8  # so that the output has both edges of the gap
    if material.moment is not None:
        theta = np.degrees(np.arccos(material.moment[2] / np.linalg.norm(material.moment)))
        phi = np.degrees(np.arctan2(material.moment[1], material.moment[0]))
        system |= {"starting_magnetization(1)": 0.3, "angle1(1)": float(theta), "angle2(1)": float(phi)}
    accuracy: dict[str, object] = {"conv_thr": 1e-10, **material.electrons}
    if calculation == "nscf":
        system |= {"nbnd": excluded_bands(material, n_electrons) + material.bands, "nosym": True, "noinv": True}
        accuracy |= {"diago_full_acc": True, "diago_thr_init": 1e-9}
    control = {"calculation": calculation, "prefix": name, "pseudo_dir": "./pseudo/", "outdir": "./out/", "verbosity": "high"}
    text = io.StringIO()
    write_espresso_in(
        text,
        material.atoms,
        input_data={"control": control, "system": system, "electrons": accuracy},
        pseudopotentials=material.pseudopotentials,
        kpts=(sampling.scf,) * 3,
        crystal_coordinates=True,
    )
    if calculation == "scf":
        return text.getvalue()
    points = mesh(sampling.wannier)
    lines = "\n".join(f"{x:.12f} {y:.12f} {z:.12f} {1 / len(points):.12f}" for x, y, z in points)
    return re.sub(r"K_POINTS automatic\n.*\n", f"K_POINTS crystal\n{len(points)}\n{lines}\n", text.getvalue())


def pw2wannier(name: str) -> str:
    """Input of pw2wannier90.x: overlaps, projections and spins, unformatted."""
    wanted = "write_mmn = .true.\n write_amn = .true.\n write_spn = .true.\n spn_formatted = .false.\n write_unk = .false."
    return f"&inputpp\n outdir = './out/'\n prefix = '{name}'\n seedname = '{name}'\n {wanted}\n/\n"


def outer_window(eig: Path) -> float:
    """Top of the outer window (eV): just below the lowest energy that the highest band of an .eig file has.

    Where only some states of a degenerate multiplet are among the bands, the Wannier functions cannot be symmetric.
    """
    band, _, energy = np.loadtxt(eig).T
    return float(energy[band == band.max()].min()) - 0.01


def win(material: Material, sampling: Sampling, n_electrons: int, fermi_energy: float, outer: float | None = None) -> str:
    """Input of wannier90.x. The frozen window ends `material.frozen` above the Fermi energy, the outer one at `outer`."""
    excluded = excluded_bands(material, n_electrons)
    cell, positions = np.array(material.atoms.cell), material.atoms.get_scaled_positions()
    atoms = zip(material.atoms.get_chemical_symbols(), positions, strict=True)
    blocks = {
        "projections": list(material.projections),
        "unit_cell_cart": ["ang", *(_row(vector) for vector in cell)],
        "atoms_frac": [f"{symbol} {_row(position)}" for symbol, position in atoms],
        "kpoints": [_row(point) for point in mesh(sampling.wannier)],
    }
    keys: dict[str, object] = {"exclude_bands": f"1-{excluded}"} if excluded else {}
    keys |= {
        "num_bands": material.bands,
        "num_wann": material.wannier,
        "fermi_energy": f"{fermi_energy:.4f}",
        "dis_froz_max": f"{fermi_energy + material.frozen:.4f}",
        **({} if outer is None else {"dis_win_max": f"{outer:.4f}"}),
        "dis_num_iter": 200,
        "dis_mix_ratio": 0.5,
        "num_iter": 10,  # more steps leave the symmetric point: Kramers pairs split
        "spinors": "true",
        "guiding_centres": "true",
        "mp_grid": " ".join([str(sampling.wannier)] * 3),
    }
    lines = [f"{key} = {value}" for key, value in keys.items()]
    lines += [f"\nbegin {name}\n" + "\n".join(rows) + f"\nend {name}" for name, rows in blocks.items()]
    return "\n".join(lines) + "\n"


def ours(material: Material, name: str, fermi_energy: float, grid: int) -> str:
    """Input of `wannier-spin run`."""
    low, high = material.scan
    lines = [
        f'seedname     = "{name}"',
        f"responses    = {list(material.responses)}".replace("'", '"'),
        f"fermi_energy = {fermi_energy:.4f}  # eV, of the self-consistent run",
        f"mu           = {{ from = {low}, to = {high}, points = 41 }}  # eV, relative to it",
        f"temperature  = {material.temperature}  # K",
        f"\n[grid]\npoints = [{grid}, {grid}, {grid}]",
        f'\n[symmetry]\nstructure = "{name}.win"',
    ]
    if material.moment is not None:
        lines.append(f"magnetic_moments = {[list(material.moment)] * len(material.atoms)}  # mu_B")
    return "\n".join(lines) + "\n"


def _row(vector: np.ndarray) -> str:
    return "  ".join(f"{x:.12f}" for x in vector)
