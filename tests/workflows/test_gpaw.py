"""The GPAW route: overlaps, spins and files of made-up PAW states, read by the readers of the package; inputs that fit together."""

import json

import numpy as np
import pytest
from scripts import scripts

from wannier_spin.config import read_settings
from wannier_spin.readers import read_structure
from wannier_spin.readers.wannier90_files import read_eig, read_mmn, read_spn
from wannier_spin.readers.win import read_win

NAMES = ("paw", "paw_materials", "gpaw_states", "programs", "run_gpaw")
BANDS = 5
K, B, G = np.array([0.1, 0.2, 0.3]), np.array([0.25, 0.0, 0.5]), np.array([1, 0, -1])
NONE = np.zeros(3)


@pytest.fixture(scope="module")
def gpaw():
    """The scripts by name."""
    with scripts("dft") as script:
        yield {name: script(name) for name in NAMES}


@pytest.fixture
def paw(gpaw):
    return gpaw["paw"]


def crystal_at(paw, move=NONE):
    rng = np.random.default_rng(1)
    grid = np.indices((8, 8, 8)).reshape(3, -1).T / 8
    positions = np.array([[0.1, 0.2, 0.3], [0.7, 0.45, 0.6]]) + move
    augmentation = tuple(np.diag(rng.uniform(0.1, 0.4, n)) for n in (4, 9))
    return paw.Crystal(grid, 1 / len(grid), positions, np.array([[6.0, 0, 0], [0.2, 6.1, 0], [0, 0.3, 5.9]]), augmentation)


def channel(paw, crystal, seed, k=NONE, move=NONE):
    """Random plane waves u and projections; moved as a whole, psi(r - t) has u(r - t) exp(-i k.t) and the same projections."""
    rng = np.random.default_rng(seed)
    waves = np.indices((3, 3, 3)).reshape(3, -1).T - 1
    periodic = (rng.normal(size=(BANDS, len(waves), 2)) @ [1, 1j]) @ np.exp(2j * np.pi * (waves @ (crystal.grid - move).T))
    projections = tuple(rng.normal(size=(BANDS, len(dO), 2)) @ [1, 1j] for dO in crystal.augmentation)
    return paw.Channel(periodic * np.exp(-2j * np.pi * (k @ move)), projections)


def test_overlaps_of_a_moved_crystal(paw):
    """exp(-i b.t) times those of the crystal: without exp(-i b.R_a) the augmentation would not follow."""
    t = np.array([1, 2, -1]) / 8
    here, there = crystal_at(paw), crystal_at(paw, t)
    expected = paw.overlap(here, channel(paw, here, 2), channel(paw, here, 3), B, NONE) * np.exp(-2j * np.pi * (B @ t))
    moved = paw.overlap(there, channel(paw, there, 2, K, t), channel(paw, there, 3, K + B, t), B, NONE)
    assert moved == pytest.approx(expected, abs=1e-12)
    bare = [paw.Channel(c.periodic, tuple(0 * P for P in c.projections)) for c in (channel(paw, here, 2), channel(paw, here, 3))]
    assert np.abs(paw.overlap(here, *bare, B, NONE) * np.exp(-2j * np.pi * (B @ t)) - expected).max() > 0.1  # it matters


def test_overlaps_with_a_point_of_another_cell(paw):
    """The same states by another name, k - G, have exp(i G.r) in u; and forth and back are adjoints."""
    crystal = crystal_at(paw)
    left, right = channel(paw, crystal, 2), channel(paw, crystal, 3)
    renamed = paw.Channel(right.periodic * np.exp(2j * np.pi * (crystal.grid @ G)), right.projections)
    there = paw.overlap(crystal, left, right, B, NONE)
    assert paw.overlap(crystal, left, renamed, B, G) == pytest.approx(there, abs=1e-12)
    assert paw.overlap(crystal, right, left, -B, NONE) == pytest.approx(there.conj().T, abs=1e-12)


def vectors(crystal, one):
    """States as vectors of an orthonormal space, in which the PAW overlap is the usual one: (n, g + i + i)."""
    roots = [P @ np.sqrt(dO) for P, dO in zip(one.projections, crystal.augmentation, strict=True)]
    return np.concatenate([one.periodic * crystal.element**0.5, *roots], axis=1)


def spinors(rng, n=4):
    return rng.normal(size=(n, 2, BANDS, 2)) @ [1, 1j]


