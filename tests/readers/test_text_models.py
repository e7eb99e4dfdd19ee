"""Text files of other makers, exact models, companions of _hr.dat, pure spinors: small files made here."""

from pathlib import Path

import numpy as np
import pytest
from hoppings import HEXAGONAL, bands, hr_lines, random_hoppings, spinful, write_seed
from numpy.typing import NDArray

from wannier_spin.errors import InputError
from wannier_spin.readers import fitness_of, read_hr, read_tb, read_wannier90
from wannier_spin.readers.replicas import _refuse_nearly
from wannier_spin.readers.spinors import pure_spinors, violation
from wannier_spin.readers.wigner_seitz import WS_DISTANCE_TOLERANCE, in_widest_gap, near_ties, with_ties

Complex = NDArray[np.complex128]

# --- exact models, degeneracies -------------------------------------------------------------------------------------


def test_an_exact_model_is_summed_as_it_is(tmp_path: Path) -> None:
    """A box on a hexagonal lattice is no Wigner-Seitz cell: its hoppings stay where they are."""
    R, H = random_hoppings()
    model = read_hr(write_seed(tmp_path, hr_lines(R, H)))
    assert model.source["ws_distance"] == "none"
    np.testing.assert_allclose(bands(model.R_vectors, model.hamiltonian_R), bands(R, H), atol=1e-11)


@pytest.mark.parametrize(
    ("head", "win", "route"),
    [
        ("exact", "", "none"),
        ("written on 1Jan", "", "distance"),
        ("exact", "mp_grid 3 3 1", "distance"),
        ("exact", "mp_grid 3 4 1", "none"),
    ],
)
def test_where_the_box_is_a_wigner_seitz_cell_words_decide(head: str, win: str, route: str, tmp_path: Path) -> None:
    """On a square lattice 3 x 3 vectors may be an exact model or a mesh; Wannier90's own words, or mp_grid, tell."""
    R, H = random_hoppings()
    seed = write_seed(tmp_path, hr_lines(R, H, head), np.diag([1.0, 1.0, 10.0]), win=win)
    assert read_hr(seed).source["ws_distance"] == route
    assert read_wannier90(seed, ws_distance="none").source["ws_distance"] == "none"


def mesh_of_two() -> tuple[NDArray[np.int64], Complex, list[int]]:
    """A chain of four k-points: R = -2 and 2 share."""
    R = np.array([(x, 0, 0) for x in range(-2, 3)])
    H = np.array([0.1, -1, 0.3, -1, 0.1])[:, None, None] * np.eye(2)
    return R, H.astype(complex), [2, 1, 1, 1, 2]


@pytest.mark.parametrize(("wrong", "named"), [([1, 1, 1, 1, 2], "-R has"), ([2, 1, 2, 1, 2], r"R = \[0, 0, 0\] \(2\)")])
def test_a_wrong_degeneracy_is_named(wrong: list[int], named: str, tmp_path: Path) -> None:
    R, H, right = mesh_of_two()
    assert read_hr(write_seed(tmp_path, hr_lines(R, H, degeneracies=right))).source["mesh"] == "4 1 1"
    with pytest.raises(InputError, match=named):
        read_hr(write_seed(tmp_path, hr_lines(R, H, degeneracies=wrong)))


def test_degeneracies_of_no_mesh_are_a_doubt(tmp_path: Path) -> None:
    """R vectors that were cut off: summed plainly, and every result says so."""
    R, H, right = mesh_of_two()
    model = read_hr(write_seed(tmp_path, hr_lines(R[[0, 2, 4]], H[[0, 2, 4]], degeneracies=[right[i] for i in (0, 2, 4)])))
    assert any("of no mesh" in text for text in fitness_of(model).warnings)


