"""From nothing to a spin response: Quantum ESPRESSO, Wannier90, wannier-spin.

    python workflows/dft/run.py Pt --pseudo FOLDER [--quality test|production] [--mpi "mpirun -n 8"] [--write-only]

FOLDER holds the pseudopotentials by the names in materials.py: fully relativistic and norm-conserving (README.md says where they
come from, and why). Everything happens in ./Pt_test or ./Pt_production; a step that is done is not done again, so the same command
goes on after a stop. It ends with `wannier-spin check` and `wannier-spin run`. --write-only writes the inputs and runs nothing
(the .win file needs the Fermi energy of the self-consistent run: --fermi-energy).
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import inputs
from materials import MATERIALS, Material
from programs import Failure, exit_code, launch, require, unfinished

from wannier_spin.readers.fermi import find_fermi_energy

PROGRAMS = {"pw.x": "quantum-espresso", "pw2wannier90.x": "quantum-espresso", "wannier90.x": "wannier90"}
GRID = {"test": 12, "production": 24}  # of `wannier-spin run`
UNCONVERGED = "Disentanglement convergence criteria not satisfied"


@dataclass(frozen=True)
class Job:
    """One run: what, where, how."""

    name: str
    material: Material
    quality: str
    folder: Path
    pseudo: Path
    mpi: tuple[str, ...]

    @property
    def n_electrons(self) -> int:
        return inputs.electrons(self.material, self.pseudo)


@dataclass(frozen=True)
class Step:
    """command : words. stdin, output : files. done : the words in `output` that a finished program leaves."""

    title: str
    command: tuple[str, ...]
    output: str
    done: str
    stdin: str | None = None


def check_pseudopotentials(job: Job) -> None:
    """Raise Failure for what is missing or does not do; warn of ultrasoft ones."""
    for symbol, name in job.material.pseudopotentials.items():
        path = job.pseudo / name
        if not path.is_file():
            raise Failure(f"no pseudopotential '{path}' for {symbol}: put it there, or name the folder (--pseudo); see README.md")
        if not inputs.is_fully_relativistic(path):
            raise Failure(f"'{path}' has no spin-orbit coupling; take a fully relativistic one, see README.md")
        if not inputs.is_norm_conserving(path):
            print(f"warning: '{path}' is not norm-conserving: see what the check says of the Pauli algebra, and README.md")


def write_inputs(job: Job, fermi_energy: float | None, outer: float | None = None) -> None:
    """All that can be written; the .win file and our input need the Fermi energy. outer : top of the outer window, eV."""
    sampling, n = job.material.sampling[job.quality], job.n_electrons  # type: ignore[index]
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / "pseudo").mkdir(exist_ok=True)
    for name in job.material.pseudopotentials.values():
        shutil.copyfile(job.pseudo / name, job.folder / "pseudo" / name)
    files = {f"{kind}.in": inputs.pw(job.material, job.name, sampling, kind, n) for kind in ("scf", "nscf")}
    files["pw2wan.in"] = inputs.pw2wannier(job.name)
    if fermi_energy is not None:
        files[f"{job.name}.win"] = inputs.win(job.material, sampling, n, fermi_energy, outer)
        files["input.toml"] = inputs.ours(job.material, job.name, fermi_energy, GRID[job.quality])
    for name, text in files.items():
        (job.folder / name).write_text(text)


def steps(job: Job) -> tuple[Step, ...]:
    """The chain, in order."""
    name, mpi = job.name, job.mpi
    tool = (sys.executable, "-m", "wannier_spin.cli")
    return (
        Step("self-consistent run", (*mpi, "pw.x", "-in", "scf.in"), "scf.out", "JOB DONE"),
        Step("all k-points", (*mpi, "pw.x", "-in", "nscf.in"), "nscf.out", "JOB DONE"),
        Step("neighbours", ("wannier90.x", "-pp", name), f"{name}.wout", "written.", None),
        Step("overlaps and spins", (*mpi, "pw2wannier90.x", "-in", "pw2wan.in"), "pw2wan.out", "JOB DONE"),
        Step("Wannier functions", ("wannier90.x", name), f"{name}.wout", "All done"),
        Step("check", (*tool, "check", name), "check.txt", ""),
        Step("spin response", (*mpi, *tool, "run", "input.toml"), "run.txt", "written to"),
    )


def is_done(job: Job, step: Step) -> bool:
    if step.title == "neighbours":
        return (job.folder / f"{job.name}.nnkp").is_file()
    output = job.folder / step.output
    return bool(step.done) and output.is_file() and step.done in output.read_text(errors="replace")


def run_step(job: Job, step: Step) -> None:
    """Run one program. Raises Failure with the end of its output."""
    code, printed = launch(step.command, job.folder, step.output)
    text = (job.folder / step.output).read_text(errors="replace") if (job.folder / step.output).is_file() else ""
    finished = is_done(job, step) if step.done else code == 0
    if not finished:
        raise unfinished(step.title, step.command, job.folder, step.output, text or printed.read_text(errors="replace"))


def run(job: Job, report: Callable[[str], None] = print) -> None:
    """The whole chain, from where it stopped."""
    require(PROGRAMS)
    check_pseudopotentials(job)
    write_inputs(job, None)
    fermi_energy = None
    for step in steps(job):
        if step.title == "all k-points":
            fermi_energy = find_fermi_energy(job.folder / job.name).value
            write_inputs(job, fermi_energy)
            report(f"Fermi energy {fermi_energy:.4f} eV")
        if step.title == "Wannier functions":
            write_inputs(job, fermi_energy, inputs.outer_window(job.folder / f"{job.name}.eig"))
        if is_done(job, step):
            report(f"{step.title}: done before")
            continue
        report(f"{step.title}: {shlex.join(step.command)}")
        run_step(job, step)
        if step.title == "Wannier functions" and UNCONVERGED in (job.folder / step.output).read_text(errors="replace"):
            report("warning: the disentanglement did not converge: other windows, dis_mix_ratio or more steps; see README.md")
    report((job.folder / "check.txt").read_text() + (job.folder / "run.txt").read_text())


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("material", choices=list(MATERIALS))
    parser.add_argument("--pseudo", type=Path, required=True, help="folder with the pseudopotentials")
    parser.add_argument("--quality", choices=["test", "production"], default="test")
    parser.add_argument("--folder", type=Path, help="where to work; default: MATERIAL_QUALITY")
    parser.add_argument("--mpi", default="", help='how to start a parallel program, like "mpirun -n 8" or "srun"')
    parser.add_argument("--write-only", action="store_true", help="write the inputs, run nothing")
    parser.add_argument("--fermi-energy", type=float, help="eV, with --write-only: write the .win file, too")
    given = parser.parse_args(argv)
    folder = given.folder or Path(f"{given.material}_{given.quality}")
    job = Job(given.material, MATERIALS[given.material], given.quality, folder, given.pseudo, tuple(shlex.split(given.mpi)))

    def inputs_only() -> None:
        check_pseudopotentials(job)
        write_inputs(job, given.fermi_energy)
        print(f"inputs written to {folder}")

    return exit_code(inputs_only if given.write_only else lambda: run(job))


if __name__ == "__main__":
    sys.exit(main())