def test_spins_by_explicit_spinors(paw):
    crystal, v = crystal_at(paw), spinors(np.random.default_rng(7))
    channels = [channel(paw, crystal, 2), channel(paw, crystal, 3)]
    whole = np.stack([v[:, s] @ vectors(crystal, channels[s]) for s in (0, 1)], axis=1)  # (m,s,x)
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    expected = np.einsum("msx,cst,ntx->cmn", whole.conj(), pauli, whole)
    assert paw.spin_matrices(crystal, channels, v) == pytest.approx(expected, abs=1e-10)
    blocks = [paw.overlap(crystal, c, c, NONE, NONE) for c in channels]
    assert paw.spinor_overlap(blocks, v, v) == pytest.approx(np.einsum("msx,nsx->mn", whole.conj(), whole), abs=1e-10)


def test_trial_functions(paw):
    """The order of Wannier90 from that of GPAW, m = -l ... l; spinors alternate; Gaussians move with the crystal."""
    waves = [[(4, 0), (4, 1), (3, 2), (-1, 0)], [(2, 1)]]
    chosen = paw.functions([(0, 4, 1), (0, 3, 2), (1, 2, 1)], waves)
    assert chosen == [(0, i) for i in (2, 3, 1)] + [(0, i) for i in (6, 7, 5, 8, 4)] + [(1, i) for i in (1, 2, 0)]
    wide = paw.functions([(0, 4, 0), (0, 4, 1), (0, 3, 2)], waves, (0, 1))
    assert [i for _, i in wide[:4]] == [-1, -2, -3, -4]
    with pytest.raises(ValueError, match="atom 2 has no partial wave 3d"):
        paw.functions([(1, 3, 2)], waves)
    t = np.array([1, 2, -1]) / 8
    here, there = crystal_at(paw), crystal_at(paw, t)
    few = [(0, -1), (0, -2), (0, -3), (0, -4), (1, 3)]
    expected = paw.amplitudes(here, [channel(paw, here, 2, K)], None, few, K)
    assert paw.amplitudes(there, [channel(paw, there, 2, K, t)], None, few, K) == pytest.approx(expected, abs=1e-8)
    assert np.abs(expected).min(axis=0).max() > 1e-3
    v, both = spinors(np.random.default_rng(7)), [channel(paw, here, 2, K), channel(paw, here, 3, K)]
    found = paw.amplitudes(here, both, v, few, K)
    for s in (0, 1):
        assert found[:, s::2] == pytest.approx(v[:, s].conj() @ paw.amplitudes(here, both[s : s + 1], None, few, K))


def test_gaussians_look_like_their_letters(paw):
    """z, x, y in this order: odd along their own axis alone."""
    cubic = paw.Crystal(np.indices((8, 8, 8)).reshape(3, -1).T / 8, 1.0, np.full((1, 3), 0.5), 6 * np.eye(3), (np.eye(1),))
    for key, axis in paw.GAUSSIANS.items():
        values = paw.gaussian(cubic, 0, paw.GAUSSIANS[key], NONE).real.reshape(8, 8, 8)[1:, 1:, 1:]
        for direction in range(3):
            sign = -1 if direction == axis else 1
            assert np.flip(values, direction) == pytest.approx(sign * values, abs=1e-12)
    assert list(paw.GAUSSIANS.values()) == [None, 2, 0, 1]


def test_files_are_read_back(paw, tmp_path):
    rng = np.random.default_rng(3)
    n_k, n_b = 3, 2
    pairs = [(k, (k + b + 1) % n_k, np.array([b, 0, -k])) for k in range(n_k) for b in range(n_b)]
    M = rng.normal(size=(n_k * n_b, BANDS, BANDS, 2)) @ [1, 1j] / 10
    largest = paw.write_mmn(tmp_path / "x.mmn", n_k, pairs, iter(M))
    assert largest == pytest.approx(np.linalg.norm(M, ord=2, axis=(1, 2)).max())
    found = read_mmn(tmp_path / "x.mmn")
    assert found.matrices.reshape(-1, BANDS, BANDS) == pytest.approx(M, abs=1e-11)
    assert found.neighbours.ravel().tolist() == [other for _, other, _ in pairs]
    assert found.G.reshape(-1, 3).tolist() == [G.tolist() for _, _, G in pairs]
    spin = rng.normal(size=(n_k, 3, BANDS, BANDS, 2)) @ [1, 1j] / 20
    spin = spin + spin.conj().swapaxes(-1, -2)
    paw.write_spn(tmp_path / "x.spn", list(spin))
    assert read_spn(tmp_path / "x.spn") == pytest.approx(np.moveaxis(spin, 1, -1), abs=1e-14)
    energies = np.sort(rng.normal(size=(n_k, BANDS)), axis=1)
    paw.write_eig(tmp_path / "x.eig", energies)
    assert read_eig(tmp_path / "x.eig") == pytest.approx(energies, abs=1e-11)
    assert paw.window(energies) == pytest.approx(energies[:, -1].min() - 0.01)
    A = rng.normal(size=(n_k, BANDS, 4, 2)) @ [1, 1j]
    paw.write_amn(tmp_path / "x.amn", A)
    lines = (tmp_path / "x.amn").read_text().splitlines()
    assert lines[1].split() == [str(BANDS), str(n_k), "4"]
    for line in lines[2:]:
        m, w, k, real, imaginary = line.split()
        assert complex(float(real), float(imaginary)) == pytest.approx(A[int(k) - 1, int(m) - 1, int(w) - 1], abs=1e-11)
    assert len(lines) == 2 + A.size


