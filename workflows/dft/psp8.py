"""Fully relativistic pseudopotentials of abinit's format psp8 (ONCVPSP, PseudoDojo) for Quantum ESPRESSO: psp8 -> UPF.

    python workflows/dft/psp8.py Pt-sp_r.psp8 [-o Pt.upf]

Debian's `abinit-data` has some (/usr/share/abinit/psp/*_r.psp8). What psp8 holds, in Hartree and bohr, p(r) already times r:

    V = V_loc + sum_l [ sum_i |p_i> e_i <p_i|  +  L.S sum_i |q_i> d_i <q_i| ]

with L.S = l/2 for j = l + 1/2 and -(l + 1)/2 for j = l - 1/2.

UPF has projectors for each l and j: those of p and q side by side, with the diagonal matrix (2 e_i, 2 d_i L.S) in Rydberg. The same
operator, so nothing is fitted or approximated. The radial mesh stays as it is.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
PBE, PERDEW_WANG = 11, 7  # pspxc of abinit; -101130, -1012: the same by libxc's numbers
FUNCTIONALS = {PBE: "PBE", -101130: "PBE", PERDEW_WANG: "PW", -1012: "PW"}
LOCAL = 4  # lloc: the local potential is none of the projectors' channels
SPIN_ORBIT = (2, 3)  # extension_switch: spin-orbit projectors, and with 3 also the valence density


@dataclass(frozen=True)
class Projectors:
    """Of one l: energies (i,) Hartree, functions (i, r)."""

    energies: Real
    functions: Real


@dataclass(frozen=True)
class Pseudopotential:
    """What a psp8 file holds: r (r,) bohr; local (r,) Hartree; scalar, spin_orbit by l; core, valence (r,) 4 pi times a density."""

    title: str
    symbol: str
    valence_charge: float
    functional: str
    r: Real
    local: Real
    scalar: dict[int, Projectors]
    spin_orbit: dict[int, Projectors]
    core: Real | None
    valence: Real | None


def read_psp8(path: Path) -> Pseudopotential:
    """Raises ValueError for anything but a fully relativistic psp8 file."""
    lines = path.read_text().splitlines()
    rows = iter(lines[5:])
    try:
        charge = float(lines[1].split()[1])
        code, xc, lmax, lloc, points = _whole_numbers(lines[2])[:5]
        core_amplitude = float(lines[3].split()[1])
        n_scalar = _whole_numbers(lines[4])
        switch = _whole_numbers(next(rows))[0]
        if code != 8 or lloc != LOCAL or switch not in SPIN_ORBIT or xc not in FUNCTIONALS:
            raise ValueError(f"pspcod {code}, lloc {lloc}, extension_switch {switch}, pspxc {xc}; expected 8, 4, 2 or 3, PBE or PW")
        n_spin_orbit = [0, *_whole_numbers(next(rows))]
        scalar = {l: _projectors(rows, points) for l in range(lmax + 1) if n_scalar[l]}
        r, local = _columns(rows, points, header=True)[:2]
        spin_orbit = {l: _projectors(rows, points) for l in range(1, lmax + 1) if n_spin_orbit[l]}
        core = _columns(rows, points)[1] if core_amplitude > 0 else None
        valence = _columns(rows, points)[1] if switch == SPIN_ORBIT[1] else None
    except (IndexError, StopIteration, RuntimeError) as error:
        raise ValueError(f"'{path}' ends too early for a psp8 file") from error
    except ValueError as error:
        raise ValueError(f"'{path}' is not a fully relativistic psp8 file (PseudoDojo, names like X_r.psp8): {error}") from error
    title = lines[0].strip()
    return Pseudopotential(title, title.split()[0], charge, FUNCTIONALS[xc], r, local, scalar, spin_orbit, core, valence)


def _whole_numbers(line: str) -> list[int]:
    """Those at the start of a line, before its words."""
    return [int(word) for word in itertools.takewhile(lambda word: word.lstrip("-").isdigit(), line.split())]


def _numbers(line: str) -> list[float]:
    return [float(word.replace("D", "E")) for word in line.split()]


def _columns(rows: Iterator[str], points: int, header: bool = False) -> Real:
    """r and what stands beside it: (1 + columns, r)."""
    if header:
        next(rows)
    return np.array([_numbers(next(rows))[1:] for _ in range(points)]).T


def _projectors(rows: Iterator[str], points: int) -> Projectors:
    energies = np.array(_numbers(next(rows))[1:])
    return Projectors(energies, _columns(rows, points)[1 : 1 + len(energies)])


def channels(pseudo: Pseudopotential) -> Iterator[tuple[int, float, Real, Real]]:
    """(l, j, functions (i, r), matrix elements (i,) in Rydberg) of every channel."""
    for l, scalar in pseudo.scalar.items():
        own = pseudo.spin_orbit.get(l)
        if own is None:
            yield l, l + 0.5, scalar.functions, 2 * scalar.energies
            continue
        functions = np.concatenate([scalar.functions, own.functions])
        for j, LS in ((l - 0.5, -(l + 1) / 2), (l + 0.5, l / 2)):
            yield l, j, functions, np.concatenate([2 * scalar.energies, 2 * LS * own.energies])


def upf(pseudo: Pseudopotential) -> str:
    """The file for Quantum ESPRESSO (UPF 2.0.1)."""
    r, step = pseudo.r, pseudo.r[1] - pseudo.r[0]
    betas = [(l, j, f, D) for l, j, functions, elements in channels(pseudo) for f, D in zip(functions, elements, strict=True)]
    density = pseudo.valence if pseudo.valence is not None else np.exp(-2 * r)
    density = density * r**2
    density *= pseudo.valence_charge / (density.sum() * step)
    header = {
        "element": pseudo.symbol,
        "pseudo_type": "NC",
        "relativistic": "full",
        "is_ultrasoft": "F",
        "is_paw": "F",
        "is_coulomb": "F",
        "has_so": "T",
        "has_wfc": "F",
        "has_gipaw": "F",
        "core_correction": "F" if pseudo.core is None else "T",
        "functional": pseudo.functional,
        "z_valence": f"{pseudo.valence_charge:.2f}",
        "l_max": max(pseudo.scalar),
        "l_local": -1,
        "mesh_size": len(r),
        "number_of_wfc": 0,
        "number_of_proj": len(betas),
    }
    parts = [f"<PP_INFO>\n{pseudo.title}\nconverted from psp8\n</PP_INFO>", f"<PP_HEADER {_attributes(header)}/>"]
    mesh = _tag("PP_R", r) + "\n" + _tag("PP_RAB", np.full(len(r), step))
    parts.append(f'<PP_MESH mesh="{len(r)}">\n{mesh}\n</PP_MESH>')
    if pseudo.core is not None:
        parts.append(_tag("PP_NLCC", pseudo.core / (4 * np.pi)))
    parts.append(_tag("PP_LOCAL", 2 * pseudo.local))
    reach = [_reach(f) for _, _, f, _ in betas]
    projectors = [
        _tag(f"PP_BETA.{i}", f, index=i, angular_momentum=l, cutoff_radius_index=n, cutoff_radius=f"{r[n - 1]:.3f}")
        for i, ((l, _, f, _), n) in enumerate(zip(betas, reach, strict=True), 1)
    ]
    elements = _tag("PP_DIJ", np.diag([D for *_, D in betas]).ravel())
    parts.append("<PP_NONLOCAL>\n" + "\n".join([*projectors, elements]) + "\n</PP_NONLOCAL>")
    parts += ["<PP_PSWFC>\n</PP_PSWFC>", _tag("PP_RHOATOM", density)]  # no atomic functions: start from random ones
    spin_orbit = "\n".join(f'<PP_RELBETA.{i} index="{i}" lll="{l}" jjj="{j:.1f}"/>' for i, (l, j, *_) in enumerate(betas, 1))
    parts.append(f"<PP_SPIN_ORB>\n{spin_orbit}\n</PP_SPIN_ORB>")
    return '<UPF version="2.0.1">\n' + "\n".join(parts) + "\n</UPF>\n"


def _reach(function: Real) -> int:
    """Points up to where a projector is zero; odd, as Simpson's rule wants it."""
    last = int(np.flatnonzero(np.abs(function) > 1e-8)[-1]) + 1
    return min(last + 1 - last % 2, len(function) - 1 + len(function) % 2)


def _attributes(values: dict[str, object]) -> str:
    return " ".join(f'{key}="{value}"' for key, value in values.items())


def _tag(name: str, values: Real, **attributes: object) -> str:
    lines = "\n".join(" ".join(f"{x: .15E}" for x in values[i : i + 4]) for i in range(0, len(values), 4))
    return f"<{name} {_attributes({'type': 'real', 'size': len(values), 'columns': 4, **attributes})}>\n{lines}\n</{name}>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("psp8", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="default: the same name with .upf, in this folder")
    options = parser.parse_args()
    try:
        text = upf(read_psp8(options.psp8))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    target = options.output or Path(options.psp8.stem + ".upf")
    target.write_text(text)
    print(f"written to {target}")


if __name__ == "__main__":
    main()