def test_degeneracies_all_equal_are_of_a_model(tmp_path: Path) -> None:
    """Scripts that list each bond from both its ends halve it by degeneracies; no mesh has 2 at R = 0."""
    R = np.array([(x, 0, 0) for x in range(-7, 8)])
    H = np.exp(-np.abs(R[:, 0]))[:, None, None] * np.eye(2)
    model = read_hr(write_seed(tmp_path, hr_lines(R, H.astype(complex), "# by a script", degeneracies=[2] * 15)))
    np.testing.assert_allclose(bands(model.R_vectors, model.hamiltonian_R), bands(R, H / 2), atol=1e-9)
    assert not any("of no mesh" in text for text in fitness_of(model).warnings)


def test_degeneracies_that_were_lost_are_a_doubt(tmp_path: Path) -> None:
    """All 1 in a file of Wannier90, with R and R' equal modulo the mesh of .win: it never writes that. Others may."""
    R, H, _ = mesh_of_two()
    for head, win, doubt in [
        ("written on 1Jan", "mp_grid 4 1 1", True),
        ("by hand", "mp_grid 4 1 1", False),
        ("written on", "", False),
    ]:
        model = read_hr(write_seed(tmp_path, hr_lines(R, H, head), win=win))
        assert any("1 classes have several" in text for text in fitness_of(model).warnings) == doubt


def tb_seed(folder: Path, centre: float, **beside: str) -> Path:
    """One function at x = centre in a cubic cell of 3 angstrom, and files with these endings."""
    rows = [f"{x} 0 0\n1 1 {0.5 if x else 1.0} 0.0\n" for x in (-1, 0, 1)]
    rows += [f"{x} 0 0\n1 1 {0.0 if x else centre} 0.0 0.0 0.0 0.0 0.0\n" for x in (-1, 0, 1)]
    (folder / "x_tb.dat").write_text("by hand\n3 0 0\n0 3 0\n0 0 3\n1\n3\n1 1 1\n\n" + "\n".join(rows))
    for ending, text in beside.items():
        (folder / ("x_centres.xyz" if ending == "xyz" else f"x.{ending}")).write_text(text)
    return folder / "x"


def cubic(a: float) -> str:
    return f"begin unit_cell_cart\n{a} 0 0\n0 {a} 0\n0 0 {a}\nend unit_cell_cart\n"


def test_lattice_of_tb_against_win(tmp_path: Path) -> None:
    assert read_tb(tb_seed(tmp_path, 0.7, win=cubic(3.0))).n_bands == 1
    assert read_tb(tb_seed(tmp_path, 0.7, win="num_wann = 1\n")).n_bands == 1
    with pytest.raises(InputError, match=r"x_tb.dat' has the lattice vectors"):
        read_tb(tb_seed(tmp_path, 0.7, win=cubic(3.01)))


def test_centres_of_tb_against_wout_and_xyz(tmp_path: Path) -> None:
    """Lattice vectors apart; the .wout of a run that only plotted has none."""
    right = {"wout": wout(np.array([[0.7, 0, 0]])), "xyz": "1\n\nX 3.7 0.0 0.0\n"}
    assert read_tb(tb_seed(tmp_path, 0.7, **right)).n_bands == 1
    with pytest.raises(InputError, match=r"centre of Wannier function 1 is \[1.3"):
        read_tb(tb_seed(tmp_path, 1.3, **right))
    with pytest.raises(InputError, match=r"x_centres.xyz"):
        read_tb(tb_seed(tmp_path, 1.3, **right | {"wout": "restart = plot\n"}))


# --- _hr.dat of others ------------------------------------------------------------------------------------------------


def test_centres_written_by_hand(tmp_path: Path) -> None:
    R, H = random_hoppings()
    seed = write_seed(tmp_path, hr_lines(R, H))
    (tmp_path / "x_centres.xyz").write_text("2\nby hand\n X 0 -1 2.\nX\t1.5e-1 .25 +12\n")
    np.testing.assert_allclose(read_hr(seed).centres, [[0, -1, 2], [0.15, 0.25, 12]])
    (tmp_path / "x_centres.xyz").write_text("2\nby hand\nX 0 0 0\nX 123 4\n")
    with pytest.raises(InputError, match="lists 1 Wannier centres"):
        read_hr(seed)


