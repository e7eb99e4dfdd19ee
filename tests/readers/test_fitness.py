"""Wrong files are refused, each for what is wrong with it: planted faults in the files of Pt, and in small ones made here."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from wannier_spin import compute
from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.readers import Check, Fitness, UnfitError, check_model, examined, fitness_of, read_wannier90
from wannier_spin.readers.bloch_data import BlochData, without_excluded
from wannier_spin.readers.consistency import check_files
from wannier_spin.readers.energy_tests import check_windows
from wannier_spin.readers.fitness import stored_fitness
from wannier_spin.readers.overlap_tests import shell_weights
from wannier_spin.readers.spin_tests import check_spin_matrices
from wannier_spin.readers.wannier90 import read_bloch_data

Models = Callable[[str], TightBindingModel]
SeedWith = Callable[..., Path]
Spin = NDArray[np.complex128]


@pytest.fixture(scope="module")
def pt_data(seed_with: SeedWith) -> BlochData:
    return read_bloch_data(seed_with("Pt", ".chk", ".eig", ".mmn", ".spn"), None)


def other_run(data: BlochData) -> Spin:
    """The spin matrices of a run with other states in each level, and other phases."""
    assert data.spin is not None
    rng, out = np.random.default_rng(0), np.empty_like(data.spin)
    for k, e in enumerate(data.energies):
        level, U = np.cumsum(np.diff(e, prepend=e[0]) > 1e-3), np.zeros((len(e), len(e)), complex)
        for one in range(level[-1] + 1):
            own = np.flatnonzero(level == one)
            U[np.ix_(own, own)] = np.linalg.qr(rng.normal(size=(len(own), len(own), 2)).view(complex)[..., 0])[0]
        out[k] = np.einsum("im,ija,jn->mna", U.conj(), data.spin[k], U)
    return out


def permuted(data: BlochData) -> Spin:
    assert data.spin is not None
    return data.spin[np.random.default_rng(0).permutation(len(data.spin))]


def first_index_fastest(data: BlochData) -> Spin:
    assert data.spin is not None
    return data.spin[np.arange(125).reshape(5, 5, 5).transpose(2, 1, 0).ravel()]


FAULTS: dict[str, tuple[Callable[[BlochData], Spin], str, tuple[str, ...]]] = {
    "hbar/2": (lambda d: d.spin / 2, "size of spin", ("sigma/2", "multiply by 2")),
    "0.9": (lambda d: 0.9 * d.spin, "size of spin", ("scaled", "0.900")),
    "-sigma": (lambda d: -d.spin, "handedness of spin", ("all three", "does not tell which")),
    "x<->z": (lambda d: d.spin[..., [2, 1, 0]], "handedness of spin", ("two are exchanged", "does not tell which")),
    "-s_z": (lambda d: d.spin * [1, 1, -1], "handedness of spin", ("one component", "does not tell which")),
    "x twice": (lambda d: d.spin[..., [0, 0, 2]], "size of spin", ("s_x and s_y are alike", "twice")),
    "conjugated": (lambda d: d.spin.conj(), "spin matrices of these states", ("complex conjugated",)),
    "other run": (other_run, "spin matrices of these states", ("another nscf run", "fits the energies")),
    "permuted": (permuted, "spin matrices of these states", ("k-points are in another order",)),
    "Fortran order": (first_index_fastest, "spin matrices of these states", ("another order (c slowest", "reordered they fit")),
    "two exchanged": (lambda d: d.spin[[1, 0, *range(2, 125)]], "spin matrices of these states", ("2 of 125", "only some")),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_each_fault_of_the_spin_matrices_has_its_name(fault: str, pt_data: BlochData) -> None:
    plant, name, parts = FAULTS[fault]
    found = [check for check in check_spin_matrices(replace(pt_data, spin=plant(pt_data))) if check.ok is False]
    assert [check.name for check in found] == [name]
    assert found[0].certain
    told = f"{found[0].value}; {found[0].advice}"
    assert not [part for part in parts if part not in told], told


@pytest.mark.parametrize("material", ["Pt", "GaAs", "Fe", "Mn2Au", "MnBi2Te4"])
def test_right_files_pass(material: str, seed_with: SeedWith) -> None:
    data = read_bloch_data(seed_with(material, ".chk", ".eig", ".mmn", ".spn"), None)
    checks = [*check_files(data), *check_spin_matrices(data)]
    assert len(checks) >= 10
    assert [check.name for check in checks if check.ok is False] == []
    assert {"overlaps against .chk", "Wannier centres", "spin matrices of these states"} <= {c.name for c in checks if c.ok}


def test_without_even_bands_the_cause_is_left_open(pt_data: BlochData) -> None:
    """Energies that differ at k and -k, as in a magnet without P: phases and order cannot be told apart, and it says so."""
    k = pt_data.checkpoint.kpoints
    tilted = replace(pt_data, energies=pt_data.energies + 0.01 * np.sin(2 * np.pi * k[:, :1]), spin=other_run(pt_data))
    (found,) = [check for check in check_spin_matrices(tilted) if check.ok is False]
    assert "do not tell which" in found.advice


def test_a_run_refuses_spin_matrices_of_another_run(pt: Path, pt_data: BlochData) -> None:
    write_spn(pt.with_suffix(".spn"), other_run(pt_data))
    with pytest.raises(UnfitError, match="another nscf run") as caught:
        read_wannier90(pt)
    assert caught.value.model is not None  # for `check`, which shows all
    assert {c.name: c.ok for c in check_model(caught.value.model)}["spin matrices of these states"] is False


def write_spn(path: Path, spin: Spin) -> None:
    """Unformatted, in place of a link."""
    n_k, n = spin.shape[:2]
    row, column = np.tril_indices(n)
    path.unlink()

    def record(data: bytes) -> bytes:
        return np.int32(len(data)).tobytes() + data + np.int32(len(data)).tobytes()

    rows = [record(spin[k][column, row].astype(complex).tobytes()) for k in range(n_k)]
    path.write_bytes(record(b" " * 60) + record(np.array([n, n_k], np.int32).tobytes()) + b"".join(rows))


# --- files against one another --------------------------------------------------------------------------------------


def refusal(data: BlochData) -> str:
    with pytest.raises(InputError) as caught:
        check_files(data)
    return str(caught.value)


def test_mmn_of_another_run(pt_data: BlochData) -> None:
    """Other phases of the states: everything but the record in the checkpoint still fits."""
    phase = np.exp(2j * np.pi * np.random.default_rng(1).random(pt_data.energies.shape))
    o = pt_data.overlaps
    M = o.matrices * phase.conj()[:, None, :, None] * phase[o.neighbours][:, :, None, :]
    assert "is not the one that" in refusal(replace(pt_data, overlaps=replace(o, matrices=M)))


def test_mmn_that_contradicts_itself_or_is_too_large(pt_data: BlochData) -> None:
    o = pt_data.overlaps
    M = o.matrices.copy()
    M[0, [0, 1]] = M[0, [1, 0]]
    assert "contradicts itself" in refusal(replace(pt_data, overlaps=replace(o, matrices=M)))
    assert "has the norm 1.03" in refusal(replace(pt_data, overlaps=replace(o, matrices=1.04 * o.matrices)))


@pytest.mark.parametrize("factor", [0, -1, 1.2])
def test_centres_that_do_not_follow_from_the_overlaps(factor: float, pt_data: BlochData) -> None:
    """Those of Pt lie at the origin: they are moved, and the overlaps with them, first."""
    chk, o = pt_data.checkpoint, pt_data.overlaps
    assert chk.overlaps is not None
    move = np.array([0.3, -0.2, 0.4])
    b = (chk.kpoints[o.neighbours] + o.G - chk.kpoints[:, None]) @ (2 * np.pi * np.linalg.inv(chk.lattice).T)
    phase = np.exp(-1j * b @ move)[:, :, None, None]
    moved = replace(chk, centres=chk.centres + move, overlaps=chk.overlaps * phase)
    data = replace(pt_data, checkpoint=moved, overlaps=replace(o, matrices=o.matrices * phase))
    assert all(check.ok is not False for check in check_files(data))
    wrong = replace(moved, centres=factor * moved.centres)
    assert "Wannier function" in refusal(replace(data, checkpoint=wrong))


def test_lattice_of_chk_against_win(pt_data: BlochData) -> None:
    chk = pt_data.checkpoint
    for lattice in (chk.lattice / 0.529177, chk.lattice[[1, 0, 2]]):
        assert "one of the two was changed" in refusal(replace(pt_data, checkpoint=replace(chk, lattice=lattice)))


def test_energies_shifted_as_a_whole_are_a_doubt(pt_data: BlochData) -> None:
    """A window that does not fit: .win edited or .eig shifted, which these files do not tell."""
    for energies in (pt_data.energies + 1.0, pt_data.energies * 1.05):
        found = [check for check in check_files(replace(pt_data, energies=energies)) if check.ok is False]
        assert [check.name for check in found] == ["frozen window"]
        assert "shifted or scaled" in found[0].advice
        assert not found[0].certain


def frozen_window_of(data: BlochData, top: float) -> Check:
    assert data.win is not None
    win = replace(data.win, keywords={**data.win.keywords, "dis_froz_max": f"{top:.6f}"})
    return next(check for check in check_windows(replace(data, win=win)) if check.name == "frozen window")


def test_a_level_above_the_frozen_window_may_be_whole_by_chance(pt_data: BlochData) -> None:
    """2 meV above dis_froz_max: an accident where one in four states above is whole, a doubt where one in thirty is."""
    highest, next_one = 27.700633, 28.756598
    assert frozen_window_of(pt_data, highest + 0.5).ok
    assert frozen_window_of(pt_data, highest - 5e-5).ok, "the state on the edge is frozen or not by rounding"
    rare = frozen_window_of(pt_data, highest - 2e-3)
    assert rare.ok is False and "4.3 % look so by chance" in rare.advice
    V = pt_data.checkpoint.V.copy()
    above = np.argwhere((pt_data.energies > next_one + 1e-3) & (pt_data.energies < next_one + 1))
    assert len(above) > 20
    V[above[:, 0], above[:, 1]] = np.eye(V.shape[2])[0]  # one of the two levels there
    often = replace(pt_data, checkpoint=replace(pt_data.checkpoint, V=V))
    found = frozen_window_of(often, highest - 2e-3)
    assert found.ok and "1 level above dis_froz_max" in found.value
    assert frozen_window_of(often, highest - 8).ok is False, "so many levels are no chance"
    assert frozen_window_of(often, next_one + 0.1).ok is False, "a state below dis_froz_max is lost"


def test_kpoints_outside_of_the_spheres_freeze_nothing(pt_data: BlochData) -> None:
    """With dis_spheres Wannier90 takes as many bands as functions there, and may leave out the lowest: no frozen state is lost."""
    chk = pt_data.checkpoint
    assert chk.window is not None
    window, V, n = chk.window.copy(), chk.V.copy(), chk.n_wannier
    for k in (3, 40):
        window[k], V[k] = False, 0
        window[k, 2 : n + 2], V[k, 2 : n + 2] = True, np.eye(n)
    spheres = replace(pt_data, checkpoint=replace(chk, V=V, window=window))
    assert all(check.ok for check in check_windows(spheres))
    window[[3, 40]] = chk.window[[3, 40]]  # a choice of bands, and the lowest are not among them
    with pytest.raises(InputError, match="no frozen window has the bands"):
        check_windows(spheres)


def test_kpoints_are_equal_modulo_reciprocal_lattice_vectors(pt: Path) -> None:
    path = pt.with_suffix(".win")
    text = path.read_text().replace("\n  0.80000000", "\n -0.20000000")
    assert "-0.20000000" in text
    path.unlink()
    path.write_text(text)
    assert read_wannier90(pt).n_bands == 18


def test_bands_that_chk_excludes_may_be_in_the_other_files(pt_data: BlochData) -> None:
    """.eig, .mmn and .spn with two more bands, which the checkpoint names as excluded."""
    n_k, n = pt_data.energies.shape
    kept = np.delete(np.arange(n + 2), [0, 5])
    energies, spin = np.zeros((n_k, n + 2)), np.zeros((n_k, n + 2, n + 2, 3), complex)
    energies[:, kept] = pt_data.energies
    assert pt_data.spin is not None
    spin[:, kept[:, None], kept] = pt_data.spin
    more = replace(pt_data, energies=energies, spin=spin, checkpoint=replace(pt_data.checkpoint, excluded=(1, 6)))
    less = without_excluded(more)
    np.testing.assert_array_equal(less.energies, pt_data.energies)
    assert less.spin is not None
    np.testing.assert_array_equal(less.spin, pt_data.spin)


def test_shell_weights_of_a_cubic_lattice() -> None:
    b = 0.2 * np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]])
    np.testing.assert_allclose(shell_weights(b), np.full(6, 1 / (2 * 0.04)))
    assert shell_weights(b[[0, 1, 3, 4]]) is None


# --- the record -----------------------------------------------------------------------------------------------------


def test_fitness_goes_with_model_and_result(models: Models) -> None:
    model = models("Pt")
    fitness = fitness_of(model)
    assert fitness == stored_fitness(model.source)
    assert {"Hermiticity", "size of spin", "handedness of spin"} <= set(fitness.passed)
    result = compute(model, "spin_hall", grid=(4, 4, 4), mu=22.4839, temperature=1000)
    stored = json.loads(result.provenance["model_source"]["fitness"])
    assert [check["name"] for check in stored] == [check.name for check in fitness.checks]


def test_doubts_become_warnings_of_results(models: Models) -> None:
    """The shipped Mn2Au: spins between its few k-points are off; every result says so."""
    model = examined(models("Mn2Au"))
    assert any("spins are off by up to about 18 %" in text for text in fitness_of(model).warnings)
    with pytest.warns(UserWarning, match="spins are off"):
        result = compute(model, "edelstein", grid=(2, 2, 2), mu=16.5032, temperature=1000)
    assert any("spins are off" in text for text in result.warnings)


def test_checks_of_one_name_replace_one_another() -> None:
    first, second = Check("a", True, "1", "2"), Check("a", False, "3", "4", "do", certain=True)
    fitness = Fitness((first,)).with_checks([second, Check("b", None, "not tested: why", "", tested=False)])
    assert fitness.faults == (second,)
    assert fitness.untested == ("b (why)",)
    assert stored_fitness({"fitness": fitness.as_json()}) == fitness
    assert stored_fitness({"fitness": "damaged"}) == Fitness()
