"""What files, folders and libraries may be wrong in: each is refused by its name. Messages that no other test comes by."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Command, entry_point
from cross_code.berri import quietly
from hoppings import hr_lines, random_hoppings, write_seed

import wannier_spin as ws
from wannier_spin import models
from wannier_spin.analysis.high_symmetry import path_of_structure
from wannier_spin.calculation import open_inputs
from wannier_spin.calculation.converge import grid_steps
from wannier_spin.integration.parallel import SERIAL
from wannier_spin.orbitals import Orbitals
from wannier_spin.readers import check_database, read_hr, read_structure, read_tb, read_wannier90
from wannier_spin.readers.berri_input import _match
from wannier_spin.readers.files import FortranRecords
from wannier_spin.readers.packages.hermitian_sum import with_spin
from wannier_spin.readers.structure import read_atoms
from wannier_spin.screening.material import material_names
from wannier_spin.screening.process import Screening, screen
from wannier_spin.storage import read_tree, write_tree
from wannier_spin.storage.reading import foreign_tree
from wannier_spin.symmetry import magnetic_group, symmetrize_model
from wannier_spin.symmetry.operations import space_operations
from wannier_spin.symmetry.sites import site_images

EXAMPLES = Path(__file__).resolve().parents[1] / "example_inputs"
SHEET = models.rashba_exchange()
CUBE = ws.Structure(3 * np.eye(3), np.zeros((1, 3)), np.array([26]), np.zeros((1, 3)))


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def doubled_vector(folder: Path) -> object:
    R, H = random_hoppings()
    R[0] = R[1]
    return read_hr(write_seed(folder, hr_lines(R, H)))


def no_origin(folder: Path) -> object:
    R, H = random_hoppings()
    kept = R.any(axis=1)
    return read_hr(write_seed(folder, hr_lines(R[kept], H[kept])))


def damaged_model(folder: Path, **changes: object) -> object:
    """A file of a model in which something else stands in some places."""
    tree = read_tree(SHEET.save(folder / "x.model.h5"), "wannier_spin model")
    write_tree(folder / "x.model.h5", {**tree, "kind": "wannier_spin model", **changes})
    return ws.load_model(folder / "x.model.h5")


def result_of_form(folder: Path, form: str) -> object:
    ws.compute(SHEET, "edelstein", grid=(2, 2, 1), mu=0.1, temperature=300).save(folder / "r.h5")
    tree = read_tree(folder / "r.h5", "wannier_spin result")
    tree["responses"]["edelstein"]["form"] = form
    write_tree(folder / "r.h5", tree)
    return ws.load(folder / "r.h5")


def projected(folder: Path, symmetry: str) -> object:
    """A model with two functions, and sites by the projections of some run."""
    SHEET.save(folder / "x.model.h5")
    text = 'seedname = "x.model.h5"\nresponses = ["edelstein"]\nmu = 0.1\nsites = "projections"\n'
    return open_inputs(written(folder / "in.toml", text + symmetry))


def head_of(path: Path) -> bytes:
    with FortranRecords(path) as records:
        return records.array("c16", "head", 1).tobytes()


STEPS = np.eye(3, dtype=int)
PWX = (
    "&system\n ibrav = 1, celldm(1) = 5.0, nat = 1, ntyp = 1, space_group = 229\n/\n"
    "ATOMIC_SPECIES\nFe 55.8 Fe.upf\nATOMIC_POSITIONS crystal\nFe 0 0 0\n"
)
WIN = "begin unit_cell_cart\n1 0 0\n0 1 0\n0 0 1\nend unit_cell_cart\nbegin atoms_frac\nend atoms_frac\n"
POSCAR = "no atoms\n1\n1 0 0\n0 1 0\n0 0 1\nFe\n0\nDirect\n"
ALIKE = ("p/a", "q/a", "b/c_d", "b_c/d")  # two by their last part, the others by the last two, and so on
FILES: list[tuple[str, Callable[[Path], object]]] = [
    ("x_hr.dat' is damaged: its lines have 8 different R vectors (expected 9)", doubled_vector),
    ("x_hr.dat': an R vector occurs twice, or R = (0, 0, 0) is missing; the file is damaged", no_origin),
    ("x.model.h5' is not a whole model file: ", lambda f: damaged_model(f, extra_operators_kinds="[1]")),
    ("x.model.h5': model 'rashba_exchange': ", lambda f: damaged_model(f, hamiltonian_R=2j * SHEET.hamiltonian_R)),
    (
        "r.h5' is not a whole result file of this version, edelstein: the form is 'odd adiabatic', expected ",
        lambda f: result_of_form(f, "odd"),
    ),
    (
        "x.in' gives the space_group and the inequivalent atoms only; give all atoms",
        lambda f: read_structure(written(f / "x.in", PWX)),
    ),
    ("x.win': the block 'atoms_frac' is missing", lambda f: read_atoms(written(f / "x.win", WIN))),
    ("x.vasp' has no atoms", lambda f: read_atoms(written(f / "x.vasp", POSCAR))),
    ("x.gz' cannot be read", lambda f: read_structure(written(f / "x.gz", b"\x1f\x8b not zipped"))),
    ("x.h5' does not exist, or is not a file; expected an HDF5 file", lambda f: foreign_tree(f / "x.h5")),
    ("cannot be told apart by name; rename one", lambda f: material_names([f / name for name in ALIKE])),
    ("nothing': [Errno 2] No such file", lambda f: FortranRecords(f / "nothing")),
    (
        "r': record 1 (head) has 8 bytes, expected 16; the file is damaged, or is not what its name says",
        lambda f: head_of(written(f / "r", b"\x08\0\0\0 8 bytes\x08\0\0\0")),
    ),
    ("a scan of convergence needs an input file", lambda f: grid_steps(open_inputs(SHEET.save(f / "x.model.h5")))),
    ("sites = 'projections': symmetry.structure is missing", lambda f: projected(f, "")),
    (
        "Pt.win' projects on 18 functions, the model has 2",
        lambda f: projected(f, f'[symmetry]\nstructure = "{EXAMPLES}/Pt/Pt.win"\n'),
    ),
    ("cannot make the folder of the results ", lambda f: screen(Screening((f,), written(f / "a file", "")), SERIAL)),
    (
        "differ from one k-point to another; rerun pw2wannier90.x",
        lambda f: _match(np.eye(3, dtype=int)[:2, None], np.eye(3, dtype=int)[:1]),
    ),
]


@pytest.mark.parametrize(("message", "call"), FILES, ids=[message[:40] for message, _ in FILES])
def test_files(message: str, call: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(ws.InputError) as told:
        call(tmp_path)
    assert message in str(told.value), told.value


# --- libraries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("library", "message", "call"),
    [
        ("seekpath", "paths of a structure need seekpath: pip install", lambda f: path_of_structure(CUBE)),
        ("gemmi", "x.mcif' needs gemmi (pip install gemmi)", lambda f: read_structure(written(f / "x.mcif", "data_x\n"))),
        ("ase.io", "POSCAR' needs ase; install it", lambda f: read_structure(written(f / "POSCAR", POSCAR))),
        ("ase.db", "an ase database needs ase; pip install ase", lambda f: check_database(f / "x.db")),
    ],
)
def test_a_library_that_is_not_there(
    library: str, message: str, call: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ws.InputError) as told:
        call(tmp_path)
    assert message in str(told.value)


@pytest.mark.parametrize(
    ("place", "error", "message", "call"),
    [
        ("h5py.File", MemoryError("9 GiB"), "needs more memory than there is: 9 GiB", lambda f: ws.load_model(f)),
        ("h5py.File", RuntimeError("odd"), "is damaged: RuntimeError: odd; take a copy of it", lambda f: ws.load_model(f)),
        ("spglib.get_symmetry", RuntimeError("odd"), "spglib finds no space group: odd", lambda f: space_operations(CUBE)),
        (
            "spglib.get_magnetic_symmetry",
            RuntimeError("odd"),
            "spglib finds no magnetic symmetry: odd; check the structure",
            lambda f: magnetic_group(CUBE, symprec=1.01e-5),  # nobody has asked for it before
        ),
    ],
)
def test_what_libraries_raise(
    place: str, error: Exception, message: str, call: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = SHEET.save(tmp_path / "x.model.h5")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(place, fail)
    with pytest.raises(ws.InputError) as told:
        call(path)
    assert message in str(told.value)


# --- models and their group -------------------------------------------------------------------------------------------

SQUARE = models.pt_antiferromagnet()
ATOMS = ws.Structure(SQUARE.lattice, np.array([[0, 0, 0], [0.5, 0.5, 0]]), np.array([26, 26]), np.zeros((2, 3)))
S_ORBITALS = Orbitals(ATOMS.positions, *np.array([[0, 0, 1, 1], [0] * 4, [0] * 4, [0, 1, 0, 1]]))


def averaged(model: ws.TightBindingModel = SQUARE, orbitals: Orbitals = S_ORBITALS, **options: Any) -> object:
    return symmetrize_model(model, orbitals, magnetic_group(ATOMS).operations, **options)


def torn() -> ws.TightBindingModel:
    """One of two functions of a site is a cell away."""
    return replace(SQUARE, centres=SQUARE.centres + np.outer([1, 0, 0, 0], SQUARE.lattice[0]))


@pytest.mark.parametrize(
    ("message", "call"),
    [
        ("has its spins along [1.0, 0.0, 0.0]; what is averaged", lambda: averaged(along_x())),
        ("[0.0, 0.0, 0.0] lie in 2 different cells; run wannier90.x without translate_home_cell", lambda: averaged(torn())),
        ("no band of model 'pt_antiferromagnet' lies between 50 and 60 eV", lambda: averaged(window=(50.0, 60.0))),
        (
            "takes atom 2 to where no atom of its kind is; tighten symprec",
            lambda: site_images(ODD, magnetic_group(CUBE).operations),
        ),
    ],
)
def test_models_that_do_not_fit(message: str, call: Callable[[], object]) -> None:
    with pytest.raises(ws.InputError) as told:
        call()
    assert message in str(told.value)


def along_x() -> ws.TightBindingModel:
    model = models.altermagnet()
    turned = model.spin_R[..., [2, 0, 1]]
    return replace(model, spin_R=turned, spin_axis=np.array([1.0, 0, 0]))


ODD = replace(CUBE, positions=np.array([[0, 0, 0], [0.1, 0.2, 0.3]]), numbers=np.array([26, 26]), magnetic_moments=np.zeros((2, 3)))


# --- channels, runs, packages -----------------------------------------------------------------------------------------


def channel(folder: Path, name: str, mesh: str, shift: float = 0.0) -> Path:
    """One spin of a model, as a file that says on which mesh it was made."""
    model = models.altermagnet()
    H = model.hamiltonian_R[:, ::2, ::2].copy()
    H[(model.R_vectors == 0).all(axis=1)] += shift * np.eye(H.shape[-1])
    parts = {"R_vectors": model.R_vectors, "lattice": model.lattice, "hamiltonian_R": H, "centres": model.centres[::2]}
    return ws.TightBindingModel(**parts, source={"mesh": mesh}, periodic=model.periodic).save(folder / f"{name}.model.h5")


def channels_of_two_meshes(folder: Path) -> object:
    return ws.read_collinear(channel(folder, "up", "4 4 1"), channel(folder, "down", "6 6 1", shift=0.2))


def text_model_beside_a_checkpoint(folder: Path, n: int, scale: float) -> object:
    """A _tb.dat of n functions in the folder of a run of platinum."""
    for path in (EXAMPLES / "Pt").glob("Pt.*"):
        if path.suffix != ".win":
            (folder / path.name).symlink_to(path)
    cell = scale * read_atoms(EXAMPLES / "Pt" / "Pt.win").lattice
    lines = ["a test", *(" ".join(map(str, row)) for row in cell), str(n), "1", "1", "", "0 0 0"]
    lines += [f"{i} {j} {float(i == j)} 0" for j in range(1, n + 1) for i in range(1, n + 1)] + ["", "0 0 0"]
    lines += [f"{i} {j} 0 0 0 0 0 0" for j in range(1, n + 1) for i in range(1, n + 1)]
    return read_tb(written(folder / "Pt_tb.dat", "\n".join(lines) + "\n"), spin="files")


def phonons(folder: Path) -> object:
    with quietly():
        from wannier_spin import berri

        berri.to_system_R(models.random_model()).to_npz(str(folder / "s"))
    np.savez(folder / "s" / "is_phonon.npz", True)
    return ws.open_model(folder / "s")


def nambu() -> object:
    sisl = pytest.importorskip("sisl")
    return ws.from_sisl(sisl.Hamiltonian(sisl.Geometry([[0, 0, 0]], sisl.Atom(6, R=[1.0]), sisl.Lattice([3, 3, 9])), spin="nambu"))


RUNS: list[tuple[str, Callable[[Path], object]]] = [
    ("has a mesh of 4 4 1 k-points, ", channels_of_two_meshes),
    ("Pt.chk' has 18 Wannier functions, ", lambda f: text_model_beside_a_checkpoint(f, 2, 1.0)),
    ("have different lattices; both must come from one run", lambda f: text_model_beside_a_checkpoint(f, 18, 1.01)),
    (
        "ws_distance = 'file' is about _tb.dat and _hr.dat, and ",
        lambda f: read_wannier90(EXAMPLES / "Pt" / "Pt", ws_distance="file"),
    ),
    ("s' holds phonons; expected electrons", phonons),
    ("this sisl Hamiltonian has Nambu spinors, of a superconductor", lambda f: nambu()),
    ("comes from no files: spin is None, 'interleaved', 'blocks' or 'auto'", lambda f: with_spin(SHEET, "files")),
]


@pytest.mark.parametrize(("message", "call"), RUNS, ids=[message[:40] for message, _ in RUNS])
def test_runs(message: str, call: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(ws.InputError) as told:
        call(tmp_path)
    assert message in str(told.value), told.value


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def wannier_spin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    return entry_point(monkeypatch, capsys)


INPUT = 'seedname = "x.model.h5"\nresponses = ["edelstein"]\nmu = 0.1\n[grid]\npoints = [2, 2, 1]\n'


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("compare r.h5 r.h5 -r spin_hall", "'r.h5' has no response 'spin_hall'; it has edelstein"),
        ("converge x.toml --title T", "--title and the like change a figure: give -o as well"),
        ("decompose x.model.h5 -r edelstein -c x;y", "'x.model.h5' tells no Fermi energy: give --fermi-energy"),
        ("fermi-surface x.model.h5 -o x.png", "'x.model.h5' tells no Fermi energy: give --fermi-energy, in eV"),
        ("init x.toml", "'x.toml' is an input file already; give the seedname of a run"),
    ],
)
def test_commands(command: str, message: str, wannier_spin: Command, tmp_path: Path) -> None:
    SHEET.save("x.model.h5")
    written(tmp_path / "x.toml", INPUT)
    ws.compute(SHEET, "edelstein", grid=(2, 2, 1), mu=0.1, temperature=300).save("r.h5")
    done = wannier_spin(*command.split())
    assert done.code == 2, done
    assert message in " ".join(done.err.split())
    assert "Traceback" not in done.err