@pytest.mark.parametrize(("mark", "other"), [("!", "!"), ("#", "#"), ("!", "#")])
def test_comments_few_degeneracies_and_any_order_of_lines(tmp_path: Path, mark: str, other: str) -> None:
    R, H = random_hoppings()
    plain = hr_lines(R, H)
    rng = np.random.default_rng(1)
    rows = [plain[4 + i].replace(".", ".", 1) + f" {mark} hopping" for i in rng.permutation(len(plain) - 4)]
    lines = ["by hand", f"{other} another comment", f"2 {mark} num_wann", f"9 {mark} nrpts", "1 1 1", *rows]
    model = read_hr(write_seed(tmp_path, lines))
    np.testing.assert_allclose(bands(model.R_vectors, model.hamiltonian_R), bands(R, H), atol=1e-11)
    with pytest.raises(InputError, match="truncated or damaged"):
        read_hr(write_seed(tmp_path, lines[:-1]))
    with pytest.raises(InputError, match="once for each"):
        read_hr(write_seed(tmp_path, [*lines[:-1], lines[-2]]))


def test_fortran_exponents(tmp_path: Path) -> None:
    R, H = random_hoppings()
    lines = hr_lines(R, H)
    lines[4:] = [
        " ".join([*line.split()[:5], *(f"{float(x):.15E}".replace("E", "D") for x in line.split()[5:])]) for line in lines[4:]
    ]
    model = read_hr(write_seed(tmp_path, lines))
    np.testing.assert_allclose(bands(model.R_vectors, model.hamiltonian_R), bands(R, H), atol=1e-11)


def test_hr_without_win(tmp_path: Path) -> None:
    """Lattice from a POSCAR, or everything from the wt.in of WannierTools."""
    R, H = random_hoppings()
    (tmp_path / "x_hr.dat").write_text("\n".join(hr_lines(R, H)) + "\n")
    with pytest.raises(InputError, match="put the .win, .wout, wt.in, POSCAR or one .cif beside it"):
        read_hr(tmp_path / "x")
    (tmp_path / "x_centres.xyz").write_text("2\n\nX 0.0 0.0 0.0\nX 0.0 0.0 0.0\n")
    rows = "\n".join(" ".join(f"{x:.10f}" for x in row) for row in HEXAGONAL)
    (tmp_path / "POSCAR").write_text(f"cell\n1.0\n{rows}\nFe\n1\nDirect\n0 0 0\n")
    np.testing.assert_allclose(read_hr(tmp_path / "x").lattice, HEXAGONAL, atol=1e-9)
    (tmp_path / "x_centres.xyz").unlink()
    (tmp_path / "wt.in").write_text(
        f"&TB_FILE\nHrfile = 'x_hr.dat'\n/\nLATTICE\nAngstrom\n{rows}\nATOM_POSITIONS\n1\nDirect\nFe 0.5 0.0 "
        "0.1\nPROJECTORS\n1\nFe s\n"
    )
    model = read_hr(tmp_path / "x", spin="blocks")
    np.testing.assert_allclose(model.centres, [[0.5, 0.0, 1.0]] * 2, atol=1e-9)


CIF = """data_x
_cell_length_a 1.0
_cell_length_b 1.0
_cell_length_c 10.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma {}
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Fe1 Fe 0.2 0.1 0.3
"""


