"""workflows/dft: the inputs, the converter of pseudopotentials, and the chain with programs that only pretend."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scripts import scripts

from wannier_spin.readers.structure import read_structure
from wannier_spin.readers.win import read_win

FOLDER = Path(__file__).resolve().parents[2] / "workflows" / "dft"
SCRIPT = FOLDER / "run.py"
N_ELECTRONS = {"GaAs": 28, "Pt": 16, "Fe": 16}  # of the pseudopotentials behind example_inputs
MODULES = ("materials", "inputs", "psp8", "programs", "run")


@pytest.fixture(scope="module")
def dft():
    """The modules of the workflow by name."""
    with scripts("dft") as script:
        yield {name: script(name) for name in MODULES}


def upf(path, z, kind="NC", spin_orbit="T"):
    path.write_text(f'<UPF version="2.0.1">\n<PP_HEADER pseudo_type="{kind}" has_so="{spin_orbit}" z_valence="{z:.2f}"/>\n</UPF>\n')


@pytest.fixture
def pseudo(tmp_path):
    folder = tmp_path / "pseudo"
    folder.mkdir()
    for symbol, z in {"Ga": 13, "As": 15, "Pt": 16, "Fe": 16}.items():
        upf(folder / f"{symbol}.upf", z)
    return folder


def script(*arguments, cwd, **environment):
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", N_ELECTRONS)
def test_production_inputs_are_those_of_the_examples(dft, name, example_inputs):
    """Bands, exclusions, projections, k-points: what made example_inputs, which are known to be good."""
    material = dft["materials"].MATERIALS[name]
    old = read_win(example_inputs / name / f"{name}.win")
    energy = {"GaAs": 9.2, "Pt": 22.5, "Fe": 17.6}[name]
    text = dft["inputs"].win(material, material.sampling["production"], N_ELECTRONS[name], energy)
    path = Path(f"{name}.win")
    for key in ("exclude_bands", "num_bands", "num_wann", "num_iter", "mp_grid"):
        assert _value(text, key) == _value(old.path.read_text(), key), key
    for projection in material.projections:
        assert projection in old.path.read_text()
    assert float(_value(text, "dis_froz_max")) == pytest.approx(float(_value(old.path.read_text(), "dis_froz_max")), abs=0.05)
    assert path.suffix == ".win"


def test_outer_window(dft, tmp_path):
    """It ends below the highest band at every k."""
    rng = np.random.default_rng(0)
    energies = np.sort(rng.normal(size=(8, 5)), axis=1)
    rows = [f"{band + 1} {k + 1} {energies[k, band]:.12f}" for k in range(8) for band in range(5)]
    (tmp_path / "x.eig").write_text("\n".join(rows) + "\n")
    top = dft["inputs"].outer_window(tmp_path / "x.eig")
    assert energies[:, -1].min() - 0.011 < top < energies[:, -1].min()
    material = dft["materials"].MATERIALS["Pt"]
    assert (
        float(_value(dft["inputs"].win(material, material.sampling["test"], 16, 22.5, top), "dis_win_max")) < energies[:, -1].min()
    )


def _value(text, key):
    return next(line.partition("=")[2].strip() for line in text.splitlines() if line.partition("=")[0].strip() == key)


@pytest.mark.parametrize("quality", ["test", "production"])
@pytest.mark.parametrize("name", N_ELECTRONS)
def test_inputs_fit_together(dft, name, quality, tmp_path, pseudo):
    """The same k-points in the same order for pw.x and wannier90.x, enough bands, the window above the Fermi energy."""
    done = script(name, "--pseudo", pseudo, "--quality", quality, "--write-only", "--fermi-energy", 9.0, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / f"{name}_{quality}"
    win, nscf = read_win(folder / f"{name}.win"), (folder / "nscf.in").read_text()
    rows = nscf.partition("K_POINTS crystal\n")[2].splitlines()
    points = np.array([[float(x) for x in row.split()] for row in rows[1 : 1 + int(rows[0])]])
    assert len(points) == int(rows[0]) == np.prod([int(n) for n in _value((folder / f"{name}.win").read_text(), "mp_grid").split()])
    assert np.abs(points[:, :3] - win.kpoints()).max() < 1e-10
    assert points[:, 3].sum() == pytest.approx(1, abs=1e-9)
    nbnd = int(_value(nscf, "nbnd"))
    assert nbnd == win.number("num_bands") + N_ELECTRONS[name] - dft["materials"].MATERIALS[name].valence
    orbitals = [o for p in dft["materials"].MATERIALS[name].projections for o in p.partition(":")[2].split(";")]
    assert win.number("num_wann") == 2 * sum({"s": 1, "p": 3, "d": 5}[orbital] for orbital in orbitals)
    assert win.number("dis_froz_max") > 9.0
    for word in ("noncolin", "lspinorb", "nosym", "noinv"):
        assert f"{word}" in nscf
        assert _value(nscf, word) == ".true."
    assert "write_spn = .true." in (folder / "pw2wan.in").read_text()
    from ase.io import read

    scf = read(folder / "scf.in", format="espresso-in")
    structure = read_structure(folder / f"{name}.win")
    assert np.abs(np.array(scf.cell) - structure.lattice).max() < 1e-8
    assert scf.numbers.tolist() == structure.numbers.tolist()
    assert np.abs(scf.get_scaled_positions() - structure.positions).max() < 1e-8
    from wannier_spin.config import read_settings

    settings, _ = read_settings(folder / "input.toml")
    assert settings.fermi_energy == 9.0
    assert (settings.symmetry.magnetic_moments is not None) == (name == "Fe")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "Pt.upf").unlink(), "no pseudopotential"),
        (lambda f: upf(f / "Pt.upf", 16, spin_orbit="F"), "no spin-orbit coupling"),
        (lambda f: (f / "Pt.upf").write_text('has_so="T" pseudo_type="NC"'), "no z_valence"),
    ],
)
def test_wrong_pseudopotentials(pseudo, tmp_path, damage, message):
    damage(pseudo)
    done = script("Pt", "--pseudo", pseudo, "--write-only", cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_ultrasoft_is_said(pseudo, tmp_path):
    upf(pseudo / "Pt.upf", 16, kind="US")
    done = script("Pt", "--pseudo", pseudo, "--write-only", cwd=tmp_path)
    assert done.returncode == 0
    assert "not norm-conserving" in done.stdout


def test_missing_programs(pseudo, tmp_path):
    done = script("Pt", "--pseudo", pseudo, cwd=tmp_path, PATH=str(tmp_path))
    assert done.returncode == 2
    assert "apt-get install quantum-espresso wannier90" in done.stderr


# The chain with programs that pretend: pw.x states a Fermi energy, the others leave the files of Pt


@pytest.fixture
def programs(tmp_path, example_inputs):
    """A folder with stand-ins; each writes its name into calls.txt, and pw2wannier90.x fails while `broken` is there."""
    folder, pt = tmp_path / "bin", example_inputs / "Pt"
    folder.mkdir()
    call = f"echo $(basename $0) $* >> {tmp_path}/calls.txt\n"
    files = {
        "pw.x": "echo '     the Fermi energy is    22.4839 ev'\necho End of self-consistent calculation\necho '   JOB DONE.'\n",
        "pw2wannier90.x": f"test -e {tmp_path}/broken && {{ echo 'out of memory'; exit 1; }}\n"
        f"cp {pt}/Pt.eig {pt}/Pt.spn . && gunzip -c {pt}/Pt.mmn.gz > Pt.mmn\necho '   JOB DONE.'\n",
        "wannier90.x": "if [ $1 = -pp ]; then touch Pt.nnkp; else "
        f"cp {pt}/Pt.chk {pt}/Pt.win . && echo ' All done' > Pt.wout; fi\n",
    }
    for name, body in files.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{call}{body}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


def test_chain_stops_with_the_programs_words_and_goes_on(programs, pseudo, tmp_path):
    """A failing program ends it with its last lines; after that only what is missing is run."""
    calls = tmp_path / "calls.txt"
    environment = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    (tmp_path / "broken").touch()
    done = script("Pt", "--pseudo", pseudo, cwd=tmp_path, **environment)
    assert done.returncode == 2
    assert "overlaps and spins" in done.stderr
    assert "out of memory" in done.stderr
    assert [line.split()[0] for line in calls.read_text().splitlines()] == ["pw.x", "pw.x", "wannier90.x", "pw2wannier90.x"]
    (tmp_path / "broken").unlink()
    calls.unlink()
    (tmp_path / "Pt_test" / "Pt.nnkp").write_text(_kpoints_of(tmp_path / "Pt_test" / "Pt.win"))
    done = script("Pt", "--pseudo", pseudo, cwd=tmp_path, **environment)
    assert [line.split()[0] for line in calls.read_text().splitlines()] == ["pw2wannier90.x", "wannier90.x"]
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bands against .eig" in done.stdout
    assert "xy;z" in done.stdout
    assert "written to input.h5" in done.stdout


def _kpoints_of(win):
    text = win.read_text()
    assert "begin kpoints" in text
    points = np.stack(np.meshgrid(*3 * [np.arange(5) / 5], indexing="ij"), axis=-1).reshape(-1, 3)
    rows = "\n".join(" ".join(f"{x:.8f}" for x in point) for point in points)
    return f"begin kpoints\n{len(points)}\n{rows}\nend kpoints\n"


# psp8 -> UPF


def psp8_file(path, seed=1, points=50, valence=5.0):
    """A fully relativistic file with l = 0, 1, random numbers in it: what is in it, by name."""
    rng = np.random.default_rng(seed)
    r = 0.1 * np.arange(points)
    data = {"r": r, "local": rng.normal(size=points), "core": rng.random(points), "valence": rng.random(points)}
    data |= {"e": [rng.normal(size=2), rng.normal(size=2)], "p": [rng.normal(size=(2, points)) for _ in range(2)]}
    data |= {"d": rng.normal(size=3), "q": rng.normal(size=(3, points))}

    def block(head, *columns):
        return [head, *(f"{i} {numbers(row)}" for i, row in enumerate(zip(r, *columns, strict=True), 1))]

    def numbers(values):
        return " ".join(f"{x:.15E}".replace("E", "D") for x in values)

    lines = ["Xx  ONCVPSP  r_core= 1 1", f"33.0 {valence} 170607 zatom,zion,pspd"]
    lines += [f"8 11 1 4 {points} 0 pspcod,pspxc,lmax,lloc,mmax,r2well", "4.9 0.5 0.0 rchrg fchrg qchrg"]
    lines += ["2 2 0 0 0 nproj", "3 1 extension_switch", "3 0 0 0 nprojso"]
    for l in (0, 1):
        lines += block(f"{l} {numbers(data['e'][l])}", *data["p"][l])
    lines += block("4", data["local"])
    lines += block(f"1 {numbers(data['d'])}", *data["q"])
    lines += [row for name in ("core", "valence") for row in block("", data[name], *[0 * r] * 4)[1:]]
    path.write_text("\n".join(lines) + "\n")
    return data


def convert(*arguments, cwd):
    command = [sys.executable, FOLDER / "psp8.py", *arguments]
    return subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def upf_section(text, tag):
    return np.array(text.partition(f"<{tag} ")[2].partition(">")[2].partition("<")[0].split(), float)


def test_converted_operator(dft, tmp_path):
    """For each l and j the potential of the UPF file is that of psp8, in Rydberg: scalar part plus L.S times the other one."""
    data = psp8_file(tmp_path / "X_r.psp8")
    done = subprocess.run(
        [sys.executable, FOLDER / "psp8.py", "X_r.psp8"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "X_r.upf").read_text()
    assert np.abs(upf_section(text, "PP_LOCAL") - 2 * data["local"]).max() < 1e-12
    assert np.abs(upf_section(text, "PP_NLCC") - data["core"] / (4 * np.pi)).max() < 1e-12
    assert upf_section(text, "PP_RHOATOM").sum() * 0.1 == pytest.approx(5.0, rel=1e-12, abs=0)
    channels = [(int(m[1]), float(m[2])) for m in re.finditer(r'lll="(\d)" jjj="([\d.]+)"', text)]
    betas = np.array([upf_section(text, f"PP_BETA.{i}") for i in range(1, len(channels) + 1)])
    D = upf_section(text, "PP_DIJ").reshape(len(channels), -1)
    assert set(channels) == {(0, 0.5), (1, 0.5), (1, 1.5)}
    for (l, j), LS in {(0, 0.5): 0.0, (1, 0.5): -1.0, (1, 1.5): 0.5}.items():
        own = [i for i, channel in enumerate(channels) if channel == (l, j)]
        found = betas[own].T @ D[np.ix_(own, own)] @ betas[own]
        scalar = np.einsum("i,ir,is->rs", data["e"][l], data["p"][l], data["p"][l])
        expected = 2 * (scalar + LS * np.einsum("i,ir,is->rs", data["d"], data["q"], data["q"]))
        assert np.abs(found - expected).max() < 1e-11 * np.abs(expected).max()
    others = [[channels[i] != channels[j] for j in range(len(channels))] for i in range(len(channels))]
    assert np.abs(D[np.array(others)]).max() == 0
    inputs = dft["inputs"]
    path = tmp_path / "X_r.upf"
    assert inputs.is_fully_relativistic(path)
    assert inputs.is_norm_conserving(path)
    assert inputs.z_valence(path) == 5.0


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.replace("3 1 extension_switch", "1 1 extension_switch"), "extension_switch 1"),
        (lambda t: "\n".join(t.splitlines()[:80]), "ends too early"),
        (lambda t: t.replace("8 11 1 4", "8 11 1 0"), "lloc 0"),
        (lambda t: "", "ends too early"),
    ],
)
def test_wrong_psp8(tmp_path, damage, message):
    path = tmp_path / "X_r.psp8"
    psp8_file(path)
    path.write_text(damage(path.read_text()))
    done = convert(path, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("*.upf")) == []


ABINIT, ESPRESSO = Path("/usr/share/abinit/psp"), Path("/usr/share/espresso/pseudo")


@pytest.mark.slow
def test_real_chain(tmp_path):
    """GaAs from Debian's packages alone: quantum-espresso, wannier90, abinit-data."""
    for program in ("pw.x", "pw2wannier90.x", "wannier90.x"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}: apt-get install quantum-espresso wannier90")
    if not (ABINIT / "As_r.psp8").is_file():
        pytest.skip("no fully relativistic pseudopotentials: apt-get install abinit-data")
    for source, target in (("As_r", "As"), ("Ga-low_r", "Ga")):
        assert convert(ABINIT / f"{source}.psp8", "-o", f"{target}.upf", cwd=tmp_path).returncode == 0
    command = [sys.executable, SCRIPT, "GaAs", "--pseudo", tmp_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
    assert "magnetic group 216.75" in done.stdout


@pytest.mark.slow
def test_converted_silicon(tmp_path):
    """Bands with a converted file against those with Quantum ESPRESSO's own UPF of the same generator: core radii differ by 1 %."""
    if shutil.which("pw.x") is None or not (ABINIT / "Si_r.psp8").is_file() or not (ESPRESSO / "Si_r.upf").is_file():
        pytest.skip("needs Debian's quantum-espresso, quantum-espresso-data and abinit-data")
    subprocess.run(
        [sys.executable, FOLDER / "psp8.py", ABINIT / "Si_r.psp8", "-o", "ours.upf"], cwd=tmp_path, check=True, timeout=60
    )
    shutil.copyfile(ESPRESSO / "Si_r.upf", tmp_path / "theirs.upf")
    found = {}
    for name in ("ours", "theirs"):
        text = (
            f"&control\n calculation='scf', prefix='{name}', pseudo_dir='./', outdir='./{name}/'\n/\n"
            "&system\n ibrav=2, celldm(1)=10.26, nat=2, ntyp=1, ecutwfc=30, noncolin=.true., lspinorb=.true., nbnd=8\n/\n"
            "&electrons\n conv_thr=1d-10, startingwfc='random'\n/\n"
            f"ATOMIC_SPECIES\n Si 28.086 {name}.upf\nATOMIC_POSITIONS crystal\n Si 0 0 0\n Si .25 .25 .25\n"
            "K_POINTS crystal\n 2\n 0 0 0 1\n 0.1 0.2 0.3 3\n"
        )
        (tmp_path / f"{name}.in").write_text(text)
        done = subprocess.run(["pw.x", "-in", f"{name}.in"], cwd=tmp_path, capture_output=True, text=True, timeout=600)
        blocks = re.findall(r"bands \(ev\):\s+((?:[-\d.]+\s+)+)", done.stdout)
        found[name] = np.array([float(x) for block in blocks for x in block.split()])
    assert len(found["ours"]) == 16
    assert np.abs(found["ours"] - found["theirs"]).max() < 5e-3
    splitting = {name: bands[4] - bands[3] for name, bands in found.items()}  # of the valence band at Gamma: spin-orbit coupling
    assert splitting["theirs"] > 0.04
    assert splitting["ours"] == pytest.approx(splitting["theirs"], abs=1e-3)
