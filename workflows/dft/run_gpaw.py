"""From nothing to a spin response without pseudopotentials: GPAW, Wannier90, wannier-spin.

    python workflows/dft/run_gpaw.py Fe [--quality test|production] [--gpaw "/usr/bin/python3"] [--write-only]

--gpaw says how to start the Python that has GPAW (on Debian: apt-get install gpaw gpaw-data wannier90); it needs nothing of this
package. Everything happens in ./Fe_gpaw_test; a step that is done is not done again. It ends with `wannier-spin check` and
`wannier-spin run`. --write-only writes the .win and our input from the states.json of a run.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from paw_materials import MATERIALS, PawMaterial
from programs import Failure, exit_code, launch, require, unfinished

HERE = Path(__file__).resolve().parent
DENSER = {"test": 3, "production": 3}  # points of our mesh for one of GPAW's


@dataclass(frozen=True)
class Run:
    """One run: what, how well, where, and how GPAW's Python is started."""

    name: str
    material: PawMaterial
    quality: str
    folder: Path
    gpaw: tuple[str, ...]

    @property
    def seeds(self) -> tuple[str, ...]:
        return (self.name,) if self.material.spinors else (f"{self.name}_up", f"{self.name}_dn")


@dataclass(frozen=True)
class Step:
    """made : files that are there when it is done; in `log` its output stands. last : what a finished program writes last."""

    title: str
    command: tuple[str, ...]
    made: tuple[str, ...]
    log: str
    last: str = ""


def win(material: PawMaterial, mesh: tuple[int, int, int], facts: dict, channel: int) -> str:
    """Input of wannier90.x. facts : of states.json."""
    fermi_energy, highest = facts["fermi_energy"], facts["outer"][channel]
    outer = highest if material.outer is None else min(highest, fermi_energy + material.outer)
    atoms = zip(material.atoms.get_chemical_symbols(), material.atoms.get_scaled_positions(wrap=False), strict=True)
    letters = {
        symbol: ";".join(sorted((s[-1] for s in shells.split()), key="spd".index)) for symbol, shells in material.shells.items()
    }
    blocks = {
        "projections": [f"{symbol}:{shells}" for symbol, shells in letters.items()],
        "unit_cell_cart": ["ang", *(_row(vector) for vector in material.atoms.cell)],
        "atoms_frac": [f"{symbol} {_row(position)}" for symbol, position in atoms],
        "kpoints": [_row(point) for point in facts["kpoints"]],
    }
    keys = {
        "num_bands": material.bands,
        "num_wann": material.n_wannier,
        "fermi_energy": f"{fermi_energy:.4f}",
        "dis_froz_max": f"{fermi_energy + material.frozen:.4f}",
        "dis_win_max": f"{outer:.4f}",
        "dis_num_iter": 100 if material.spinors else 400,  # of iron: more of them leave the symmetric point, too
        "dis_mix_ratio": 0.5,
        "num_iter": 10 if material.spinors else 100,  # of spinors: more steps leave the symmetric point
        **({"spinors": "true"} if material.spinors else {"spin": ("up", "down")[channel]}),
        "mp_grid": " ".join(map(str, mesh)),
    }
    lines = [f"{key} = {value}" for key, value in keys.items()]
    lines += [f"\nbegin {name}\n" + "\n".join(rows) + f"\nend {name}" for name, rows in blocks.items()]
    return "\n".join(lines) + "\n"


def ours(run: Run, fermi_energy: float) -> str:
    """Input of `wannier-spin run`."""
    material = run.material
    seed = f'"{run.name}"' if material.spinors else f'{{ up = "{run.seeds[0]}", down = "{run.seeds[1]}", axis = [0, 0, 1] }}'
    grid = [n * DENSER[run.quality] if n > 1 else 1 for n in material.samplings[run.quality].mesh]
    lines = [
        f"seedname     = {seed}",
        f"responses    = {json.dumps(material.responses)}",
        f"fermi_energy = {fermi_energy:.4f}  # eV",
        "mu           = { from = -0.5, to = 0.5, points = 21 }  # eV, relative to it",
        "temperature  = 300.0  # K",
        "tau          = 10.0   # fs",
        f"\n[grid]\npoints = {grid}",
        *([f'\n[model]\nvacuum = "{material.vacuum}"'] if material.vacuum else []),
        f'\n[symmetry]\nstructure = "{run.seeds[0]}.win"',
    ]
    if material.moments:
        lines.append(f"magnetic_moments = {[[0, 0, m] for m in material.moments]}  # mu_B")
    return "\n".join(lines) + "\n"