def test_hr_with_a_cif_and_centres(tmp_path: Path) -> None:
    """A CIF has no axes: the atoms in _centres.xyz tell whether the run had those that lengths and angles give."""
    R, H = random_hoppings()
    (tmp_path / "x_hr.dat").write_text("\n".join(hr_lines(R, H)) + "\n")
    (tmp_path / "INCAR").write_text("ISPIN = 2\n")  # moments do not matter here
    (tmp_path / "any.cif").write_text(CIF.format(60))
    iron = np.array([0.2 - 1, 0.1, 0.3]) @ HEXAGONAL
    turned = iron[[1, 0, 2]] * [-1, 1, 1]
    xyz = "3\n\nX 0.1 0.0 0.0\nX 0.0 0.0 3.0\nFe {:.6f} {:.6f} {:.6f}\n"
    (tmp_path / "x_centres.xyz").write_text(xyz.format(*iron))
    model = read_hr(tmp_path / "x")
    np.testing.assert_allclose(model.lattice, HEXAGONAL, atol=1e-9)
    np.testing.assert_allclose(bands(model.R_vectors, model.hamiltonian_R), bands(R, H), atol=1e-11)
    (tmp_path / "x_centres.xyz").write_text(xyz.format(*turned))
    with pytest.raises(InputError, match=r"any.cif' has no atom .*: the run had other axes or another cell"):
        read_hr(tmp_path / "x")
    (tmp_path / "other.cif").write_text(CIF.format(60))
    with pytest.raises(InputError, match="put the .win, .wout, wt.in, POSCAR or one .cif beside it"):
        read_hr(tmp_path / "x")


@pytest.mark.parametrize(("unit", "scale"), [("Ang", 1.0), ("Bohr", 1 / 0.529177210903)])
def test_the_lattice_of_wout(unit: str, scale: float, tmp_path: Path) -> None:
    """It comes before a structure file, which may hold another cell, and must be that of .win."""
    R, H = random_hoppings()
    (tmp_path / "x_hr.dat").write_text("\n".join(hr_lines(R, H)) + "\n")
    (tmp_path / "x.cif").write_text(CIF.format(90))
    rows = "".join(f"  a_{i + 1} {x:11.6f}{y:11.6f}{z:11.6f}\n" for i, (x, y, z) in enumerate(HEXAGONAL * scale))
    (tmp_path / "x.wout").write_text(f"  Lattice Vectors ({unit})\n{rows}" + wout(np.zeros((2, 3)), unit))
    np.testing.assert_allclose(read_hr(tmp_path / "x").lattice, HEXAGONAL, atol=2e-6)
    (tmp_path / "x.win").write_text(cubic(1.0))
    with pytest.raises(InputError, match=r"x.wout' has the lattice vectors"):
        read_hr(tmp_path / "x")


@pytest.mark.parametrize("order", ["interleaved", "blocks"])
def test_a_folder_of_the_jarvis_database(order: str, tmp_path: Path) -> None:
    """_hr.dat and .win alone: the functions are where they were projected, which is a doubt; H decides the order of spinors."""
    R, H = spinful(order)
    (tmp_path / "w_hr.dat").write_text("\n".join(hr_lines(R, H)) + "\n")
    rows = "\n".join(" ".join(f"{x:.10f}" for x in row) for row in HEXAGONAL)
    n = H.shape[-1] // 2
    atoms = "\n".join(f"X{i} {0.1 * i} 0.2 0.3" for i in range(n))
    projections = "\n".join(f"X{i}:s" for i in range(n))
    win = (
        f"num_wann = {2 * n}\nspinors = true\nguiding_centres = TRUE\nbegin unit_cell_cart\n{rows}\nend unit_cell_cart\n"
        f"begin atoms_frac\n{atoms}\nend atoms_frac\nbegin projections\n{projections}\nend projections\n"
    )
    (tmp_path / "w.win").write_text(win)
    model = read_hr(tmp_path / "w", spin="auto")
    places = np.array([[0.1 * i, 0.2, 0.3] for i in range(n)]) @ HEXAGONAL
    expected = np.tile(places, (2, 1)) if order == "blocks" else np.repeat(places, 2, axis=0)
    assert np.ptp(places[:, 0]) > 0.05
    np.testing.assert_allclose(model.centres, expected, atol=1e-9)
    assert any("'w.win' projected the functions" in text for text in fitness_of(model).warnings)
    (tmp_path / "w.win").write_text(win.replace("X0:s\n", "X0:s;p\n"))
    with pytest.raises(InputError, match=f"projects on {n + 3} functions"):
        read_hr(tmp_path / "w")


