"""Planted faults: each one in the files of each material, and who names it. Makes docs/faults.md.

    python workflows/verification/faults.py FOLDER_OF_MATERIALS --write
    python workflows/verification/faults.py FOLDER_OF_MATERIALS --only Pt

FOLDER has a folder for each material with .chk, .eig, .mmn, .spn, .win of one run. A fault is planted in what was read, and what
`run` would do is done: the files are held against one another, then a model is made and tested, and last it is held against the
crystal where the fault can be seen only there. Ends with 1 where a fault that the files can tell is not named with its cause.
"""

from __future__ import annotations

import argparse
import atexit
import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wannier_spin.calculation.symmetrize import verified_group
from wannier_spin.errors import InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE
from wannier_spin.model import Structure, TightBindingModel
from wannier_spin.readers import berri_input, read_structure
from wannier_spin.readers.consistency import BlochData, check_files
from wannier_spin.readers.fitness import Check
from wannier_spin.readers.quality import model_checks
from wannier_spin.readers.spin_tests import check_spin_matrices
from wannier_spin.readers.wannier90 import read_bloch_data
from wannier_spin.readers.wigner_seitz import WS_DISTANCE_TOLERANCE

sys.path.insert(0, str(Path(__file__).parent))
from planted import Fault, Verdict
from text_faults import INPUT_FAULTS, TEXT_FAULTS, text_table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
MATERIALS: dict[str, list[list[float]] | None] = {  # and their moments, mu_B
    "Pt": None,
    "GaAs": None,
    "Fe": [[0, 0, 2.2]],
    "Mn2Au": [[2.4975, 2.4975, 0.0], [-2.4975, -2.4975, 0.0], [0.0, 0.0, 0.0]],
}
DFT = {"Pt": (22.4839, 16), "GaAs": (9.13, 28), "Fe": (17.6048, 16), "Mn2Au": (16.5032, 49)}  # Fermi energy (eV), electrons
OUTPUTS = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, OUTPUTS, ignore_errors=True)
Plant = Callable[[BlochData], BlochData]
Fields = NDArray[np.complex128]


def spins(change: Callable[[Fields], Fields]) -> Plant:
    """A fault of `.spn` alone."""
    return lambda data: replace(data, spin=change(spin_of(data)))


def spin_of(data: BlochData) -> Fields:
    assert data.spin is not None
    return data.spin


def checkpoint(**changes: Callable[[BlochData], object]) -> Plant:
    """A fault of `.chk` alone, by field."""
    return lambda data: replace(
        data,
        checkpoint=replace(data.checkpoint, **{name: change(data) for name, change in changes.items()}),  # type: ignore[arg-type]
    )


def overlaps(change: Callable[[BlochData], Fields]) -> Plant:
    """A fault of `.mmn` alone."""
    return lambda data: replace(data, overlaps=replace(data.overlaps, matrices=change(data)))


def shuffled(data: BlochData) -> NDArray[np.int64]:
    return np.asarray(np.random.default_rng(0).permutation(len(data.energies)), np.int64)


def other_axis_first(data: BlochData) -> NDArray[np.int64]:
    n = data.checkpoint.mesh
    return np.arange(n.prod()).reshape(*n[::-1]).transpose(2, 1, 0).ravel()


def of_another_run(data: BlochData) -> Fields:
    """Other states within each level, other phases."""
    rng, spin, out = np.random.default_rng(0), spin_of(data), np.empty_like(spin_of(data))
    for k, e in enumerate(data.energies):
        level, U = np.cumsum(np.diff(e, prepend=e[0]) > 1e-3), np.zeros((len(e), len(e)), complex)
        for one in range(level[-1] + 1):
            own = np.flatnonzero(level == one)
            U[np.ix_(own, own)] = np.linalg.qr(rng.normal(size=(len(own), len(own), 2)).view(complex)[..., 0])[0]
        out[k] = np.einsum("im,ija,jn->mna", U.conj(), spin[k], U, optimize=True)
    return out


def other_phases(data: BlochData) -> Fields:
    phase = np.exp(2j * np.pi * np.random.default_rng(1).random(data.energies.shape))
    o = data.overlaps
    return np.asarray(o.matrices * phase.conj()[:, None, :, None] * phase[o.neighbours][:, :, None, :])


def without_augmentation(data: BlochData) -> Fields:
    """As GPAW 22.8's interface writes them: a part of each overlap lacks its phase, |M| is above 1."""
    return np.asarray(data.overlaps.matrices + 0.04 * np.eye(data.energies.shape[1]))


def blocks_exchanged(data: BlochData) -> Fields:
    M = data.overlaps.matrices.copy()
    M[:, [0, 1]] = M[:, [1, 0]]
    return M