def test_neighbours(paw, tmp_path):
    text = "begin nnkpts\n  2\n  1  2  0  0  0\n  1  3  0  0 -1\n  2  1  0  0  0\n  2  3  1  0  0\nend nnkpts\n"
    pairs = paw.neighbours(text)
    assert [(k, other, G.tolist()) for k, other, G in pairs] == [
        (0, 1, [0, 0, 0]),
        (0, 2, [0, 0, -1]),
        (1, 0, [0, 0, 0]),
        (1, 2, [1, 0, 0]),
    ]
    points = np.array([[0, 0, 0], [0, 0, 0.5]])
    with pytest.raises(ValueError, match="run wannier90.x -pp again"):
        list(paw.by_neighbour(3, pairs, points))


FACTS = {"fermi_energy": 5.0, "outer": [17.0, 16.0]}
MADE = {"Fe": ["Fe"], "Pt": ["Pt"], "KV2Se2O": ["KV2Se2O_up", "KV2Se2O_dn"], "MnBi2Te4": ["MnBi2Te4"]}


def test_every_material_is_tested(gpaw):
    assert gpaw["paw_materials"].MATERIALS.keys() == MADE.keys()


@pytest.mark.parametrize("quality", ["test", "production"])
@pytest.mark.parametrize("name", MADE)
def test_inputs_fit_together(gpaw, name, quality, tmp_path):
    """Functions, bands, windows and moments of the .win files and of our input; both can be read."""
    material = gpaw["paw_materials"].MATERIALS[name]
    mesh = material.samplings[quality].mesh
    points = np.stack(np.meshgrid(*[np.arange(n) / n for n in mesh], indexing="ij"), axis=-1).reshape(-1, 3)
    (tmp_path / "states.json").write_text(json.dumps({**FACTS, "kpoints": points.tolist()}))
    options = ("--quality", quality, "--folder", str(tmp_path), "--write-only")
    assert gpaw["run_gpaw"].main([name, *options]) == 0
    for seed, spin in zip(MADE[name], ("up", "down"), strict=False):
        win = read_win(tmp_path / f"{seed}.win")
        assert np.abs(win.kpoints() - points).max() < 1e-10
        assert win.number("num_wann") == material.n_wannier == (1 + material.spinors) * len(orbitals(material))
        assert win.number("num_wann") <= win.number("num_bands") == material.bands
        assert 5.0 < win.number("dis_froz_max") < win.number("dis_win_max") <= 17.0
        text = win.path.read_text()
        assert ("spinors = true" in text, f"spin = {spin}" in text) == (material.spinors, not material.spinors)
        structure = read_structure(win.path)
        assert np.abs(structure.lattice - np.array(material.atoms.cell)).max() < 1e-8
        assert structure.numbers.tolist() == material.atoms.numbers.tolist()
    settings, _ = read_settings(tmp_path / "input.toml")
    assert settings.fermi_energy == 5.0
    moments = settings.symmetry.magnetic_moments
    assert (moments is None) == (not material.moments)
    if moments is not None:
        assert [moment[2] for moment in moments] == list(material.moments)


def orbitals(material):
    """What the projections of the .win file ask for, atom by atom."""
    symbols = material.atoms.get_chemical_symbols()
    return [
        m
        for symbol in symbols
        for shell in material.shells.get(symbol, "").split()
        for m in range({"s": 1, "p": 3, "d": 5}[shell[-1]])
    ]


def test_bands_that_are_left_out(gpaw):
    """Semicore: K 3s3p, V 3s3p, Se 4s, O 2s of 53 electrons; Mn 3s3p, Te 5s, Bi 6s5d of 69; platinum 5p of 16; none of iron."""
    below, materials = gpaw["gpaw_states"].below, gpaw["paw_materials"].MATERIALS
    assert below(materials["KV2Se2O"], 53.0) == 15
    assert below(materials["MnBi2Te4"], 69.0) == 40
    assert below(materials["Pt"], 16.0) == 6
    assert below(materials["Fe"], 8.0) == 0


def test_without_programs(gpaw, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert gpaw["run_gpaw"].main(["Fe", "--gpaw", "no-such-python"]) == 2
    assert "apt-get install gpaw gpaw-data" in capsys.readouterr().err
    assert gpaw["run_gpaw"].main(["Fe", "--write-only"]) == 2
    assert "the states of GPAW come first" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