@pytest.mark.parametrize(
    ("projections", "places"),
    [
        ("A:sp3\nf=0.5,0.5,0.5:s", [0, 0, 0, 0, 1]),
        ("A:sp3-1,sp3-4;s\nB:l=-1", [0, 0, 0, 2, 2]),
        ("A:s;px,py:z=1,1,1:x=0,-1,1\nB:l=1,mr=1,3:r=2:zona=1.5", [0, 0, 0, 2, 2]),
        ("f=0.5,0.5,0.5:l=2\n", [1] * 5),
        ("B:sp2;pz,pz\nA:fz3", [2, 2, 2, 2, 0]),
    ],
)
def test_places_of_hybrids(projections: str, places: list[int], tmp_path: Path) -> None:
    """Where functions are does not need their shape, which their symmetry needs."""
    R, H = random_hoppings(5)
    (tmp_path / "w_hr.dat").write_text("\n".join(hr_lines(R, H)) + "\n")
    atoms = "begin atoms_frac\nA 0 0 0\nB 0.2 0.3 0.1\nend atoms_frac\n"
    (tmp_path / "w.win").write_text(f"{cubic(3.0)}{atoms}begin projections\n{projections}\nend projections\n")
    expected = 3.0 * np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.2, 0.3, 0.1]])[places]
    np.testing.assert_allclose(read_hr(tmp_path / "w").centres, expected, atol=1e-9)


@pytest.mark.parametrize(
    "projections", ["random", "A:s(u)\nA:s(d)", "A:s:(u)", "A:s[0,0,1]", "A:l=-7", "A:sq", "A:p,sq", "A:s;l=1,mr=4"]
)
def test_projections_that_have_no_place(projections: str, tmp_path: Path) -> None:
    R, H = random_hoppings(2)
    (tmp_path / "w_hr.dat").write_text("\n".join(hr_lines(R, H)) + "\n")
    atoms = "begin atoms_frac\nA 0 0 0\nend atoms_frac\n"
    (tmp_path / "w.win").write_text(f"{cubic(3.0)}{atoms}begin projections\n{projections}\nend projections\n")
    with pytest.raises(InputError, match=r"w.win', projection '"):
        read_hr(tmp_path / "w")


# --- centres ------------------------------------------------------------------------------------------------------------


def wout(centres: NDArray[np.float64], unit: str = "Ang") -> str:
    scale = 1 / 0.529177210903 if unit == "Bohr" else 1.0
    rows = [
        f"  WF centre and spread {i + 1:4d}  ({x:10.6f},{y:10.6f},{z:10.6f} )  1.0" for i, (x, y, z) in enumerate(scale * centres)
    ]
    return f" |  Length Unit               :               {unit}             |\n Final State\n" + "\n".join(rows) + "\n"


def test_centres_of_wout_come_first_and_in_its_unit(tmp_path: Path) -> None:
    """translate_home_cell moves _centres.xyz by lattice vectors, and not _hr.dat."""
    R, H = random_hoppings()
    centres = np.array([[0.0, 0.0, 0.0], [-0.25, 0.1, 0.3]])
    seed = write_seed(tmp_path, hr_lines(R, H), win="translate_home_cell = .true.")
    seed.with_name("x_centres.xyz").write_text("2\n\nX 0.0 0.0 0.0\nX 0.75 0.1 0.3\n")
    with pytest.raises(InputError, match="translate_home_cell"):
        read_hr(seed)
    for unit in ("Ang", "Bohr"):
        seed.with_name("x.wout").write_text(wout(centres, unit))
        np.testing.assert_allclose(read_hr(seed).centres, centres, atol=2e-6)
    seed.with_name("x.wout").write_text(wout(centres + [0.05, 0, 0]))
    with pytest.raises(InputError, match="different runs"):
        read_hr(seed)


