"""What commands print, line by line, as reference/transcripts.json has it: words to the letter, numbers as they are rounded.

What a run takes (seconds, memory, processors) and how its bars are estimated is tested elsewhere: results here have bars that are
made up, and numbers that differ from run to run are left out.
"""

import shlex
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from accounts import account
from command_line import Command, entry_point
from scans import SKEW, against_mu, at_sites, doped, doped_light, scan
from stored import check, differences, lines_of

import wannier_spin as ws

wannier_spin = pytest.fixture(entry_point)
pytestmark = pytest.mark.filterwarnings("ignore::wannier_spin.AccuracyWarning")  # coarse
INPUT = """
seedname = "model.h5"
responses = ["spin_hall", "edelstein"]
mu = [-2.6, -2.2]
temperature = 1000
fermi_energy = -2.3
[grid]
points = [6, 6, 1]
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, example_inputs: Path) -> Path:
    """Models, results and inputs, small ones, by short names."""
    folder = tmp_path_factory.mktemp("files")
    ws.models.rashba_exchange(exchange=SKEW).save(folder / "model.h5")
    ws.models.weyl().save(folder / "weyl.h5")
    against_mu().save(folder / "scan.h5")
    scan(omega=0.1).save(folder / "point.h5")
    (folder / "full.toml").write_text(INPUT.replace("mu = [-2.6, -2.2]", "carriers = { values = 3.5, electrons = 1 }"))
    scan(mu=(-2.6, -2.2), temperature=(300.0, 1000.0), broadening=0.2).save(folder / "other.h5")
    doped().save(folder / "doped.h5")
    doped_light().save(folder / "light.h5")
    at_sites().save(folder / "sites.h5")
    (folder / "in.toml").write_text(INPUT)
    (folder / "theirs.dat").write_text("0.5, -1 0.1  # mine\n1.5 0.5 0.2\n")
    scan(mu=(-2.6, -2.2), temperature=(300.0, 1000.0), broadening=0.2, units="SI").save(folder / "huge.h5")
    for name in ("Fe/Fe.model.h5", "Fe/Fe.win", "Mn2Au/Mn2Au.win", "GaAs/GaAs.model.h5", "GaAs/GaAs.win"):
        (folder / Path(name).name).symlink_to(example_inputs / name)
    for path in (example_inputs / "Pt").glob("Pt*"):
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture
def folder(files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(files)
    return files


COMMANDS = {
    "responses": "responses",
    "responses as Markdown": "responses --markdown",
    "show": "show scan.h5",
    "show one response": "show scan.h5 -r edelstein",
    "show a component": "show scan.h5 -r spin_hall -c xy;z",
    "show a component of a spectrum": "show scan.h5 -r displacement_spin_current -c xy;z",
    "show with tau": "show scan.h5 --tau 40 -r edelstein -c yx",
    "show another unit": "show scan.h5 -r edelstein -c yx --unit 'mu_B nm/V'",
    "show one point": "show point.h5",
    "show as JSON": "show point.h5 -r spin_hall --json",
    "show printed form": "show scan.h5 --form paper -r nonlinear_drude_spin_magnetization",
    "show what a relaxation fits": "show scan.h5 --relaxation static",
    "show doped": "show doped.h5",
    "show a component doped": "show doped.h5 -r thermal_edelstein -c yx",
    "show a component of a spectrum doped": "show light.h5 -c yx",
    "show of a layer": "show sites.h5 -r edelstein -c yx --unit 'mu_B nm/V'",
    "show a site": "show sites.h5 --site B",
    "show what is staggered": "show sites.h5 --staggered A B",
    "show a site that is not there": "show sites.h5 --site C",
    "compare doped": "compare doped.h5 doped.h5 -r spin_nernst",
    "too many carriers": "run full.toml -o no.h5",
    "compare": "compare scan.h5 point.h5",
    "compare with another": "compare scan.h5 other.h5",
    "compare with itself": "compare scan.h5 scan.h5",
    "decompose by band": "decompose in.toml -r spin_hall -c xy;z --grid 4 4 1",
    "decompose by pair": "decompose in.toml -r spin_hall -c xy;z --grid 4 4 1 --by band_pair --temperature 900",
    "decompose by energy": "decompose in.toml -r edelstein -c yx --grid 4 4 1 --by energy --edge -3 --edge -2 --edge 0",
    "decompose a quantity": "decompose in.toml -q spin_berry_curvature -c xy;z --grid 4 4 1",
    "check": "check Fe.model.h5",
    "check with facts": "check Fe.model.h5 --fermi-energy 17.6 --structure Fe.win --magmom '0 0 2.2'",
    "check Wannier90 files": "check Pt --fermi-energy 22.4839 --structure Pt.win",
    "check GaAs": "check GaAs.model.h5 --structure GaAs.win",
    "symmetry": "symmetry Fe.win --magmom '0 0 2.2'",
    "symmetry of sites": "symmetry Mn2Au.win --sites --magmom '4 0 0; -4 0 0; 0 0 0'",
    "symmetry without spin-orbit": "symmetry Mn2Au.win --no-soc --magmom '4 0 0; -4 0 0; 0 0 0'",
    "symmetry as JSON": "symmetry GaAs.win --json",
    "fermi-surface": "fermi-surface Fe.model.h5 --fermi-energy 17.6 --grid 3 3 3 -q spin -c z -o a.frmsf",
    "convert": "convert in.toml -o b.model.h5",
    "init": "init model.h5 -o new.toml",
}

EDGES = "'. -1/2 -1/2 0; . 1/2 -1/2 0; . -1/2 1/2 0'"
PATH = "'G 0 0 0; X 1/2 0 0'"
DRAWN = {
    "plot": "plot scan.h5 -r nonlinear_drude_spin_magnetization",
    "plot at a place": "plot scan.h5 -r edelstein -c yx --against temperature --at mu=-1.9 --at tau=80 -o a.pdf",
    "plot lines": "plot scan.h5 -r spin_hall -c xy;z --lines temperature --title Mine --size 5 4 --xlim -1 1 --ylim -2 3 "
    "--reference theirs.dat -o a.svg",
    "plot in a unit": "plot point.h5 -r edelstein --unit 'mu_B nm/V' -o a.png",
    "plot sheet": "plot point.h5 --sheet -o a.png",
    "compare": "compare scan.h5 other.h5 -r spin_hall -c xy;z -o a.png",
    "compare two": "compare other.h5 huge.h5 --xlim -3 -2 -o a.png",
    "converge": "converge in.toml --grid 2 --grid 4 -c yx -o a.png",
    "converge all": "converge in.toml --size 7 5 -o a.png",
    "bands along the path of the run": "bands GaAs.model.h5 --points 20 -o a.png",
    "bands": f"bands model.h5 --path {PATH} -q spin -c z --fermi-energy -2 --energies -1 1.5 --points 12 --title Mine "
    "--size 4 3 --reference theirs.dat -o a.png",
    "bands of a response": f"bands in.toml --path {PATH} -q edelstein -c yx --temperature 900 --points 12 --ylim -1 2 -o a.png",
    "plane": f"plane model.h5 --corners {EDGES} --points 7 5 --fermi-energy -2.2 --mark 'X 1/2 0 0' --scale symlog -o a.png",
    "plane of a response": f"plane in.toml --corners {EDGES} --points 7 5 -q edelstein -c yx --temperature 900 -o a.png",
    "plane of light": f"plane model.h5 --corners {EDGES} --points 7 5 --fermi-energy -2.2 -q ac_spin_magnetization -c yx "
    "--omega 0.2 --broadening 0.1 --part sin --title Mine -o a.png",
    "plane of a block": f"plane model.h5 --corners {EDGES} --points 7 5 --fermi-energy -2.2 -q edelstein -c yx --block L1surf "
    "--tau 5 -o a.png",
    "bands of a printed form": f"bands model.h5 --path {PATH} -q magnetic_spin_hall --points 12 --fermi-energy -2.2 --tau 5 "
    "--form paper -o a.png",
    "plot against tau": "plot scan.h5 -r edelstein -r spin_hall -c yx -c xy;z --against tau --at mu=-1.9 -o a.png",
    "plane of a crystal": "plane Fe.model.h5 --miller 0 0 1 --band 9 -q spin -c z --arrows --points 5 5 --scale linear -o a.png",
    "Fermi surface": "fermi-surface weyl.h5 --fermi-energy 1.37 --grid 5 5 5 -q spin_berry_curvature -c xy;z --view 30 20 "
    "--title T -o a.png",
}
REFUSED = (
    f"bands model.h5 --path {PATH} -o a.txt",
    f"bands model.h5 --path {PATH} --energies 0 1 --ylim 0 1 -o a.png",
    f"bands model.h5 --path {PATH} --energies 1 0 --points 3 -o a.png",
    f"bands model.h5 --path {PATH} --xlim 1 0 -o a.png",
    f"bands model.h5 --path {PATH} --size 0.5 3 -o a.png",
    "bands model.h5 -o a.png",
    f"bands nothing.h5 --path {PATH} -o a.png",
    f"bands scan.h5 --path {PATH} -o a.png",
    "bands model.h5 --path 'G; M' -o a.png",
    f"bands model.h5 --path {PATH} -q mass -o a.png",
    f"bands model.h5 --path {PATH} -c xy -o a.png",
    f"bands model.h5 --path {PATH} --spin up -o a.png",
    "plane model.h5 -o a.png",
    f"plane model.h5 --corners {EDGES} --miller 0 0 1 -o a.png",
    f"plane model.h5 --corners {EDGES} --arrows -o a.png",
    f"plane model.h5 --corners {EDGES} --points 3 3 --band 3 -o a.png",
    f"plane model.h5 --corners {EDGES} --points 3 3 -o a.png",
    "fermi-surface model.h5 -o a.txt",
    "fermi-surface model.h5 -c x -c y -o a.png",
    "fermi-surface model.h5 --size 3 3 -o a.html",
    "fermi-surface model.h5 --title a -o a.frmsf",
    "fermi-surface model.h5 -o a.png",
    "compare scan.h5 other.h5 --title a",
    "compare scan.h5 other.h5 -c xy;z",
    "compare scan.h5 other.h5 -r spin_nernst",
    "compare scan.h5 doped.h5 -r edelstein",
    "compare scan.h5 other.h5 -c zz;z -o a.txt",
    "compare scan.h5 other.h5 --title a -o a.png",
    "compare scan.h5 other.h5 -r edelstein -c xq;z -o a.png",
    "converge in.toml --title a",
    "converge model.h5",
    "converge in.toml --grid 4 --tolerance 0.1",
    "converge in.toml --grid 4",
    "converge in.toml --grid 1 --grid 4",
    "converge in.toml --tolerance 0.1 --tolerance 2",
    "converge in.toml --grid 2 --grid 4 -c x",
    "plot scan.h5 --sheet -c xy",
    "plot scan.h5 --sheet --title a",
    "plot scan.h5 -o a.tif",
    "plot scan.h5 -o nowhere/a.png",
    "plot scan.h5 -c xyzz",
    "plot scan.h5 -r spin_hall --against omega",
    "plot scan.h5 --against tau --tau 3",
    "plot scan.h5 --at energy=3",
    "plot scan.h5 --relaxation slow",
    "plot scan.h5 --at mu",
    "plot scan.h5 --against pressure",
    "plot scan.h5 --against omega --lines omega",
    "plot point.h5 -r edelstein --against mu",
    "plot scan.h5 --title a",
    "show sites.h5 --site A --staggered A B",
    "show scan.h5 -r spin_nernst",
    "show scan.h5 -r edelstein -c xyz",
    "show scan.h5 --unit eV",
    "show scan.h5 -r edelstein --unit S/cm",
    "init in.toml",
    "init model.h5 -o in.toml",
    "convert model.h5 -o a.txt",
    "convert Fe.model.h5",
    "check model.h5 --spin wrong",
    "export scan.h5 -o a.txt",
    "export scan.h5 -r spin_hall -c xy -o a.csv",
    "screen . --time-limit 0",
    "screen . -o a.txt",
    "screen . --figure a.txt",
    "decompose in.toml -r edelstein -c yx --by energy --edge 1 --edge 0",
    "decompose in.toml -r spin_hall -q spin",
    "run in.toml -o nowhere/a.h5",
    "run scan.h5",
    "rerun scan.h5",
)


def spoiled(folder: Path, **changes: Callable[[np.ndarray], np.ndarray]) -> None:
    """A model of iron with other matrices, as bad.h5."""
    model = ws.load_model(folder / "Fe.model.h5")
    replace(model, **{name: change(getattr(model, name)) for name, change in changes.items()}).save(folder / "bad.h5")


FAULTS: dict[str, dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "left-handed spin": {"spin_R": lambda S: S * np.array([1, -1, 1])},
}


def words(command: str) -> list[str]:
    return shlex.split(command)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_printed(wannier_spin: Command, folder: Path, name: str) -> None:
    done = wannier_spin(*words(COMMANDS[name].replace("xy;z", "'xy;z'")))
    check("transcripts.json", name, {"code": done.code, "out": lines_of(done.out), "err": lines_of(done.err)})


def with_made_up_bars(one: Any) -> Any:
    return replace(one, errors=0.3 * np.abs(one.values) / (1 + np.arange(len(one.values))))


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_drawn(wannier_spin: Command, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By each command that draws: what is on its figure, and what it says."""
    matplotlib = pytest.importorskip("matplotlib.figure")
    steps = import_module("wannier_spin.calculation.converge")  # the function has the name of its module
    over_steps = steps._over_steps
    monkeypatch.setattr(steps, "_over_steps", lambda *given: with_made_up_bars(over_steps(*given)))
    seen: dict[str, object] = {}
    monkeypatch.setattr(matplotlib.Figure, "savefig", lambda figure, stream, **options: seen.update(account(figure)))
    done = wannier_spin(*words(DRAWN[name].replace("xy;z", "'xy;z'")))
    assert done.code == 0, done.err
    assert "figure" in seen
    check("drawn.json", name, {"code": done.code, "out": lines_of(done.out), "err": lines_of(done.err), **seen})


