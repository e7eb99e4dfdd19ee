"""Energies of a Wannier90 run against the windows of its checkpoint, and against its overlaps: see `consistency`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers.bloch_data import BlochData, point
from wannier_spin.readers.checkpoint import Checkpoint
from wannier_spin.readers.fermi import electrons_of, fermi_energy_of_outputs
from wannier_spin.readers.fitness import Check, passed_or_not, untested
from wannier_spin.readers.win import WinFile

HBAR2_OVER_2M = 3.80998211  # eV angstrom^2
KINETIC_WEIGHT = 0.95  # bands of which at least this fraction of the norm lies in the bands at k + b
KINETIC_TOLERANCE = (
    0.5,
    1.0,
)  # eV + units of hbar^2 b^2 / 2m. Used up by right files: 51, 21, 39, 31 % (Pt, GaAs, Fe, Mn2Au)
WRONG_EIG = "the order of its k-points differs, or it is of another run: take all files from one pw2wannier90 run"
CONTAINED = 1e-8  # a band of which less than this fraction of the norm is missing lies in the Wannier space
MISSING = 1e-6  # a band of which more than this fraction is missing does not
BY_SYMMETRY = 0.1  # of the bands in the Wannier space: more may not lie above the frozen window by accident or symmetry
EDGE = 1e-4  # eV
CHANCE = 0.05  # levels above a frozen window that are whole by an accident less probable than this are a doubt
NEAR = 1.0  # eV above the first level that is not whole: there more are whole by symmetry or chance than farther up
COUNTED = 0.5  # eV: so far may a mesh of some 100 points be from the Fermi energy of the DFT run (Pt, Fe, Mn2Au: 0.1, 0.1, 0.2)


def read_window(win: WinFile, kind: str) -> tuple[float, float] | None:
    """The window (eV) "dis_win" or "dis_froz" that a `.win` file asks for; None if it asks for none."""
    top = win.number(f"{kind}_max")
    if top is None and kind == "dis_froz":
        return None
    bottom = [x for x in (win.number(f"{kind}_min"), win.number("dis_win_min")) if x is not None]
    return (bottom[0] if bottom else -np.inf), np.inf if top is None else top


def contained(checkpoint: Checkpoint) -> NDArray[np.bool_]:
    """Bands (k, band) that lie wholly in the Wannier space: there the Wannier bands are those of `.eig`."""
    return np.asarray((np.abs(checkpoint.V) ** 2).sum(axis=2) > 1 - CONTAINED)


def check_spreads(data: BlochData) -> Check:
    """Of the Wannier functions, as Wannier90 found them: no proof of anything, but what people look at first."""
    name, spreads = "spreads", data.checkpoint.spreads
    if spreads is None or not np.isfinite(spreads).all():
        return untested(name, "no spreads in .chk")
    largest = int(spreads.argmax())
    found = f"{spreads.min():.2f} to {spreads.max():.2f} angstrom^2 (function {largest + 1}), {spreads.sum():.2f} together"
    cell = float(np.abs(np.linalg.det(data.checkpoint.lattice))) ** (2 / 3)
    return Check(name, None, found, f"each far below volume^(2/3) = {cell:.0f} angstrom^2")


def check_windows(data: BlochData) -> list[Check]:
    """Outer and frozen window: `.eig` against what `.chk` did with its bands, and both against `.win`.

    Where the outer window had no more bands than Wannier functions (as outside of the spheres of dis_spheres) nothing is frozen.
    """
    chk, names = data.checkpoint, ("outer window", "frozen window")
    if chk.window is None:
        why = "as many bands as Wannier functions: any energies of .eig would fit"
        return [untested(name, why) for name in names]
    free = chk.window.sum(axis=1) > chk.n_wannier  # k-points with a choice
    if not free.any():
        return [untested(name, "the outer window has no more bands than Wannier functions") for name in names]
    return [_outer_window(data, free), _frozen_window(data, free)]


def _outer_window(data: BlochData, free: NDArray[np.bool_]) -> Check:
    """Between the bands inside and those above lies one energy for all k."""
    chk, name = data.checkpoint, "outer window"
    assert chk.window is not None
    inside, e = chk.window[free], data.energies[free]
    highest = float(e[inside].max())
    above = np.where(inside, -np.inf, e) > np.where(inside, e, -np.inf).max(axis=1, keepdims=True)
    next_one = float(e[above].min()) if above.any() else np.inf
    if highest > next_one + EDGE:
        raise InputError(
            f"'{data.paths['eig']}' does not fit '{data.paths['chk']}': the outer window of the checkpoint has bands up to "
            f"{highest:.3f} eV and leaves out others from {next_one:.3f} eV upwards, which no window does; {WRONG_EIG}"
        )
    top = np.inf if data.win is None else (read_window(data.win, "dis_win") or (0.0, np.inf))[1]
    found = f"bands up to {highest:.4f} eV, " + (f"the next from {next_one:.4f} eV" if above.any() else "none above")
    if not np.isfinite(top):
        return (
            untested(name, "no dis_win_max in .win: energies shifted or scaled as a whole would fit")
            if data.win
            else untested(name, "no .win")
        )
    return passed_or_not(name, highest - EDGE <= top <= next_one + EDGE, found, f"dis_win_max = {top:g} eV between the two", EDITED)


EDITED = (
    "either .win was edited after the run, or the energies of .eig are shifted or scaled as a whole: these files do not tell "
    "which; compare .eig with the output of the DFT run"
)


def _frozen_window(data: BlochData, free: NDArray[np.bool_]) -> Check:
    """All bands up to dis_froz_max are wholly in the Wannier space; of those above only as many as chance or symmetry keep whole.

    Wannier90 freezes every state with e <= dis_froz_max. A state above it may lie in the Wannier space as well: where many do, and
    none is lost before, energies are shifted or the window was changed.
    """
    chk, win, name = data.checkpoint, data.win, "frozen window"
    window = None if win is None else read_window(win, "dis_froz")
    if win is None or window is None:
        return untested(name, ".win asks for none" if win else "no .win")
    e, norm = data.energies[free], (np.abs(chk.V[free]) ** 2).sum(axis=2)
    whole, missing = norm > 1 - CONTAINED, norm < 1 - MISSING
    lost = missing & (e >= window[0]) & (e <= window[1] - EDGE)
    edge = float(e[missing & (e >= window[0])].min(initial=np.inf))  # a window whose top is below would fit
    highest = float(e[whole & (e < edge)].max(initial=-np.inf))
    above = float((whole & (e > edge)).sum() / max(1, whole.sum()))
    if lost.any() and above > BY_SYMMETRY:
        k = int(np.flatnonzero(free)[int(lost.sum(axis=1).argmax())])
        raise InputError(
            f"'{data.paths['eig']}' does not fit '{data.paths['chk']}': no frozen window has the bands that the checkpoint keeps "
            f"whole ({100 * above:.0f} % of them lie above the first that it does not, {edge:.3f} eV; k-point {k + 1} "
            f"{point(chk, k)}); {WRONG_EIG}"
        )
    extra = levels(e[whole & (e > window[1] + EDGE) & (e < edge)])
    found = f"bands are kept whole up to {highest:.4f} eV, and one at {edge:.4f} eV is not"
    expected = f"dis_froz_max = {window[1]:g} eV of '{win.path.name}' between the two"
    if not len(extra):
        return passed_or_not(name, not lost.any(), found, expected, EDITED)
    used = norm > 0  # the outer window
    chance = _by_chance(e[used & whole & (e > edge)], e[used & (e > edge)], edge) ** len(extra)
    found += f"; {len(extra)} level{'s' * (len(extra) > 1)} above dis_froz_max among them"
    expected += ", or few levels above it (whole by symmetry or chance)"
    advice = f"{EDITED} (of right files about {100 * chance:.2g} % look so by chance)"
    return passed_or_not(name, not lost.any() and chance >= CHANCE, found, expected, advice)


def levels(energies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distinct energies (levels,) of some (...), eV, to a meV: what symmetry makes equal counts once."""
    return np.unique(np.round(energies, 3))