@pytest.mark.parametrize(
    ("told", "spreads", "scale"), [("bohr", "Ang", 1.0), ("Bohr", "Bohr^2", 0.529177210903), ("Ang", "Ang^2", 1.0)]
)
def test_the_unit_of_the_spreads_is_that_of_the_centres(told: str, spreads: str, scale: float, tmp_path: Path) -> None:
    """A .wout of 2006 says 'bohr', and has angstrom."""
    R, H = random_hoppings()
    seed = write_seed(tmp_path, hr_lines(R, H))
    seed.with_name("x_centres.xyz").unlink()
    centres = np.array([[0.0, 0.0, 0.0], [-0.25, 0.1, 0.3]])
    text = wout(centres).replace("Ang ", f"{told} ") + f"         Spreads ({spreads})       Omega I      =     4.1\n"
    seed.with_name("x.wout").write_text(text)
    np.testing.assert_allclose(read_hr(seed).centres, centres * scale, atol=2e-6)


def test_a_wout_of_a_run_that_only_plotted(tmp_path: Path) -> None:
    """Its centres are asked for elsewhere, and it is named where there are none."""
    R, H = random_hoppings()
    seed = write_seed(tmp_path, hr_lines(R, H))
    seed.with_name("x.wout").write_text(" Restarting Wannier90 from plotting routines ...\n")
    assert read_hr(seed).n_bands == 2
    seed.with_name("x_centres.xyz").unlink()
    with pytest.raises(InputError, match=r"x.wout' has no 'Final State', as of a run that only plotted"):
        read_hr(seed)


def write_tb(path: Path, z: float, damping: float) -> None:
    """A slab of two orbitals at height z of a cell of 10, with an element 0.4 of r_z as finite differences have it."""
    lines = ["written on 1Jan2026", "2.0 0 0", "0 2.0 0", "0 0 10.0", "2", "1", "1", "", "0 0 0"]
    lines += ["1 1 -1.0 0", "2 1 0.2 0", "1 2 0.2 0", "2 2 1.0 0", "", "0 0 0"]
    for i, j in ((1, 1), (2, 1), (1, 2), (2, 2)):
        lines.append(f"{i} {j} 0 0 0 0 {z if i == j else 0.4 * damping:.10f} 0")
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("height", [0.0, 4.5, 5.5])
def test_position_across_a_slab_in_the_middle_of_the_cell(height: float, tmp_path: Path) -> None:
    """Elements between functions at z come out times cos(2 pi z / c): -1 in mid-cell, restored here."""
    write_tb(tmp_path / "slab_tb.dat", height, np.cos(2 * np.pi * height / 10))
    model = read_tb(tmp_path / "slab")
    assert model.position_R is not None
    np.testing.assert_allclose(model.position_R[0][..., 2], [[height, 0.4], [0.4, height]], atol=1e-8)
    assert not fitness_of(model).warnings


def test_position_across_a_slab_beyond_repair(tmp_path: Path) -> None:
    write_tb(tmp_path / "slab_tb.dat", 2.5, 0.1)  # the cosine is zero
    (told,) = fitness_of(read_tb(tmp_path / "slab")).warnings
    assert "position across the slab" in told