def test_what_commands_refuse(wannier_spin: Command, folder: Path) -> None:
    """Each with one message; nothing is written."""
    before = set(folder.iterdir())
    seen = {}
    for line in REFUSED:
        done = wannier_spin(*words(line.replace("xy;z", "'xy;z'")))
        assert done.code == 2, line
        seen[line] = lines_of(done.err)
    check("drawn.json", "refused", seen)
    assert set(folder.iterdir()) == before


@pytest.mark.parametrize("fault", FAULTS)
def test_what_check_says_of_a_fault(wannier_spin: Command, folder: Path, fault: str) -> None:
    spoiled(folder, **FAULTS[fault])
    done = wannier_spin("check", "bad.h5")
    assert "NOT fit for use" in done.out
    assert done.code == 2  # as `run` says
    check("transcripts.json", fault, {"code": done.code, "out": lines_of(done.out), "err": lines_of(done.err)})


def test_what_init_writes(wannier_spin: Command, folder: Path) -> None:
    assert wannier_spin("init", "Fe.model.h5", "-o", "iron.toml").code == 0
    check("transcripts.json", "an input file of iron", lines_of((folder / "iron.toml").read_text()))


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_what_is_exported(wannier_spin: Command, folder: Path, ending: str) -> None:
    assert wannier_spin("export", "scan.h5", "-r", "edelstein", "-o", f"a.{ending}").code == 0
    text = (folder / f"a.{ending}").read_text()
    check("transcripts.json", f"export to {ending}", lines_of(text)[:60])


def test_how_results_show_themselves() -> None:
    result = against_mu()
    tensor = result["edelstein"]
    things = {"result": result, "response": tensor, "spectrum": result["displacement_spin_current"], "component": tensor["yx"]}
    seen = {name: lines_of(repr(thing)) for name, thing in things.items()}
    seen |= {
        f"{name} in HTML": lines_of(thing._repr_html_().replace("><", ">\n<"))
        for name, thing in things.items()
        if hasattr(thing, "_repr_html_")
    }
    check("transcripts.json", "reprs", seen)


def test_a_transcript_sees_what_changes() -> None:
    before = lines_of("spin_hall  xy;z  1.234e+03 at 22.5 eV, 16 k-points")
    assert before == [["spin_hall xy;z # at # eV, # k-points", 1234.0, 22.5, 16]]
    for other in ("spin_hall  xy;z  1.235e+03 at 22.5 eV, 16 k-points", "spin_hall  xy;z  1.234e+03 at 22.5 eV, 17 k-points"):
        assert list(differences(before, lines_of(other), ""))
    assert not list(differences(before, before, ""))
