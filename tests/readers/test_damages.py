"""Files of every kind with one place changed at a time: what becomes of each change is stored, the messages to the letter.

    WANNIER_SPIN_STORE=1 pytest -n 0 tests/readers/test_damages.py

stores what readers make of them now, in tests/reference/damages.json; what has changed is seen in the change of that file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from damages import changes, marks, outcomes
from hoppings import HEXAGONAL, hr_lines, random_hoppings, spinful
from stored import check

from wannier_spin.errors import InputError
from wannier_spin.model import TightBindingModel
from wannier_spin.readers import find_fermi_energy, read_hr, read_projections, read_structure, read_tb
from wannier_spin.readers.bravais import KNOWN, bravais_lattice
from wannier_spin.readers.checkpoint import read_chk
from wannier_spin.readers.cif import read_cif
from wannier_spin.readers.fitness import stored_fitness
from wannier_spin.readers.projections import projected_places
from wannier_spin.readers.text_tables import read_hr_table, read_tb_table
from wannier_spin.readers.vasp import outcar_moments, vasprun_moments
from wannier_spin.readers.wannier90_files import read_eig, read_mmn, read_spin_neighbours, read_spn
from wannier_spin.readers.wannier_tools import WannierToolsInput
from wannier_spin.readers.win import read_nnkp_kpoints, read_win

pytestmark = pytest.mark.filterwarnings("ignore")


@dataclass(frozen=True)
class Kind:
    """A whole file, and how it is read. beside : other files by name. most : changes that are tried, at equal steps."""

    name: str
    text: str
    read: Callable[[Path], object]
    beside: tuple[tuple[str, str], ...] = ()
    most: int = 60


CELL = "begin unit_cell_cart\nAng\n3.0 0.0 0.0\n0.5 2.5 0.0\n0.0 0.0 4.0\nend unit_cell_cart\n"
WIN = f"""num_wann = 2 ! functions
num_bands : 3
spinors = .true.
dis_win_max 8.0
dis_froz_min = -1.5d0
mp_grid = 2 1 1
{CELL}
begin atoms_cart
bohr
Fe1 0.1 0.2 0.3
mn_up, 1.5, 0.0, 2.0
end atoms_cart
begin kpoints
0.0 0.0 0.0
0.5 0.0 0.0
end kpoints
"""
PROJECTIONS = f"""num_wann = 36
spinors = true
{CELL}begin atoms_frac
Ga1 0.0 0.0 0.0
As 0.25 0.25 0.25
end atoms_frac
begin projections
Bohr
Ga1:s;p:z=0,0,1:x=1,0,0
As:l=2,mr=1,4;s
f=0.25,0.5,0.75:dxy;dxz:zona=1.2
c=0.1,0.0,1.2:l=1
end projections
"""
NNKP = "begin kpoints\n 2\n 0.0 0.0 0.0\n 0.5 0.0 0.0\nend kpoints\n"
EIG = "".join(f"{n} {k} {0.5 * n + 0.3 * k:.2f}\n" for k in (1, 2) for n in (1, 2, 3))
MMN = "head\n2 2 1\n" + "".join(f"{k} {3 - k} 0 0 {k - 1}\n0.9 0.1\n0.0 0.2\n0.3 0.0\n1.0 0.0\n" for k in (1, 2))
SPN = "head\n2 2\n" + "0.1 0\n0 0\n0.9 0\n0.8 0.1\n0 -0.7\n0.2 0\n-0.1 0\n0 0\n-0.9 0\n" * 2
SIU = "head\n2 2 1\n" + "".join(f"0.{i % 7}1 0.{i % 3}2\n" for i in range(24))
CHK = """head
2
1
3
1.0 0.0 0.0 0.5 2.0 0.0 0.0 0.0 3.0
6.283185307179586 -1.5707963267948966 0.0 0.0 3.141592653589793 0.0 0.0 0.0 2.0943951023931953
2
2 1 1
0.0 0.0 0.0
0.5 0.0 0.0
1
1
postwann
1
0.5
1 1
1 1
2 2
0.8 0.0 0.6 0.0
0.0 1.0 0.0 0.0
1.0 0.0
0.0 1.0
0.9 0.1
0.8 0.0
0.1 0.2 0.3
1.0
"""
CHK_WINDOW = """head
3
0
1.0 0.0 0.0 0.0 2.0 0.0 0.0 0.0 3.0
6.283185307179586 0.0 0.0 0.0 3.141592653589793 0.0 0.0 0.0 2.0943951023931953
2
2 1 1
0.0 0.0 0.0
0.5 0.0 0.0
1
1
postwann
1
0.5
1 1 1
0 1 1
3 2
0.8 0.0 0.0 0.6 0.0 0.0
0.0 1.0 0.0 0.0 0.0 0.0
1.0 0.0
0.0 1.0
0.9 0.1
0.8 0.0
0.1 0.2 0.3
1.0
"""
TB = "written on x\n1.5 0 0\n0 2.5 0\n0 0 3\n2\n3\n1 1 1\n"
TB += "".join(
    f"\n{x} 0 0\n" + "".join(f"{i} {j} {0.5 + 0.1 * (i + j) - 0.2 * abs(x):.2f} {0.1 * x:.2f}\n" for j in (1, 2) for i in (1, 2))
    for x in (-1, 0, 1)
)
TB += "".join(
    f"\n{x} 0 0\n" + "".join(f"{i} {j}{f' {0.1 * i * (i == j and x == 0):.1f} 0.0' * 3}\n" for j in (1, 2) for i in (1, 2))
    for x in (-1, 0, 1)
)
SLAB = "written on x\n2.0 0 0\n0 2.0 0\n0 0 10.0\n2\n3\n1 1 1\n"
SLAB += "".join(
    f"\n{x} 0 0\n" + "".join(f"{i} {j} {-0.5 if i == j and not x else 0.2} 0.0\n" for j in (1, 2) for i in (1, 2))
    for x in (-1, 0, 1)
)
SLAB += "".join(  # in the middle of the cell, elements across it damped, at one R alone
    f"\n{x} 0 0\n"
    + "".join(f"{i} {j} 0 0 0 0 {4.0 + 0.5 * i if i == j and not x else -0.3 * (x == 0):.2f} 0.0\n" for j in (1, 2) for i in (1, 2))
    for x in (-1, 0, 1)
)
HR = "head\n2\n3\n1 1 1\n" + "".join(
    f"{x} 0 0 {i} {j} {0.3 * (i + j) - abs(x):.1f} 0.0\n" for x in (-1, 0, 1) for j in (1, 2) for i in (1, 2)
)
SPARSE = "by hand\n6\n2\n3\n" + "-1 0 0 1 1 0.5 0.0\n0 0 0 1 1 0.3 0.0\n0 0 0 1 2 0.0 0.2\n0 0 0 2 1 0.0 -0.2\n1 0 0 1 1 0.5 0.0\n"
SPARSE += "0 0 0 2 2 -0.3 0.0\n"
BY_HAND = "by hand\n2 ! functions\n3\n1 1 1\n-1 1 -1 1 1 0.5 0.0\n0 0 0 1 2 0.0 0.1234567 ! comment\n"
BY_HAND += "0 0 0 2 1 0.0 -0.1234567\n1 -1 1 1 1 0.5 0.0\n"
R_DAT = "head\n2\n3\n" + "".join(
    f"{x} 0 0 {i} {j}{f' {0.1 * i * (i == j and x == 0):.1f} 0.0' * 3}\n" for x in (-1, 0, 1) for j in (1, 2) for i in (1, 2)
)
WSVEC = "head\n" + "".join(
    f"{x} 0 0 {i} {j}\n" + ("2\n0 0 0\n2 0 0\n" if x == -1 and i == j == 1 else "1\n0 0 0\n")
    for x in (-1, 0, 1)
    for j in (1, 2)
    for i in (1, 2)
)
XYZ = "3\nby hand\nX 0.1 0.0 0.0\nX 0.2 0.0 0.0\nFe 0.0 0.0 0.0\n"
WT = """&TB_FILE
Hrfile = 'x_hr.dat'
Package = 'VASP'
/
LATTICE
Angstrom ! of the run
2.0 0.0 0.0
0.5 3.0 0.0
0.0 0.0 4.0
ATOM_POSITIONS
2
Direct
Fe 0.1 0.0 0.0
Se 0.3 0.5 0.6
PROJECTORS
1 2
Fe s
Se s p
"""
WT_CENTRES = f"{WT}WANNIER_CENTRES\nCartesian\n0.1, 0.2, 0.0\n0.3, 0.2, 0.1\n"
WOUT = """
 Lattice Vectors (Ang)
 a_1     2.000000   0.000000   0.000000
 a_2     0.500000   3.000000   0.000000
 a_3     0.000000   0.000000   4.000000
 |  Length Unit               :  Ang |
 Final State
  WF centre and spread    1  (  0.100000,  0.200000,  0.300000 )     1.10000000
  WF centre and spread    2  ( -0.400000,  0.000000,  0.500000 )     1.20000000
         Spreads (Ang^2)       Omega I      =     2.000000000