def _row(vector: np.ndarray) -> str:
    return "  ".join(f"{x:.12f}" for x in vector)


def write_inputs(run: Run) -> None:
    """The .win files and our input, from states.json. Raises Failure where that is missing."""
    path = run.folder / "states.json"
    if not path.is_file():
        raise Failure(f"no '{path}': the states of GPAW come first")
    facts = json.loads(path.read_text())
    for channel, seed in enumerate(run.seeds):
        (run.folder / f"{seed}.win").write_text(win(run.material, run.material.samplings[run.quality].mesh, facts, channel))
    (run.folder / "input.toml").write_text(ours(run, facts["fermi_energy"]))


def steps(run: Run) -> list[Step]:
    """The chain, in order."""
    script, tool = str(HERE / "gpaw_states.py"), (sys.executable, "-m", "wannier_spin.cli")
    made = tuple(f"{seed}.mmn" for seed in run.seeds)
    found = [Step("states", (*run.gpaw, script, "ground", run.name, run.quality), ("states.json",), "gpaw.log")]
    found += [Step(f"neighbours {s}", ("wannier90.x", "-pp", s), (f"{s}.nnkp",), f"{s}.log") for s in run.seeds]
    found.append(Step("overlaps and spins", (*run.gpaw, script, "files", run.name, run.quality), made, "files.log", "overlaps: "))
    found += [Step(f"Wannier functions {s}", ("wannier90.x", s), (f"{s}.chk",), f"{s}.wout", "All done") for s in run.seeds]
    what = (run.name,) if run.material.spinors else ("input.toml",)
    return [
        *found,
        Step("check", (*tool, "check", *what), (), "check.txt"),
        Step("spin response", (*tool, "run", "input.toml"), (), "run.txt"),
    ]


def is_done(run: Run, step: Step) -> bool:
    log = run.folder / step.log
    ended = not step.last or (log.is_file() and step.last in log.read_text(errors="replace"))
    return bool(step.made) and all((run.folder / name).is_file() for name in step.made) and ended


def run_step(run: Run, step: Step) -> None:
    """Run one program. Raises Failure with the end of its output."""
    code, printed = launch(step.command, run.folder, step.log)
    if code or (step.made and not is_done(run, step)):
        raise unfinished(step.title, step.command, run.folder, printed.name, printed.read_text(errors="replace"))


def everything(run: Run, report: Callable[[str], None] = print) -> None:
    """The whole chain, from where it stopped."""
    require({run.gpaw[0]: "gpaw gpaw-data", "wannier90.x": "wannier90"})
    run.folder.mkdir(parents=True, exist_ok=True)
    for step in steps(run):
        if step.title.startswith("neighbours"):
            write_inputs(run)
        if is_done(run, step):
            report(f"{step.title}: done before")
            continue
        report(f"{step.title}: {shlex.join(step.command)}")
        run_step(run, step)
    report("".join((run.folder / name).read_text() for name in ("files.log", "check.txt", "run.txt")))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("material", choices=list(MATERIALS))
    parser.add_argument("--quality", choices=["test", "production"], default="test")
    parser.add_argument("--folder", type=Path, help="where to work; default: MATERIAL_gpaw_QUALITY")
    parser.add_argument("--gpaw", default="python3", help='how to start the Python that has GPAW, like "mpirun -n 4 gpaw python"')
    parser.add_argument("--write-only", action="store_true", help="write the inputs from states.json, run nothing")
    given = parser.parse_args(argv)
    folder = given.folder or Path(f"{given.material}_gpaw_{given.quality}")
    run = Run(given.material, MATERIALS[given.material], given.quality, folder, tuple(shlex.split(given.gpaw)))
    return exit_code(lambda: write_inputs(run) if given.write_only else everything(run))


if __name__ == "__main__":
    sys.exit(main())