# --- pure spinors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exchange", [0.0, 0.8])
@pytest.mark.parametrize("order", ["interleaved", "blocks"])
def test_order_of_spinors_is_found_and_the_wrong_one_refused(order: str, exchange: float, tmp_path: Path) -> None:
    R, H = spinful(order, exchange)
    seed = write_seed(tmp_path, hr_lines(R, H), n=6)
    wrong = "blocks" if order == "interleaved" else "interleaved"
    model = read_hr(seed, spin="auto")
    assert model.source["spin"] == order
    np.testing.assert_array_equal(model.spin_R, pure_spinors(model.R_vectors, 6, order, seed))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"say spin = '{order}'"):
        read_hr(seed, spin=wrong)  # type: ignore[arg-type]


def test_an_order_that_cannot_be_told_is_not_guessed(tmp_path: Path) -> None:
    R, H = random_hoppings(4)
    assert abs(violation(H, "interleaved") - violation(H, "blocks")) < 0.2
    with pytest.raises(InputError, match="does not tell the order"):
        read_hr(write_seed(tmp_path, hr_lines(R, H), n=4), spin="auto")


@pytest.mark.parametrize("win", ["spin = up", "spinors = .false.", "mp_grid = 3 3 1"])
def test_pure_spinors_of_a_run_without_spin_are_refused(win: str, tmp_path: Path) -> None:
    seed = write_seed(tmp_path, hr_lines(*spinful("interleaved")), n=6, win=win)
    with pytest.raises(InputError, match="no spin index"):
        read_hr(seed, spin="interleaved")
    assert read_hr(seed).spin_R is None


# --- ties of replicas -------------------------------------------------------------------------------------------------------


def test_tolerance_moves_out_of_a_cloud_of_distances() -> None:
    close = np.array([0.0060, 0.0098, 0.0099, 0.0101, 0.0102])
    assert in_widest_gap(close, 0.01) == pytest.approx((0.0102 + 0.02) / 2)
    assert in_widest_gap(np.array([0.006, 0.018]), 0.01) == 0.01
    assert in_widest_gap(np.zeros(0), 0.01) == 0.01


@pytest.mark.parametrize("over", [(0.00498, -0.00504), (0.0040,)])
def test_near_ties_of_partners_are_tied_alike(over: tuple[float, ...]) -> None:
    """A chain of two k-points, two partners at +-(half a cell + half the tolerance, with noise): one fate for both.

    One alone, somewhat nearer, is not tied with half the tolerance, and nothing else depends on it.
    """
    lattice, mesh = np.diag([4.0, 30.0, 30.0]), np.array([2, 1, 1])
    centres = np.array([[0.0, 0, 0], *([4.0 * np.sign(x) + x, 0, 0] for x in over)])
    H = np.ones((2, len(centres), len(centres)), complex)
    close = near_ties(mesh, lattice, centres, WS_DISTANCE_TOLERANCE)
    assert len(close) > 0
    _, _, ties = with_ties({"hamiltonian": H}, mesh, lattice, centres, WS_DISTANCE_TOLERANCE)
    assert np.abs(close - ties.ws_distance_tolerance).min() > 1e-3
    assert ties.close == len(close)
    assert ties.moved > 0.1  # between the points of the mesh: at these, whatever is tied, bands are the same


# --- degeneracies that fit a mesh but for a few ---------------------------------------------------------------------------


@pytest.mark.parametrize(("damaged", "refused"), [(1, True), (3, True), (4, True), (9, False)])
def test_a_few_damaged_degeneracies_are_named(damaged: int, refused: bool, tmp_path: Path) -> None:
    """Up to a fifth of the classes of a mesh; more of them are no mesh at all, which others have to judge."""
    R = np.array([(x, 0, 0) for x in range(-12, 13)])
    degeneracies = np.ones(25, np.int64)
    degeneracies[1 : 2 * damaged : 2] = 3
    if not refused:
        return _refuse_nearly(R, degeneracies, np.array([25, 1, 1]), tmp_path)
    with pytest.raises(InputError, match=r"\[-11, 0, 0\] \(3\)"):
        _refuse_nearly(R, degeneracies, np.array([25, 1, 1]), tmp_path)