"""
PW = """&control
 title = 'a=b/c'
/
&SYSTEM
 ibrav=0, nat=2, ntyp=2, noncolin=.true., celldm(1) = 5.5
 starting_magnetization(1)=0.5, -0.3, angle1(1)=90.0d0, angle2(1)=30, angle1(2) = 20
/
ATOMIC_SPECIES
Fe 55.845 Fe.upf
O1 16.0 O.upf
CELL_PARAMETERS {alat}
 -0.5 0.5 0.5
 0.5 -0.5 0.5
 0.5 0.5 -0.5
ATOMIC_POSITIONS (alat)
Fe 0 0 0

O1 0.25 1/4 0.1*sqrt(2)

"""
PW_TRICLINIC = """&system
 ibrav = 14, A = 4.5, B = 5.0, C = 6.0, cosAB = 0.1, cosAC = 0.2, cosBC = 0.3, nspin = 2
 starting_magnetization(1) = 0.7
/
ATOMIC_SPECIES
Mn 54.9 x
ATOMIC_POSITIONS bohr
Mn 0.5 1.0 1.5
"""
PW_OUT = """
     Program PWSCF v.7.2 starts on  1Jan2024 at  0: 0: 0
     lattice parameter (alat)  =       5.0000  a.u.
     crystal axes: (cart. coord. in units of alat)
               a(1) = (   1.000000   0.000000   0.000000 )
               a(2) = (   0.100000   1.000000   0.000000 )
               a(3) = (   0.000000   0.000000   1.500000 )
     site n.     atom                  positions (alat units)
         1        Fe1    tau(   1) = (   0.0000000   0.0000000   0.1000000  )
         2        Fe2    tau(   2) = (   0.5000000   0.5000000   0.7500000  )
     atom   1 (R=0.357)  charge=  6.0000  magn=  2.1000
     atom   2 (R=0.357)  charge=  6.0000  magn= -2.0000