def energies(change: Callable[[BlochData], NDArray[np.float64]]) -> Plant:
    """A fault of `.eig` alone."""
    return lambda data: replace(data, energies=change(data))


def with_output(change: Callable[[BlochData], NDArray[np.float64]]) -> Plant:
    """A fault of `.eig`, with the output of the DFT run beside it."""

    def plant(data: BlochData) -> BlochData:
        path = data.paths["eig"]
        fermi, electrons = DFT[path.name.split(".")[0]]
        folder = OUTPUTS / path.name
        folder.mkdir(exist_ok=True)
        words = f"number of electrons = {electrons:.2f}\nEnd of self-consistent calculation\nthe Fermi energy is {fermi} ev\n"
        (folder / "scf.out").write_text(words, encoding="utf-8")
        return replace(data, energies=change(data), paths={**data.paths, "eig": folder / path.name}, win=None)

    return plant


def two_bands_exchanged(data: BlochData) -> NDArray[np.float64]:
    """At one k-point, those farthest apart."""
    e = data.energies.copy()
    e[3, [0, -1]] = e[3, [-1, 0]]
    return e


def all_bands_but(number: int) -> Plant:
    return lambda data: replace(data, energies=np.delete(data.energies, number, axis=1))


def moved_centres(factor: float) -> Callable[[BlochData], NDArray[np.float64]]:
    return lambda data: factor * data.checkpoint.centres


CENTRE_AT_ZERO = "all centres are at the origin, where the factor changes nothing"
SHIFT = "one number added to all energies changes no overlap, no window that is not given, and no response but through mu"
FACTOR = "a factor of 1.01 takes no energy across the edge of a window that .win gives"
SPN: tuple[Fault[BlochData], ...] = (
    Fault("`.spn` in units of hbar (sigma/2)", spins(lambda s: s / 2), ("sigma/2", "multiply by 2")),
    Fault("`.spn` times 0.9", spins(lambda s: 0.9 * s), ("scaled",)),
    Fault("`.spn` with the other sign", spins(lambda s: -s), ("all three",)),
    Fault("`.spn` with s_x and s_z exchanged", spins(lambda s: s[..., [2, 1, 0]]), ("two are exchanged",)),
    Fault("`.spn` with -s_z", spins(lambda s: s * np.array([1, 1, -1])), ("one component",)),
    Fault("`.spn` with s_x in the place of s_y", spins(lambda s: s[..., [0, 0, 2]]), ("s_x and s_y are alike",)),
    Fault("`.spn` with the axes permuted, x->y->z", spins(lambda s: s[..., [1, 2, 0]]), ("of what the file has",)),
    Fault("`.spn` complex conjugated", spins(lambda s: s.conj()), ("complex conjugated",)),
    Fault(
        "`.spn` of another nscf run",
        lambda d: replace(d, spin=of_another_run(d)),
        ("another nscf run",),
    ),
    Fault("`.spn` with the k-points in any order", lambda d: replace(d, spin=spin_of(d)[shuffled(d)]), ("another order",)),
    Fault(
        "`.spn` with the first axis of the mesh fastest",
        lambda d: replace(d, spin=spin_of(d)[other_axis_first(d)]),
        ("another order",),
    ),
    Fault("`.spn` with two k-points exchanged", spins(lambda s: s[[1, 0, *range(2, len(s))]]), ("only some k-points",)),
    Fault("`.spn` of zeros", spins(np.zeros_like), ("empty of spin",)),
)
EIG: tuple[Fault[BlochData], ...] = (
    Fault("`.eig` plus 1 eV", energies(lambda d: d.energies + 1.0), ("shifted or scaled",), SHIFT),
    Fault("`.eig` times 1.01", energies(lambda d: 1.01 * d.energies), ("shifted or scaled",), FACTOR),
    Fault("`.eig` plus 1 eV, no `.win`, the output of scf", with_output(lambda d: d.energies + 1.0), ("fill .eig up to",)),
    Fault("`.eig` times 1.1, no `.win`, the output of scf", with_output(lambda d: 1.1 * d.energies), ("fill .eig up to",)),
    Fault("`.eig` with the k-points in any order", energies(lambda d: d.energies[shuffled(d)]), ("does not fit",)),
    Fault("`.eig` with two bands exchanged at one k", energies(two_bands_exchanged), ("does not fit", "not in ascending order")),
    Fault("`.eig` without its lowest band", all_bands_but(0), ("bands and",)),
)
MMN: tuple[Fault[BlochData], ...] = (
    Fault("`.mmn` of another nscf run (phases)", overlaps(other_phases), ("is not the one that",)),
    Fault(
        "`.mmn` without phases of augmentation",
        overlaps(without_augmentation),
        ("has the norm", "is not the one that", "contradicts"),
    ),
    Fault("`.mmn` times 1.04", overlaps(lambda d: 1.04 * d.overlaps.matrices), ("has the norm", "is not the one that")),
    Fault("`.mmn` complex conjugated", overlaps(lambda d: d.overlaps.matrices.conj()), ("is not the one that",)),
    Fault("`.mmn` with two neighbours exchanged", overlaps(blocks_exchanged), ("contradicts itself", "is not the one that")),
    Fault(
        "`.mmn` with the k-points in any order",
        overlaps(lambda d: d.overlaps.matrices[shuffled(d)]),
        ("contradicts itself", "is not the one that"),
    ),
)
CHK: tuple[Fault[BlochData], ...] = (
    Fault("`.chk` with its lattice in bohr", checkpoint(lattice=lambda d: d.checkpoint.lattice / 0.529177), ("lattice vectors",)),
    Fault(
        "`.chk` with its lattice transposed",
        checkpoint(lattice=lambda d: np.ascontiguousarray(d.checkpoint.lattice.T)),
        ("lattice vectors",),
        "the lattice is a symmetric matrix",
    ),
    Fault(
        "`.chk` with two lattice vectors exchanged",
        checkpoint(lattice=lambda d: d.checkpoint.lattice[[1, 0, 2]]),
        ("lattice vectors",),
    ),
    Fault(
        "`.chk` with centres of the other sign",
        checkpoint(centres=moved_centres(-1)),
        ("the centre of Wannier function",),
        CENTRE_AT_ZERO,
    ),
    Fault("`.chk` with centres at zero", checkpoint(centres=moved_centres(0)), ("the centre of Wannier function",), CENTRE_AT_ZERO),
    Fault(
        "`.chk` with centres in bohr",
        checkpoint(centres=moved_centres(1.8897)),
        ("the centre of Wannier function",),
        CENTRE_AT_ZERO,
    ),
    Fault("`.chk` with V conjugated", checkpoint(V=lambda d: d.checkpoint.V.conj()), ("is not the one that",)),
    Fault("`.chk` with V of other k-points", checkpoint(V=lambda d: d.checkpoint.V[shuffled(d)]), ("is not the one that",)),
    Fault(
        "`.chk` with its k-points in any order",
        checkpoint(kpoints=lambda d: d.checkpoint.kpoints[shuffled(d)]),
        ("order of the k-points",),
    ),
)
FAULTS = (*SPN, *EIG, *MMN, *CHK)