def _by_chance(whole: NDArray[np.float64], every: NDArray[np.float64], edge: float) -> float:
    """How often a level above the first that is lost lies wholly in the Wannier space all the same: no window forbids it."""
    overall = (len(levels(whole)) + 1) / (len(levels(every)) + 2)
    near = len(levels(whole[whole < edge + NEAR])) / max(1, len(levels(every[every < edge + NEAR])))
    return float(max(overall, near))


def check_fermi_energy(data: BlochData) -> Check:
    """`.eig` filled with the electrons of the DFT run: up to the Fermi energy that its output beside the files states.

    Excluded bands are full where they are among the lowest. Only spinors: of a spin channel nobody says how many electrons it has.
    """
    name, expected = "electrons up to the Fermi energy", f"filled to within {COUNTED:g} eV of it"
    if data.spin is None:
        return untested(name, "one spin channel, or no .spn", expected)
    try:
        fermi = fermi_energy_of_outputs(data.paths["eig"].absolute().parent)
    except InputError as error:
        return untested(name, str(error), expected)
    electrons = None if fermi is None or fermi.path is None else electrons_of(fermi.path)
    if fermi is None or electrons is None:
        return untested(name, "no output of the DFT run with its Fermi energy and number of electrons", expected)
    excluded = sum(band <= electrons for band in data.checkpoint.excluded)
    levels = np.sort(data.energies.ravel())
    filled = round((electrons - excluded) * len(data.energies))
    if not 0 < filled < len(levels):
        return untested(
            name, f"{electrons:g} electrons, {excluded} of them in excluded bands: not all others are in .eig", expected
        )
    highest, lowest = float(levels[filled - 1]), float(levels[filled])
    fits = highest - COUNTED <= fermi.value <= lowest + COUNTED
    found = f"{electrons - excluded:g} electrons fill .eig up to {highest:.3f} eV, the next state is at {lowest:.3f} eV"
    advice = f"'{fermi.source}' states {fermi.value:.3f} eV: the energies of .eig are shifted or scaled, or it is of another run"
    return passed_or_not(name, fits, found, expected, advice)