CELL_PARAMETERS (angstrom)
   2.0 0.0 0.0
   0.0 3.0 0.0
   0.0 0.0 4.0

ATOMIC_POSITIONS (bohr)
Fe1 0.1 0.0 0.0
Fe2 1.5 1.5 1.4  0 0 1
End final coordinates
"""
POSCAR = "Fe and O\n1.5\n3 0 0\n0.5 3 0\n0 0 4\nFe O\n1 1\nDirect\n0 0 0.1\n0.5 0.5 0.5\n"
INCAR = "ISPIN = 2 ; ENCUT = 500 # eV\nLSORBIT = .TRUE.\nSAXIS = 1 0 2\nMAGMOM = 0 0 2 \\\n 1 1.5 0*3 -0.5\n"
OUTCAR = "   ISPIN  =      1\n   LNONCOLLINEAR =      T\n Euler angles ALPHA=     0.3000000  BETA=     1.2000000\n" + "".join(
    f"\n magnetization ({axis})\n\n# of ion   s   p   d   tot\n{'-' * 42}\n    1  0.01  0.02  {0.3 * i:.3f}  {i + 0.5:.3f}\n"
    f"    2  0.01  0.02  0.2  {-i - 0.25:.3f}\n{'-' * 42}\ntot 0 0 0 0\n"
    for i, axis in enumerate("xyz")
)
VASPRUN = """<modeling><incac/><incar><i type="int" name="ISPIN"> 2</i></incar>
<parameters><separator name="electronic">
<i type="logical" name="LSORBIT"> F </i>
<v name="MAGMOM"> 1.5 -0.5 </v>
<v name="SAXIS"> 1 0 0</v>
</separator></parameters></modeling>
"""
MCIF = """data_test
_cell_length_a 3.82
_cell_length_b 3.82
_cell_length_c 6.318(2)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_space_group_symop_magn_operation.id
_space_group_symop_magn_operation.xyz
1 x,y,z,+1
2 -x,-y,-z,-1
3 x+1/2,-y,-z,+1
4 -x+1/2,y,z,-1
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cu1 Cu 0.75 0.25 0.0 1.0
Mn1 Mn 0.25 0.25 0.33 1.0
loop_
_atom_site_moment.label
_atom_site_moment.crystalaxis_x
_atom_site_moment.crystalaxis_y
_atom_site_moment.crystalaxis_z
Mn1 0.0 3.6(1) 0.0
"""
SCREW = """data_test
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 7.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_space_group_symop_magn_operation.xyz
x,y,z,+1
-y,x+1/2,z+1/4,+1
-x+1/2,-y+1/2,z+1/2,+1
y+1/2,-x,z+3/4,+1
loop_
_space_group_symop_magn_centering.xyz
x,y,z,+1
x+1/2,y+1/2,z+1/2,-1
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Fe1 0.1 0.2 0.3
loop_
_atom_site_moment.label
_atom_site_moment.crystalaxis_x
_atom_site_moment.crystalaxis_y
_atom_site_moment.crystalaxis_z
Fe1 1.0 0.5 0.25
"""
SCF = "     End of self-consistent calculation\n     the Fermi energy is    2.5 ev\n     number of electrons       =         8.00\n"
CELLDM = np.array([1.5, 1.2, 1.7, 0.1, 0.2, 0.3])  # a, b/a, c/a, cosines
GAP = "     highest occupied, lowest unoccupied level (ev):     8.5000    9.5000\n"


def everything_of_win(path: Path) -> object:
    win = read_win(path)
    uses = (win.lattice, win.atoms, win.kpoints, win.mesh, partial(win.number, "dis_win_max"), partial(win.flag, "spinors"))
    return [win.keywords, [use() for use in uses]]


def places(path: Path) -> object:
    return [projected_places(read_win(path)), read_projections(path)]


def tools(path: Path) -> object:
    given = WannierToolsInput(path)
    return [given.alternates, given.lattice(), given.projectors(3), given.centres(2) if given.has_centres else None]


def what_is_in(model: TightBindingModel) -> object:
    told = stored_fitness(model.source)
    kept = {key: model.source[key] for key in ("ws_distance", "mesh", "spin") if key in model.source}
    matrices = [model.lattice, model.R_vectors, model.hamiltonian_R, model.position_R, model.spin_R]
    return [*matrices, kept, told.passed, told.untested, [one.partition(":")[0] for one in told.warnings]]


def hr_model(path: Path) -> object:
    return what_is_in(read_hr(path.with_name("x_hr.dat")))


def replicas_of_file(path: Path) -> object:
    return what_is_in(read_tb(path.with_name("x"), ws_distance="file"))


def lattice_and_position(path: Path) -> object:
    model = read_hr(path.with_name("x_hr.dat"))
    return [model.lattice, model.centres, [one.partition(":")[0] for one in stored_fitness(model.source).warnings]]


def hr_of(order: str) -> str:
    return "\n".join(hr_lines(*(spinful(order, 0.8) if order else random_hoppings()))) + "\n"


def cell(rows: np.ndarray = HEXAGONAL) -> str:
    return "begin unit_cell_cart\n" + "\n".join(" ".join(f"{x:.8f}" for x in row) for row in rows) + "\nend unit_cell_cart\n"


ZEROS = "2\n\nX 0.0 0.0 0.0\nX 0.0 0.0 0.0\n"
HEXAGONAL_WIN = ("x.win", cell())
MODEL = (("x_hr.dat", hr_of("")),)
KINDS = {
    "win": Kind("x.win", WIN, everything_of_win, most=130),
    "projections": Kind("x.win", PROJECTIONS, places, most=130),
    "nnkp": Kind("x.nnkp", NNKP, read_nnkp_kpoints),
    "eig": Kind("x.eig", EIG, read_eig),
    "mmn": Kind("x.mmn", MMN, read_mmn),
    "spn": Kind("x.spn", SPN, read_spn),
    "sIu": Kind("x.sIu", SIU, read_spin_neighbours),
    "chk": Kind("x.chk.fmt", CHK, read_chk, most=160),
    "chk with a window": Kind("x.chk.fmt", CHK_WINDOW, read_chk, most=80),
    "tb": Kind("x_tb.dat", TB, read_tb_table, most=90),
    "tb model": Kind("x_tb.dat", TB, lambda path: what_is_in(read_tb(path, spin="interleaved"))),
    "tb of a slab": Kind("x_tb.dat", SLAB, lambda path: what_is_in(read_tb(path)), most=30),
    "hr": Kind("x_hr.dat", HR, lambda path: read_hr_table(path, np.eye(3)), most=90),
    "hr with zeros left out": Kind("x_hr.dat", SPARSE, lambda path: read_hr_table(path, np.eye(3))),
    "hr by hand": Kind("x_hr.dat", BY_HAND, lambda path: read_hr_table(path, np.eye(3))),
    "r": Kind("x_r.dat", R_DAT, hr_model, (("x_hr.dat", HR), HEXAGONAL_WIN)),
    "wsvec": Kind(
        "x_wsvec.dat", WSVEC, lambda path: what_is_in(read_tb(path.with_name("x"), ws_distance="file")), (("x_tb.dat", TB),)
    ),
    "centres": Kind("x_centres.xyz", XYZ, lattice_and_position, (*MODEL, HEXAGONAL_WIN)),
    "win of hr": Kind("x.win", cell(), lattice_and_position, (*MODEL, ("x_centres.xyz", ZEROS))),
    "wout": Kind("x.wout", WOUT, lattice_and_position, MODEL),
    "wt.in": Kind("wt.in", WT, tools, most=110),
    "wt.in with centres": Kind("wt.in", WT_CENTRES, tools),
    "wt.in of a model": Kind("wt.in", WT, lattice_and_position, (("x_hr.dat", hr_of("blocks")),), most=40),
    "pw.x": Kind("x.in", PW, read_structure, most=130),
    "pw.x, triclinic": Kind("x.in", PW_TRICLINIC, read_structure, most=90),
    "pw.x output": Kind("x.out", PW_OUT, read_structure, most=130),
    "INCAR": Kind("INCAR", INCAR, lambda path: read_structure(path.with_name("POSCAR")), (("POSCAR", POSCAR),)),
    "OUTCAR": Kind("OUTCAR", OUTCAR, lambda path: outcar_moments(path, 2), most=110),
    "vasprun": Kind("vasprun.xml", VASPRUN, lambda path: vasprun_moments(path, 2), most=30),
    "mcif": Kind("x.mcif", MCIF, read_structure, most=90),
    "mcif of a screw axis": Kind("x.mcif", SCREW, read_structure, most=90),
    "mcif cell": Kind("x.mcif", MCIF, read_cif, most=40),
    "Fermi energy": Kind("scf.out", SCF, lambda path: find_fermi_energy(path.with_name("x")), (("nscf.out", SCF),)),
    "gap": Kind("scf.out", GAP, lambda path: find_fermi_energy(path.with_name("x"))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_place_changed(kind: str, tmp_path: Path) -> None:
    given = KINDS[kind]
    for name, text in given.beside:
        (tmp_path / name).write_text(text)
    check("damages.json", kind, outcomes(given.text, tmp_path / given.name, given.read, given.most))


@pytest.mark.parametrize("kind", KINDS)
def test_finer_changes(kind: str, tmp_path: Path) -> None:
    """Numbers near and far beyond bounds, letters of the other case, lines in another order: a check sum of each outcome."""
    given = KINDS[kind]
    for name, text in given.beside:
        (tmp_path / name).write_text(text)
    check("marks.json", kind, marks(given.text, tmp_path / given.name, given.read, 20))


@pytest.mark.parametrize("ibrav", [0, *KNOWN])
def test_lattices_of_pw(ibrav: int) -> None:
    """Each number of each lattice; and what a length or cosine that is missing or senseless leads to."""
    seen = {}
    spoiled = {"as it is": CELLDM}
    for i, what in enumerate(("a", "b", "c")):
        spoiled |= {
            f"{what} missing": np.where(np.arange(6) == i, 0.0, CELLDM),
            f"{what} negative": np.where(np.arange(6) == i, -1.0, CELLDM),
        }
    spoiled |= {"cosines beyond 1": CELLDM + [0, 0, 0, 2, 2, 2], "flat": np.r_[CELLDM[:3], 1.0, 1.0, 1.0]}
    for name, celldm in spoiled.items():
        try:
            seen[name] = np.round(bravais_lattice(ibrav, celldm, Path("x")), 6).tolist()
        except InputError as error:
            seen[name] = str(error)
    check("damages.json", f"ibrav {ibrav}", seen)


def test_what_is_changed() -> None:
    assert dict(changes("a 1\n", 100)) == {
        "line 1 word 1 other": "qq 1\n",
        "line 1 word 1 no number": "ax 1\n",
        "line 1 word 1 lost": " 1\n",
        "line 1 word 2 + 1": "a 2\n",
        "line 1 word 2 negative": "a -1\n",
        "line 1 word 2 no number": "a 1x\n",
        "line 1 word 2 lost": "a \n",
        "line 1 lost": "",
        "line 1 twice": "a 1\na 1\n",
    }
    assert len(list(changes("a 1\n" * 100, 30))) == 30


def test_outcomes_tell_changes_apart(tmp_path: Path) -> None:
    """A reader that takes one number, and refuses what is none."""

    def read(path: Path) -> object:
        try:
            return np.array([float(path.read_text().split()[1])])
        except (ValueError, IndexError):
            raise InputError(f"'{path}' has no number") from None

    seen = outcomes("a 1.5\n", tmp_path / "x", read, 100)
    assert seen["as it is"] == "line 1 word 1 other; line 1 word 1 no number; line 1 twice"
    assert list(seen["read"]) == ["as it is", "line 1 word 2 + 0.3", "line 1 word 2 negative"]
    assert list(seen["refused"]) == ["'x' has no number"]