def build(data: BlochData) -> TightBindingModel:
    """The model of these data, without any test."""
    chk = data.checkpoint
    R = berri_input.build(chk, data.energies, data.overlaps, data.spin, WS_DISTANCE_TOLERANCE, "planted", False, None)
    return TightBindingModel(
        lattice=chk.lattice,
        R_vectors=R.R_vectors,
        hamiltonian_R=R.hamiltonian,
        position_R=R.position,
        spin_R=R.spin,
        centres=chk.centres,
    )


def tests_of(data: BlochData, structure: Structure) -> Iterator[Check]:
    """What a run tests, in its order; the costly ones last. A test that cannot go on raises InputError."""
    yield from check_files(data)
    yield from check_spin_matrices(data)
    model = build(data)
    yield from model_checks(model)
    verified_group(model, structure, DEGENERACY_TOLERANCE)


def verdict(fault: Fault[BlochData], data: BlochData, structure: Structure, known: frozenset[str]) -> Verdict:
    """The first thing that is said of a planted fault. known : doubts that there are about the right files too."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bad = next((c for c in tests_of(fault.plant(data), structure) if c.ok is False and c.name not in known), None)
    except InputError as error:
        return judged("refused", str(error), fault)
    if bad is None:
        return Verdict("silent", "", False)
    return judged("refused" if bad.certain else "warned", f"{bad.name}: {bad.value}; {bad.advice}", fault)


def judged(by: str, message: str, fault: Fault[BlochData]) -> Verdict:
    return Verdict(by, message, any(part in message for part in fault.cause))


def table(folder: Path, only: str | None) -> dict[str, dict[str, Verdict]]:
    """By fault and material."""
    found: dict[str, dict[str, Verdict]] = {fault.what: {} for fault in FAULTS}
    for material, moments in MATERIALS.items():
        if only not in (None, material):
            continue
        data = read_bloch_data(folder / material / material, None)
        structure = read_structure(folder / material / f"{material}.win", magnetic_moments=moments)
        doubts = [check for check in tests_of(data, structure) if check.ok is False]
        if certain := [check for check in doubts if check.certain]:
            raise SystemExit(f"{material} itself: {certain[0].name}: {certain[0].value}")
        known = frozenset(check.name for check in doubts)
        for fault in FAULTS:
            found[fault.what][material] = verdict(fault, data, structure, known)
            one = found[fault.what][material]
            print(f"{material}: {fault.what}: {one.by}{'' if one.named else ' WITHOUT CAUSE'}: {one.message[:160]}", flush=True)
    return found


def holes(found: dict[str, dict[str, Verdict]]) -> list[str]:
    """Faults that are not named though a file could tell."""
    reasons = {fault.what: fault.undecidable for fault in FAULTS}
    return [f"{m}: {what}" for what, row in found.items() for m, one in row.items() if not one.named and not reasons[what]]


def text_rows(found: Mapping[str, Verdict]) -> list[str]:
    """Of faults of text files and input."""
    reasons = {fault.what: fault.undecidable for fault in (*TEXT_FAULTS, *INPUT_FAULTS)}
    return [
        f"| {what} | {one.by if one.named else 'undecidable' if reasons[what] else f'{one.by}, cause not named'} | "
        f"{shortened(one.message) if one.named else reasons[what]} |"
        for what, one in found.items()
    ]


def page(found: dict[str, dict[str, Verdict]], text: Mapping[str, Verdict]) -> str:
    """docs/faults.md."""
    materials = list(next(iter(found.values())))
    reasons = {fault.what: fault.undecidable for fault in FAULTS}
    lines = [
        HEAD,
        f"| fault | {' | '.join(materials)} | what is said, or why nothing can be |",
        f"|---|{'---|' * len(materials)}---|",
    ]
    for what, row in found.items():
        cells = [
            one.by if one.named else ("undecidable" if reasons[what] else f"{one.by}, cause not named") for one in row.values()
        ]
        named = next((one.message for one in row.values() if one.named), "")
        shown = shortened(named) if named else ""
        reason = f"undecidable where {reasons[what]}" if "undecidable" in cells else ""
        lines.append(f"| {what} | {' | '.join(cells)} | {'; '.join(filter(None, (shown, reason)))} |")
    return "\n".join([*lines, TEXT_HEAD, *text_rows(text), ""]) + TAIL


def shortened(message: str, length: int = 170) -> str:
    """Without paths, on one line."""
    words = " ".join(
        word if "/" not in word or len(word) < 12 else "'" + word.strip("'\",;:").rsplit("/", 1)[-1] + "'"
        for word in message.split()
    )
    words = words.replace("|", "\\|")
    return words if len(words) <= length else words[:length].rsplit(" ", 1)[0] + " ..."


HEAD = """# Planted faults

