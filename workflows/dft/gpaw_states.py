"""What needs GPAW itself; run by the Python that has it (on Debian /usr/bin/python3), in the folder of a run, by `run_gpaw.py`.

python3 gpaw_states.py ground MATERIAL QUALITY     scf.gpw, nscf.gpw (all k-points, all states), states.json
python3 gpaw_states.py files MATERIAL QUALITY      .eig, .amn, .mmn and, of spinors, .spn; needs the .nnkp files
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import paw
from paw_materials import MATERIALS, PawMaterial

SPARE = 6  # bands of each channel above those that are converged
CHANNELS = ("_up", "_dn")


def below(material: PawMaterial, electrons: float) -> int:
    """Bands that are left out: spinor bands, or bands of each channel."""
    count = round(electrons) - material.valence
    return count if material.spinors else count // 2


def of_a_channel(material: PawMaterial, electrons: float) -> int:
    """Bands of each spin channel that carry what is kept; spinors are made of half as many bands in each, and some more."""
    highest = below(material, electrons) + material.bands
    return highest // 2 + 4 if material.spinors else highest


def ground(material: PawMaterial, quality: str) -> None:
    """Self-consistent, then every k-point of the mesh without symmetry."""
    from gpaw import GPAW, PW, FermiDirac

    sampling = material.samplings[quality]
    atoms = material.atoms.copy()
    atoms.set_initial_magnetic_moments(material.moments or None)
    mesh = {"size": sampling.mesh, "gamma": True}
    common: dict[str, Any] = {"mode": PW(sampling.cutoff), "xc": "PBE", "kpts": mesh, "occupations": FermiDirac(material.width)}
    atoms.calc = GPAW(**common, **material.options, txt="scf.txt", convergence={"density": 1e-5}, maxiter=200)
    atoms.get_potential_energy()
    atoms.calc.write("scf.gpw")
    bands = of_a_channel(material, atoms.calc.get_number_of_electrons())
    full = atoms.calc.fixed_density(kpts=mesh, symmetry="off", nbands=bands + SPARE, convergence={"bands": bands}, txt="nscf.txt")
    full.write("nscf.gpw", mode="all")
    energies, _, fermi_energy = states(material, full)
    facts = {
        "fermi_energy": fermi_energy,
        "kpoints": full.get_bz_k_points().tolist(),
        "outer": [paw.window(channel) for channel in energies],
    }
    Path("states.json").write_text(json.dumps(facts))


def states(material: PawMaterial, calc: Any) -> tuple[list[np.ndarray], np.ndarray | None, float]:
    """Energies (k,n) of each run of Wannier90, spinors (k,m,s,n) or None, and the Fermi energy, eV."""
    n_k, electrons = len(calc.get_bz_k_points()), calc.get_number_of_electrons()
    first, count = below(material, electrons), of_a_channel(material, electrons)
    kept = slice(first, first + material.bands)
    if not material.spinors:
        found = [np.array([calc.get_eigenvalues(k, s)[kept] for k in range(n_k)]) for s in (0, 1)]
        return found, None, float(calc.get_fermi_level())
    from gpaw.spinorbit import soc_eigenstates

    coupled = soc_eigenstates(calc, n1=0, n2=count)
    energies = np.array([coupled[k].eig_m[kept] for k in range(n_k)])
    return [energies], np.array([coupled[k].v_msn[kept] for k in range(n_k)]), float(coupled.fermi_level)


def crystal_of(calc: Any) -> paw.Crystal:
    size = calc.wfs.gd.get_size_of_global_array()
    grid = np.indices(size).reshape(3, -1).T / size
    return paw.Crystal(
        grid, calc.wfs.gd.dv, calc.spos_ac, np.array(calc.atoms.cell), tuple(setup.dO_ii for setup in calc.wfs.setups)
    )


def channels_at(calc: Any, k: int, bands: range) -> list[paw.Channel]:
    """Both spin channels; the one of a run without magnetism stands for both."""
    found = []
    for s in range(calc.wfs.nspins):
        waves = [calc.wfs.get_wave_function_array(n, k, s, periodic=True).ravel() for n in bands]
        P_ani = calc.wfs.kpt_qs[k][s].P_ani
        projections = tuple(np.array(P_ani[a])[bands.start : bands.stop] for a in range(len(calc.spos_ac)))
        found.append(paw.Channel(np.array(waves, dtype=np.complex64), projections))
    return found if len(found) == 2 else found * 2


def write(material: PawMaterial, name: str) -> None:
    """All files of Wannier90, from the states of nscf.gpw."""
    from gpaw import GPAW

    calc = GPAW("nscf.gpw", txt=None)
    energies, spinors, _ = states(material, calc)
    kpoints = calc.get_bz_k_points()
    electrons, crystal = calc.get_number_of_electrons(), crystal_of(calc)
    first = below(material, electrons)
    bands = range(of_a_channel(material, electrons)) if material.spinors else range(first, first + material.bands)
    at = [channels_at(calc, k, bands) for k in range(len(kpoints))]
    waves = [list(zip(setup.n_j, setup.l_j, strict=True)) for setup in calc.wfs.setups]
    chosen = paw.functions(material.functions, waves, material.wide)
    if spinors is not None:
        pairs = paw.neighbours(Path(f"{name}.nnkp").read_text())
        paw.write_eig(Path(f"{name}.eig"), energies[0])
        paw.write_spn(Path(f"{name}.spn"), [paw.spin_matrices(crystal, c, v) for c, v in zip(at, spinors, strict=True)])
        projected = [paw.amplitudes(crystal, c, v, chosen, k) for c, v, k in zip(at, spinors, kpoints, strict=True)]
        paw.write_amn(Path(f"{name}.amn"), np.array(projected))
        largest = paw.write_mmn(Path(f"{name}.mmn"), len(kpoints), pairs, of_spinors(crystal, at, spinors, pairs, kpoints))
        print(f"largest singular value of the overlaps: {largest:.4f}")
        return
    for s, suffix in enumerate(CHANNELS):
        seed, one = f"{name}{suffix}", [channels[s] for channels in at]
        pairs = paw.neighbours(Path(f"{seed}.nnkp").read_text())
        projected = [paw.amplitudes(crystal, [c], None, chosen, k) for c, k in zip(one, kpoints, strict=True)]
        paw.write_eig(Path(f"{seed}.eig"), energies[s])
        paw.write_amn(Path(f"{seed}.amn"), np.array(projected))
        steps = paw.by_neighbour(len(kpoints), pairs, kpoints)
        overlaps = (paw.overlap(crystal, one[k], one[other], b, G) for k, other, b, G in steps)
        largest = paw.write_mmn(Path(f"{seed}.mmn"), len(kpoints), pairs, overlaps)
        print(f"{seed}: largest singular value of the overlaps: {largest:.4f}")


def of_spinors(
    crystal: paw.Crystal, at: Sequence[Sequence[paw.Channel]], spinors: np.ndarray, pairs: Any, kpoints: np.ndarray
) -> Iterator[np.ndarray]:
    """Overlaps of spinors, one neighbour after the other."""
    for k, other, b, G in paw.by_neighbour(len(kpoints), pairs, kpoints):
        blocks = [paw.overlap(crystal, at[k][s], at[other][s], b, G) for s in (0, 1)]
        yield paw.spinor_overlap(blocks, spinors[k], spinors[other])


def main(argv: Sequence[str]) -> int:
    step, name, quality = argv
    material = MATERIALS[name]
    if step == "ground":
        ground(material, quality)
    else:
        write(material, name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