def distance_to_bands(bands: NDArray[np.float64], energies: NDArray[np.float64], wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """|E - nearest of the bands (k, n)| of the energies (k, band) that are wanted, zero elsewhere, eV."""
    away = np.abs(energies[:, :, None] - bands[:, None, :]).min(axis=2)
    return np.where(wanted, away, 0.0)


def kinetic_energies(data: BlochData) -> tuple[NDArray[np.float64], float]:
    """sum_n |M_mn(k,b)|^2 (e_n,k+b - e_mk) averaged over b, (k, band) eV, and what free electrons would give, eV.

    NaN where too much of <u_m,k+b|u_nk> lies outside the bands of the files.
    """
    overlaps, e = data.overlaps, data.energies
    weights = np.abs(overlaps.matrices) ** 2
    kept = weights.sum(axis=3)
    found = np.einsum("kbmn,kbn->km", weights, e[overlaps.neighbours]) - e * kept.sum(axis=1)
    reciprocal = 2 * np.pi * np.linalg.inv(data.checkpoint.lattice).T
    points = data.checkpoint.kpoints
    b = (points[overlaps.neighbours] + overlaps.G - points[:, None]) @ reciprocal
    values = np.where(kept.min(axis=1) > KINETIC_WEIGHT, found / kept.shape[1], np.nan)
    return values, float(HBAR2_OVER_2M * (b**2).sum(axis=-1).mean())


def check_kinetic_energy(data: BlochData) -> Check:
    """Raise InputError if energies and overlaps contradict k.p theory, as they do when .eig is out of order."""
    name, expected = "energies against overlaps", "k.p theory, to nonlocal potentials"
    values, free = kinetic_energies(data)
    usable = np.isfinite(values).sum(axis=0) > len(values) / 2
    if not usable.any():
        return untested(name, "too few bands for the sum rule", expected)
    typical = np.nanmedian(values[:, usable], axis=0)
    error = np.nan_to_num(np.abs(values[:, usable] - typical))
    allowed = KINETIC_TOLERANCE[0] + KINETIC_TOLERANCE[1] * free
    if error.max() > allowed:
        k, column = np.unravel_index(int(error.argmax()), error.shape)
        band = int(np.flatnonzero(usable)[column])
        raise InputError(
            f"'{data.paths['eig']}' does not fit '{data.paths['mmn']}': from k-point {k + 1} {point(data.checkpoint, int(k))} to "
            f"its neighbours the energy of state {band + 1} changes by {values[k, band]:.2f} eV on average, at other k-points by "
            f"{typical[column]:.2f} eV (k.p theory: about {free:.2f}); {WRONG_EIG}"
        )
    return passed_or_not(name, True, f"off by up to {error.max():.2f} eV", f"below {allowed:.2f} eV ({expected})", "")
