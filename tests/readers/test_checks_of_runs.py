"""What every test of files and models says of a small run made here, as it is and spoiled by more or less: stored to the letter.

    WANNIER_SPIN_STORE=1 pytest -n 0 tests/readers/test_checks_of_runs.py

stores it anew in tests/reference/checks.json.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import MESH, PAULI, N, a_run, row_of
from stored import check, lines_of

import wannier_spin as ws
from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.readers import Check, check_model
from wannier_spin.readers.bloch_data import BlochData
from wannier_spin.readers.consistency import check_files
from wannier_spin.readers.quality import total_moment
from wannier_spin.readers.spin_tests import check_spin_matrices
from wannier_spin.readers.wannier90_files import SpinNeighbours

OTHER = [0, 2, 1, *range(3, 24)]


@pytest.fixture(scope="module")
def run() -> BlochData:
    return a_run()


def told(checks: list[Check]) -> dict[str, Any]:
    return {
        one.name: [lines_of(" | ".join(f"{key} {value}" for key, value in asdict(one).items() if key != "name"))] for one in checks
    }


def seen(data: BlochData) -> dict[str, Any]:
    """Of the files and of the spin matrices, which are looked at only if the files agree; words of a refusal in its place."""
    try:
        return told([*check_files(data), *check_spin_matrices(data)])
    except InputError as error:
        return {"refused": lines_of(str(error))}


def news(found: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """What is not said of the run as it is, or no longer."""
    return {name: lines for name, lines in found.items() if lines != usual.get(name)} | {
        "no longer": sorted(usual.keys() - found.keys()) if "refused" not in found else []
    }


def noise(data: BlochData, size: float) -> np.ndarray:
    shape = data.overlaps.matrices.shape
    return size * np.cos(np.arange(np.prod(shape)).reshape(shape) * 1.3)


def one(array: np.ndarray, place: tuple[int, ...], by: complex) -> np.ndarray:
    out = np.array(array)
    out[place] += by
    return out


def checkpoint(data: BlochData, **changes: object) -> BlochData:
    return replace(data, checkpoint=replace(data.checkpoint, **changes))


def overlaps(data: BlochData, M: np.ndarray) -> BlochData:
    return replace(data, overlaps=replace(data.overlaps, matrices=M))


def keyword(data: BlochData, **changes: str | None) -> BlochData:
    kept = {**data.win.keywords, **changes}
    return replace(data, win=replace(data.win, keywords={key: value for key, value in kept.items() if value is not None}))


def lost(data: BlochData, share: float, k: int = 3, band: int = 1) -> BlochData:
    """A state of which a share of the norm is not in the Wannier space."""
    V = np.array(data.checkpoint.V)
    V[k, band] *= np.sqrt(1 - share)
    bra, to = V.conj().swapaxes(1, 2)[:, None], data.overlaps.neighbours
    return checkpoint(data, V=V, overlaps=bra @ data.overlaps.matrices @ V[to])


def shuffled(data: BlochData) -> BlochData:
    order = [3, 1, 2, 0, 4, 5]
    return checkpoint(data, overlaps=data.checkpoint.overlaps[:, order])


def both(data: BlochData, factor: float) -> BlochData:
    """Overlaps and their record."""
    return checkpoint(overlaps(data, factor * data.overlaps.matrices), overlaps=factor * data.checkpoint.overlaps)


def neighbours(data: BlochData, part: Any) -> BlochData:
    """With .sHu, and a part of .sIu."""
    whole = np.einsum("kmlc,kbln->kbmnc", data.spin, data.overlaps.matrices)
    paths = data.paths | {kind: Path(f"x.{kind}") for kind in ("sIu", "sHu")}
    return replace(data, neighbours=SpinNeighbours(whole[part], whole), paths=paths)


def window(data: BlochData) -> np.ndarray:
    inside = np.ones(data.energies.shape, bool)
    inside[:, -1] = False
    return inside


SPOILED: dict[str, Callable[[BlochData], BlochData]] = {
    "as it is": lambda d: d,
    **{f"overlaps and record x {x}": lambda d, x=x: both(d, x) for x in (1.0005, 1.002, 1.015, 1.03, 0.97)},
    **{
        f"an overlap + {x}": lambda d, x=x: overlaps(d, one(d.overlaps.matrices, (5, 1, 2, 3), x))
        for x in (5e-7, 5e-5, 5e-4, 5e-3, 2e-2)
    },
    **{
        f"record + {x}": lambda d, x=x: checkpoint(d, overlaps=d.checkpoint.overlaps + noise(d, x)[..., :N, :N])
        for x in (5e-7, 2e-6, 5e-4)
    },
    "record shuffled": shuffled,
    "record of fewer neighbours": lambda d: checkpoint(d, overlaps=d.checkpoint.overlaps[:, :4]),
    "no record": lambda d: checkpoint(d, overlaps=None),
    **{
        f"a centre + {x}": lambda d, x=x: checkpoint(d, centres=one(d.checkpoint.centres, (2, 1), x))
        for x in (4e-3, 6e-3, 4e-2, 6e-2)
    },
    "no pairs of neighbours": lambda d: replace(d, overlaps=replace(d.overlaps, G=one(d.overlaps.G, (0, 0, 0), 1))),
    "no spreads": lambda d: checkpoint(d, spreads=None),
    "spreads": lambda d: checkpoint(d, spreads=np.array([1.0, 7.0, 2.0, 1.5, 1.2, 0.5])),
    "no window": lambda d: checkpoint(d, window=None),
    "window of as many bands": lambda d: checkpoint(d, window=np.arange(N + 2) < N + np.zeros((24, 1))),
    "window below the last band": lambda d: checkpoint(d, window=window(d)),
    "window without a lower band": lambda d: checkpoint(d, window=one(window(d).astype(int), (3, 2), -1).astype(bool)),
    "dis_win_max between": lambda d: checkpoint(keyword(d, dis_win_max="6.45"), window=window(d)),
    **{
        f"dis_win_max = {x} at the edge": lambda d, x=x: checkpoint(keyword(d, dis_win_max=x), window=window(d))
        for x in ("6.39995", "6.3998", "6.50005", "6.5002")
    },
    **{f"dis_froz_max = {x} at the edge": lambda d, x=x: keyword(d, dis_froz_max=x) for x in ("6.00005", "6.0002")},
    "dis_win_max in the bands": lambda d: keyword(d, dis_win_max="6.7"),
    "no dis_win_max": lambda d: keyword(d, dis_win_max=None),
    "no dis_froz_max": lambda d: keyword(d, dis_froz_max=None),
    "dis_froz_max low": lambda d: keyword(d, dis_froz_max="2.0"),
    "dis_froz_max above": lambda d: keyword(d, dis_froz_max="6.3"),
    "dis_froz_min above": lambda d: keyword(d, dis_froz_min="6.2"),
    **{f"{x} of a state lost": lambda d, x=x: lost(d, x) for x in (5e-9, 5e-8, 5e-6)},
    "a high state lost": lambda d: lost(d, 0.1, 7, 5),
    "a high state lost, little frozen": lambda d: keyword(lost(d, 0.1, 7, 5), dis_froz_max="0.5"),
    "two states lost": lambda d: lost(lost(d, 0.1, 7, 4), 0.1, 9, 5),
    "no .win": lambda d: replace(d, win=None),
    "other num_wann": lambda d: keyword(d, num_wann="7"),
    "no cell in .win": lambda d: replace(d, win=replace(d.win, blocks={})),
    **{f"lattice + {x}": lambda d, x=x: checkpoint(d, lattice=one(d.checkpoint.lattice, (0, 1), x)) for x in (5e-4, 2e-3)},
    "k-points of .win": lambda d: replace(
        d, win=replace(d.win, blocks=d.win.blocks | {"kpoints": [row_of(k + [1, 0, -2]) for k in d.checkpoint.kpoints]})
    ),
    "k-points of .win in another order": lambda d: replace(
        d,
        win=replace(d.win, blocks=d.win.blocks | {"kpoints": [row_of(k) for k in d.checkpoint.kpoints[OTHER]]}),
    ),
    "fewer k-points in .win": lambda d: replace(
        d, win=replace(d.win, blocks=d.win.blocks | {"kpoints": [row_of(k) for k in d.checkpoint.kpoints[:20]]})
    ),
    **{
        f"energies of k-point 4 + {x}": lambda d, x=x: replace(d, energies=d.energies + x * (np.arange(24) == 3)[:, None])
        for x in (0.5, 1.5, 4.0)
    },
    "energies x 1.3": lambda d: replace(d, energies=1.3 * d.energies),
    "energies of 20 k-points": lambda d: replace(d, energies=d.energies[:20]),
    "spin of 20 k-points": lambda d: replace(d, spin=d.spin[:20]),
    "overlaps of 5 bands": lambda d: overlaps(d, d.overlaps.matrices[:, :, :5, :5]),
    ".sIu and .sHu": lambda d: neighbours(d, slice(None)),
    "fewer k-points in .sIu": lambda d: neighbours(d, np.s_[:20]),
    "fewer neighbours in .sIu": lambda d: neighbours(d, np.s_[:, :5]),
    "fewer bands in .sIu": lambda d: neighbours(d, np.s_[:, :, :5, :5]),
    "energies of 5 bands": lambda d: replace(d, energies=d.energies[:, :5]),
    "overlaps of 20 k-points": lambda d: overlaps(d, d.overlaps.matrices[:20]),
    "spin of 5 bands": lambda d: replace(d, spin=d.spin[:, :5, :5]),
    "no spin": lambda d: replace(d, spin=None),
    **{f"spin x {x}": lambda d, x=x: replace(d, spin=x * d.spin) for x in (0.99, 0.97, 0.8, 0.51, 0.5, -1)},
    **{
        f"s_{'xyz'[a]} x {x}": lambda d, x=x, a=a: replace(d, spin=d.spin * np.where(np.arange(3) == a, x, 1.0))
        for a, x in ((0, 0.97), (1, 0.95), (2, -1), (0, 0), (1, 5e-4), (2, 2e-3))
    },
    "s_y is s_x": lambda d: replace(d, spin=d.spin[..., [0, 0, 2]]),
    "s_y near s_x": lambda d: replace(d, spin=d.spin @ np.array([[1, 0.8, 0], [0, 0.6, 0], [0, 0, 1]])),
    "s_x and s_z exchanged": lambda d: replace(d, spin=d.spin[..., [2, 1, 0]]),
    "spin conjugated": lambda d: replace(d, spin=d.spin.conj()),
    "spin of c slowest": lambda d: replace(d, spin=d.spin[np.arange(24).reshape(MESH).transpose(2, 1, 0).ravel().argsort()]),
    "spin of b slowest": lambda d: replace(d, spin=d.spin[np.arange(24).reshape(MESH).transpose(1, 2, 0).ravel()]),
    "spin of two k-points exchanged": lambda d: replace(d, spin=d.spin[[0, 1, 5, 3, 4, 2, *range(6, 24)]]),
    "spin in any order": lambda d: replace(d, spin=d.spin[np.random.default_rng(0).permutation(24)]),
    "spin in any order, even bands": lambda d: replace(
        d, spin=d.spin[np.random.default_rng(0).permutation(24)], energies=np.tile([1.0, 1, 2, 3, 4, 4, 4, 5], (24, 1))
    ),
    "spin of other states, even bands": lambda d: replace(
        d,
        spin=np.einsum("kim,kija,kjn->kmna", *[_unitary().conj(), d.spin, _unitary()]),
        energies=np.tile(np.arange(8.0) // 2, (24, 1)),
    ),
    "one k-point": lambda d: replace(d, spin=d.spin[:1], checkpoint=replace(d.checkpoint, V=d.checkpoint.V[:1])),
}


def _unitary() -> np.ndarray:
    """Of states within levels of two, at each k-point another."""
    rng, U = np.random.default_rng(2), np.zeros((24, N + 2, N + 2), complex)
    for pair in range(N // 2 + 1):
        own = slice(2 * pair, 2 * pair + 2)
        U[:, own, own] = np.linalg.qr(rng.normal(size=(24, 2, 2)) + 1j * rng.normal(size=(24, 2, 2)))[0]
    return U


def test_the_run_is_right(run: BlochData) -> None:
    checks = [*check_files(run), *check_spin_matrices(run)]
    assert [one.name for one in checks if one.ok is False] == []
    assert sum(one.ok is True for one in checks) >= 10


@pytest.mark.parametrize("fault", SPOILED)
def test_what_is_said_of_files(fault: str, run: BlochData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check("checks.json", fault, news(seen(SPOILED[fault](run)), {} if fault == "as it is" else seen(run)))


def test_a_window_that_leaves_out_lower_bands_is_none(run: BlochData) -> None:
    inside = np.ones(run.energies.shape, bool)
    inside[run.energies[:, -1].argmin(), -1] = False
    with pytest.raises(InputError, match=r"bands up to .* eV and leaves out others from"):
        check_files(checkpoint(run, window=inside))


@pytest.mark.parametrize("n_k", [1, 2])
def test_spin_matrices_of_few_points(n_k: int, run: BlochData) -> None:
    """One k-point has no neighbours; two have, each the other one."""
    few = replace(run.overlaps, matrices=run.overlaps.matrices[:n_k, 2:3], neighbours=np.arange(n_k)[::-1, None])
    data = replace(checkpoint(run, V=run.checkpoint.V[:n_k]), overlaps=few, spin=run.spin[:n_k])
    check("checks.json", f"{n_k} k-points", told(check_spin_matrices(data)))


@pytest.mark.parametrize("fermi", [0.3, 0.9, -3.0, 4.0])
@pytest.mark.parametrize("electrons", ["3.00", "0.00", "9.00"])
def test_what_is_said_of_electrons(
    fermi: float, electrons: str, run: BlochData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scf.out").write_text(
        f" End of self-consistent calculation\n the Fermi energy is {fermi} ev\n number of electrons       = {electrons}\n"
    )
    name = "electrons up to the Fermi energy"
    check("checks.json", f"{electrons} electrons, Fermi energy {fermi}", {name: seen(run)[name]})


# --- models ------------------------------------------------------------------------------------------------------------


def at_origin(model: TightBindingModel, term: np.ndarray) -> TightBindingModel:
    H = np.array(model.hamiltonian_R)
    H[(model.R_vectors == 0).all(axis=1).argmax()] += term
    return replace(model, hamiltonian_R=H)


def spin_of(model: TightBindingModel, factor: object) -> TightBindingModel:
    return replace(model, spin_R=np.asarray(model.spin_R) * factor)


def source_of(model: TightBindingModel, **source: str) -> TightBindingModel:
    return replace(model, source=source)


MODELS: dict[str, Callable[[], TightBindingModel]] = {
    "sheet": lambda: source_of(RASHBA, mesh="4 3 1"),
    "sheet without a mesh": lambda: source_of(RASHBA),
    "Hermiticity": lambda: source_of(RASHBA, hermiticity_error='{"hamiltonian": 5e-05, "position": 0.2}'),
    "not Hermitian": lambda: source_of(RASHBA, hermiticity_error='{"hamiltonian": 2e-04, "position": 0.2}'),
    "no spin": lambda: replace(RASHBA, spin_R=None),
    **{f"spin x {x}": lambda x=x: spin_of(RASHBA, x) for x in (0.5, 0.9, 1.05, 1.2)},
    "spin left-handed": lambda: spin_of(RASHBA, np.array([1, -1, 1])),
    "s_z smaller": lambda: spin_of(RASHBA, np.array([1, 1, 0.6])),
    "no s_z": lambda: spin_of(RASHBA, np.array([1, 1, 0])),
    "pairs": lambda: source_of(PAIRS, mesh="5 5 1"),
    **{
        f"pairs split by {x}": lambda x=x: source_of(at_origin(PAIRS, x * np.kron(np.eye(2), PAULI[2])), mesh="5 5 1")
        for x in (2e-4, 4e-4, 6e-4, 0.02)
    },
    "pairs at random points": lambda: source_of(PAIRS),
    "pairs of a mesh of two": lambda: source_of(PAIRS, mesh="2 2 1"),
    "three dimensions": lambda: source_of(ws.models.weyl(), mesh="3 3 3"),
    "an odd number of bands": lambda: ws.models.random_model(n=3),
}
RASHBA = ws.models.rashba_exchange(exchange=(0.1, 0.0, 0.2))
PAIRS = ws.models.pt_antiferromagnet()


@pytest.mark.parametrize("fault", MODELS)
@pytest.mark.parametrize("fermi", [None, -2.0])
def test_what_is_said_of_models(fault: str, fermi: float | None) -> None:
    model = MODELS[fault]()
    check("checks.json", f"model {fault}, {fermi}", told(check_model(model, fermi_energy=fermi)))


@pytest.mark.parametrize(("size", "right"), [(0.0, True), (0.4, True), (0.6, False)])
def test_moment_of_a_structure(size: float, right: bool) -> None:
    moment = total_moment(RASHBA, -2.0)
    assert np.abs(moment).max() > 1e-2
    crystal = ws.Structure(RASHBA.lattice, np.zeros((1, 3)), np.array([26]), (moment + size * np.array([0, 0, 1.0]))[None])
    found = {one.name: one for one in check_model(RASHBA, structure=crystal, fermi_energy=-2.0)}
    assert found["total moment"].ok is right
    check("checks.json", f"moment off by {size}", told([found["total moment"], found["lattice of the structure"]]))
