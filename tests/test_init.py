"""Files to start from: `init` writes an input file that `run` takes, `convert` a model file."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import Command, entry_point

import wannier_spin as ws
from wannier_spin.config import read_settings

SCF = "     End of self-consistent calculation\n     the Fermi energy is    {} ev\n"


wannier_spin = pytest.fixture(entry_point)


@pytest.fixture
def iron(tmp_path: Path, example_inputs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run in a folder, and the user in the folder above."""
    (tmp_path / "Fe").mkdir()
    for name in ("Fe.model.h5", "Fe.win"):
        (tmp_path / "Fe" / name).symlink_to(example_inputs / "Fe" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_of_a_magnet(wannier_spin: Command, iron: Path) -> None:
    """Paths count from the new file; mu stays in the frozen window; of one atom the moment is that of the bands."""
    (iron / "Fe" / "scf.out").write_text(SCF.format(17.6048))
    done = wannier_spin("init", "Fe/Fe.model.h5")
    assert done.code == 0, done.err
    assert "written to Fe.toml" in done.out
    settings, text = read_settings("Fe.toml")
    assert (settings.seedname, settings.symmetry.structure) == ("Fe/Fe.model.h5", "Fe/Fe.win")
    assert settings.fermi_energy == 17.6048
    assert "scf.out" in text
    top = float(next(line.split("=")[1] for line in (iron / "Fe" / "Fe.win").read_text().splitlines() if "dis_froz_max" in line))
    assert -2 <= min(settings.mu) < max(settings.mu) <= min(2.0, top - 17.6048) + 1e-2
    assert "magnetic_spin_hall" in settings.responses
    (moment,) = settings.symmetry.magnetic_moments or ()  # there is one atom: it has the moment of the cell
    assert np.linalg.norm(np.array(moment) - [0, 0, np.linalg.norm(moment)]) < 0.05
    assert 2.0 < np.linalg.norm(moment) < 2.4
    assert wannier_spin("run", "Fe.toml", "--dry-run").code == 0
    Path("Fe.toml").write_text(text.replace(text.split("magnetic_moments = ")[1].split("  #")[0], "[[0, 0, 0]]"))
    refused = wannier_spin("run", "Fe.toml", "--dry-run")  # with moments of zero it is another group: the user is asked
    assert refused.code == 2
    assert "symmetry.magnetic_moments" in refused.err
    again = wannier_spin("init", "Fe/Fe.model.h5")
    assert again.code == 2
    assert "'Fe.toml' exists" in again.err


def test_init_of_an_antiferromagnet(wannier_spin: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P*T: no total moment, but every atom has that of its functions; one k-point across: a question."""
    monkeypatch.chdir(tmp_path)
    model = ws.models.get("pt_antiferromagnet", direction=(0, 0, 1))
    replace(model, periodic=(True, True, True)).save("X.model.h5")
    atoms = "begin atoms_frac\nMn 0 0 0\nMn 0.5 0.5 0\nend atoms_frac\n"
    cell = "begin unit_cell_cart\n1 0 0\n0 1 0\n0 0 1\nend unit_cell_cart\n"
    Path("X.win").write_text(f"num_wann = 4\nfermi_energy = 0.0\nmp_grid = 1 1 1\n{atoms}{cell}")
    assert wannier_spin("init", "X.model.h5").code == 0
    settings, text = read_settings("X.toml")
    up, down = settings.symmetry.magnetic_moments or ()
    assert abs(up[2]) > 0.3 and list(up) == [0, 0, -down[2]] and list(down) == [0, 0, down[2]]
    assert settings.responses == ["spin_hall", "magnetic_spin_hall", "edelstein"]
    assert settings.grid.points is not None and settings.grid.points[2] == 1
    assert "one k-point along c" in text and settings.model.vacuum is None
    Path("X.toml").write_text(text.replace("# model ", "model ").partition("[symmetry]")[0])  # the atoms that tell both Mn apart
    done = wannier_spin("run", "X.toml", "--dry-run")  # are not in it
    assert done.code == 0 and "4 bands, 2D" in done.out, done.out + done.err


def test_init_guesses_nothing(wannier_spin: Command, tmp_path: Path) -> None:
    """No Fermi energy, no structure: the places for them are comments, and the options that read the files are kept."""
    ws.models.get("weyl").save(tmp_path / "W.model.h5")
    done = wannier_spin("init", tmp_path / "W.model.h5", "-o", tmp_path / "W.toml", "--vacuum", "c", "--thickness", 3)
    assert done.code == 0, done.err
    settings, text = read_settings(tmp_path / "W.toml")
    assert settings.fermi_energy is None
    assert "# fermi_energy" in text
    assert (settings.symmetry.structure, settings.model.vacuum, settings.model.thickness) == (None, "c", 3.0)
    assert settings.grid.points is not None
    assert settings.grid.points[2] == 1


def test_convert(wannier_spin: Command, tmp_path: Path, example_inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GaAs_tb.dat.gz", "GaAs_wsvec.dat.gz"):
        (tmp_path / name).symlink_to(example_inputs / "GaAs" / name)
    target = tmp_path / "G.model.h5"
    done = wannier_spin("convert", tmp_path / "GaAs", "--spin", "interleaved", "-o", target)
    assert done.code == 0, done.err
    ours, theirs = ws.load_model(target), ws.open_model(tmp_path / "GaAs", spin="interleaved")
    assert np.array_equal(ours.hamiltonian_R, theirs.hamiltonian_R)
    monkeypatch.chdir(tmp_path)
    done = wannier_spin("convert", target.name, "-o", "copy.model.h5")
    assert done.code == 0, done.err
    done = wannier_spin("convert", "copy.model.h5")  # by default beside it, and nothing is overwritten
    assert done.code == 2
    assert "'copy.model.h5' exists" in done.err
    done = wannier_spin("convert", ".", "--spin", "interleaved")  # the folder of the run: by the name of that, as `init` does
    assert "written to GaAs.model.h5" in done.out
    wrong = wannier_spin("convert", tmp_path / "GaAs", "-o", tmp_path / "G.dat")
    assert wrong.code == 2
    assert ".model.h5" in wrong.err


@pytest.mark.parametrize("arguments", [("--version",), ("-h",), ("run", "-h"), ("--show-completion", "bash")])
def test_what_every_program_has(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wannier_spin", *arguments],
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},  # the shell is named: tests may have none
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    expected = {"--version": f"wannier-spin {ws.__version__}", "-h": "init", "run": "INPUT.toml", "--show-completion": "complete"}
    assert expected[arguments[0]] in done.stdout


def test_a_file_of_the_other_kind(tmp_path: Path) -> None:
    for name, right, wrong in (("X_hr.dat", "read_hr", ws.read_tb), ("X_tb.dat.gz", "read_tb", ws.read_hr)):
        (tmp_path / name).write_text("")
        with pytest.raises(ws.InputError, match=f"{name}' is named like an .* read it with {right}"):
            wrong(tmp_path / name)


def test_init_of_a_collinear_pair(wannier_spin: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sites with opposite moments, a run for each spin: by both seednames, or by the folder; the file that is written runs."""
    vectors = "3 0 0\n0 3.2 0\n0 0 3.4\n"
    atoms = "begin atoms_frac\nMn 0 0 0\nMn 0.5 0.5 0.5\nend atoms_frac\n"
    pairs = [(i, j) for j in (0, 1) for i in (0, 1)]
    for name, low in (("X_up", 0), ("X_dn", 1)):
        H = r = ""
        for R in (0, 1, -1):
            levels = [0.1 if R else -1.0 if site == low else 1.0 for site in (0, 1)]
            places = [0.0, 0.0 if R else 1.0]
            H += f"\n{R} 0 0\n" + "".join(f"{i + 1} {j + 1} {levels[i] * (i == j)} 0\n" for i, j in pairs)
            x = [[f"{half * places[i] * (i == j)} 0" for half in (1.5, 1.6, 1.7)] for i, j in pairs]
            r += f"\n{R} 0 0\n" + "".join(f"{i + 1} {j + 1} {' '.join(at)}\n" for (i, j), at in zip(pairs, x, strict=True))
        (tmp_path / f"{name}_tb.dat").write_text(f"made by a test\n{vectors}2\n3\n1 1 1\n{H}{r}")
        head = f"num_wann = 2\nfermi_energy = 0.0\nmp_grid = 1 1 1\n{atoms}"
        (tmp_path / f"{name}.win").write_text(f"{head}begin unit_cell_cart\n{vectors}end unit_cell_cart\n")
    monkeypatch.chdir(tmp_path)
    for given in (("X_up", "X_dn"), (".", "-o", "X2.toml")):
        done = wannier_spin("init", *given)
        assert done.code == 0, done.err
    settings, text = read_settings("X.toml")
    assert text == Path("X2.toml").read_text()
    assert settings.seeds == ("X_up", "X_dn")
    assert settings.responses == ["magnetic_spin_hall"]
    assert settings.symmetry.magnetic_moments == [[0, 0, 1], [0, 0, -1]]  # the lower level of each site is full
    done = wannier_spin("run", "X.toml", "--dry-run")
    assert done.code == 0 and "spin group (collinear)" in done.out, done.err
    assert ws.open_model(".").spin_axis.tolist() == [0, 0, 1]  # so for every command
    done = wannier_spin("convert", ".")
    assert done.code == 0 and Path("X.model.h5").is_file(), done.err
    Path("Y_tb.dat").write_bytes(Path("X_up_tb.dat").read_bytes())
    with pytest.raises(ws.InputError, match="expected exactly one seed in it.*init X_up X_dn"):
        ws.open_model(".")
    refused = wannier_spin("init", "X_up", "X_up", "-o", "Y.toml")
    assert refused.code == 2 and "the same Hamiltonian" in refused.err