Each fault was planted in the files of each material, and what `run` says first was written down.

- *refused*: the run ends with a message that names the cause.
- *warned*: the result carries a warning that names it.
- *undecidable*: nothing in the files can tell, for the reason that stands behind.

Made by `workflows/verification/faults.py`, which ends with an error where a fault that can be told is not.
"""
TEXT_HEAD = """
The text files of gallium arsenide (`_tb.dat`, `_wsvec.dat`, `.win`, `.wout`), and input files:

| fault | GaAs | what is said, or why nothing can be |
|---|---|---|"""
TAIL = """
Other faults are held by tests, with small files made for them:

| faults | tests |
|---|---|
| `_hr.dat`: degeneracies, exact models, spinors, centres of another cell or unit | `tests/readers/test_text_models.py` |
| magnetic structures that are read in part | `tests/readers/test_structure.py`, `test_cif.py`, `test_espresso.py` |
| energies and times in other units, lists that are ranges | `tests/test_edges.py`, `tests/test_request.py` |
| many copies of one process; two jobs that write one result | `tests/integration/test_parallel.py`, `tests/test_locks.py` |
| a rank that the system kills (SIGKILL): the others end within a minute, with a message | `tests/test_bits.py` |
| a rank that fails, is told to stop, or waits for ever: one message, all end | `tests/test_mpi.py` |
| a run that is killed: what is resumed has the same bits | `tests/test_adaptive_runs.py` |
| damaged bytes, damaged structure of files | `tests/fuzz`, `tests/readers/test_fuzz.py` |
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="of the materials")
    parser.add_argument("--only", choices=MATERIALS, help="one material")
    parser.add_argument("--write", action="store_true", help="docs/faults.md")
    parser.add_argument("--report", type=Path, help="JSON file for everything that was said")
    given = parser.parse_args()
    found = table(given.folder, given.only)
    if given.report:
        everything = {what: {m: vars(one) for m, one in row.items()} for what, row in found.items()}
        given.report.write_text(json.dumps(everything, indent=1), encoding="utf-8")
    text = text_table()
    if given.write:
        PAGE.write_text(page(found, text), encoding="utf-8")
    reasons = {fault.what: fault.undecidable for fault in (*TEXT_FAULTS, *INPUT_FAULTS)}
    if wrong := [*holes(found), *(what for what, one in text.items() if not one.named and not reasons[what])]:
        sys.exit("not named: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
