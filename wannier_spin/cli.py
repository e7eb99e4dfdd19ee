"""The command line: `wannier-spin run | check | symmetry | responses | show | plot | bands | plane | fermi-surface |
export | schema | screen`.

Exit codes: 0 done (a warning is still 0), 2 bad input, 1 anything else. Under MPI rank 0 alone prints.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wannier_spin.errors import AccuracyWarning, InputError, Interrupted
from wannier_spin.integration import parallel

if TYPE_CHECKING:
    from wannier_spin.analysis.kpath import BandMap, Place
    from wannier_spin.calculation import Round
    from wannier_spin.model import Structure, TightBindingModel
    from wannier_spin.results import ResponseTensor, ResultSet


def _examples(*lines: str) -> str:
    """The end of a command's help; an empty line starts a paragraph, of which click keeps the lines if it starts with backspace."""
    paragraphs = "\n".join(("Examples:", *(f"  {line}".rstrip() for line in lines))).split("\n\n")
    return "\n\n".join(f"\b\n{paragraph}" for paragraph in paragraphs)


app = typer.Typer(
    help="Spin responses to an electric field, from Wannier90 output. `wannier-spin COMMAND --help` says more, with examples.",
    epilog=_examples(
        "wannier-spin check Pt                        # are Pt.chk, Pt.eig, Pt.mmn, Pt.spn fit for use?",
        "wannier-spin run Pt.toml                     # compute what Pt.toml asks for; writes Pt.h5",
        "wannier-spin show Pt.h5 -c 'xy;z'            # one component over mu and T",
        "wannier-spin plot Pt.h5 -o Pt.pdf            # figures, with error bands",
        "",
        "Exit codes: 0 done (a warning is still 0), 2 bad input, 1 anything else.",
    ),
    rich_markup_mode=None,  # plain text: rich takes '[symmetry]' for markup
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
RESPONSES = Annotated[
    list[str] | None, typer.Option("-r", "--response", help="Only these responses; may be repeated. Default: all.")
]
TAU = Annotated[float | None, typer.Option(help="Another tau: fs for SI units, hbar/eV for natural ones; default: as computed.")]
FORM = Annotated[str | None, typer.Option(help="full or paper, from the stored blocks; default: as computed.")]
RELAXATION = Annotated[
    str | None,
    typer.Option(help="Of the full form at second order: adiabatic, constant, intraband, gao or static; default: as computed."),
]
SITE = Annotated[str | None, typer.Option("--site", help="Spin responses at one site, as the input names it.")]
STAGGERED = Annotated[tuple[str, str] | None, typer.Option("--staggered", help="Spin responses at one site minus another.")]
QUANTITIES = "spin_berry_curvature, spin_metric, zeeman_berry_curvature, zeeman_metric, spin, or a response"
QUANTITY = Annotated[str, typer.Option("-q", "--quantity", help=f"{QUANTITIES}.")]
COMPONENT = Annotated[str, typer.Option("-c", "--component", help="Like 'xy;z' (flow, field; spin).")]
SPIN = Annotated[str | None, typer.Option(help="files, interleaved or blocks; default: the .spn file.")]
AT_TEMPERATURE = Annotated[float | None, typer.Option(help="K, of a response; default: 300.")]
AT_TAU = Annotated[float | None, typer.Option(help="fs, of a response; default: 10.")]
AT_OMEGA = Annotated[float | None, typer.Option(help="eV, of a response to an alternating field.")]
AT_BROADENING = Annotated[float | None, typer.Option(help="eV, of a response to an alternating field.")]
AT_PART = Annotated[str | None, typer.Option(help="cos, sin, linear or circular, of a response to an alternating field.")]
AT_FORM = Annotated[str | None, typer.Option(help="full or paper, of a response.")]
AT_RELAXATION = Annotated[str | None, typer.Option(help="Relaxation model of the full form at second order.")]
AT_BLOCK = Annotated[str | None, typer.Option(help="One building block of a response in place of a form, like L1surf.")]
DEFINITION = Annotated[str | None, typer.Option("--spin-current", help="Another definition of the spin current, if it is there.")]
SEEDNAME = typer.Argument(help="Wannier90 seedname (path without ending), a folder with one, or a saved model .h5.")


def main() -> None:
    """Entry point: an error that the user can mend becomes one message and exit code 2, on all ranks."""
    warnings.showwarning = _show_warning
    code = 1
    comm: parallel.Communicator = parallel.SERIAL
    try:
        comm = _world()
        if comm.rank > 0:  # failures reach rank 0 through `parallel.together`
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (until the process ends)
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        code = 2
    except parallel.RankError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
    except Interrupted as error:
        print(f"stopped: {error}", file=sys.stderr, flush=True)
    except Exception:  # not collective: the other ranks do not know
        os.write(2, traceback.format_exc().encode())  # in one piece, before anybody aborts
        parallel.abort(comm, code)
    sys.exit(code)


def _world() -> parallel.Communicator:
    """The communicator; only `run` and `screen` insist on an MPI library where a batch system looks like a parallel job."""
    try:
        return parallel.world()
    except InputError:
        if sys.argv[1:2] in (["run"], ["screen"]):
            raise
        return parallel.SERIAL


@app.command(
    epilog=_examples(
        "wannier-spin run Pt.toml --dry-run           # what would be done, and how long it takes",
        "mpirun -n 64 wannier-spin run Pt.toml -o Pt.h5",
        "wannier-spin run Pt.toml --resume            # a run with a tolerance goes on after a stop",
        "",
        "A minimal input, energies in eV (`wannier-spin schema` has all keys):",
        "  seedname     = 'Pt'",
        "  responses    = ['spin_hall']                 # or 'all'; see `wannier-spin responses`",
        "  fermi_energy = 22.4839",
        "  mu           = { from = -2, to = 2, points = 81 }   # from fermi_energy",
        "  temperature  = 300                           # K; by default tau = 10 fs and a mesh of 0.1/angstrom",
        "  [symmetry]",
        "  structure    = 'Pt.win'",
    )
)
def run(
    input_file: Annotated[Path, typer.Argument(metavar="INPUT.toml", help="The input file.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Result file; default: INPUT.h5.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint of a run that was stopped.")] = False,
    planned: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and how long it would take.")] = False,
) -> None:
    """Compute the responses that an input file asks for. Under MPI the same: mpirun -n N wannier-spin run INPUT.toml."""
    from wannier_spin.calculation import Control, dry_run
    from wannier_spin.calculation import run as run_calculation
    from wannier_spin.config import Settings, read_settings
    from wannier_spin.results import KIND
    from wannier_spin.storage import check_writable

    comm = parallel.world()
    chief = comm.rank == 0

    def prepare() -> tuple[Settings, str, Path, Path | None]:
        settings, text = read_settings(input_file)
        target = output or (input_file.parent / settings.output if settings.output else input_file.with_suffix(".h5"))
        check_writable(target, KIND)
        if planned:
            return settings, text, target, None
        return settings, text, target, _checkpoint(target, settings.tolerance is not None, resume)

    settings, text, target, checkpoint = comm.bcast(parallel.together(comm, lambda: prepare() if chief else None))
    warnings.simplefilter("ignore", AccuracyWarning)  # they come with the result
    if planned:
        try:
            rows = parallel.together(comm, lambda: dry_run(settings, input_file.parent, comm.size) if chief else [])
        except InputError as error:
            raise InputError(f"'{input_file}': {error}") from error
        print(_table(("plan", ""), rows))
        return
    progress = _Progress(chief)
    control = Control() if checkpoint is None else Control(checkpoint, comm.bcast(checkpoint.exists()), _report, _told_to_stop())
    try:
        result = run_calculation(settings, text, input_file.parent, comm, progress, control)
    except InputError as error:
        raise InputError(f"'{input_file}': {error}") from error
    except Interrupted as error:
        assert checkpoint is not None
        if not checkpoint.exists():
            raise Interrupted(f"{error} before the first round was done: nothing is kept, start again") from error
        raise Interrupted(f"{error}; '{checkpoint}' has everything up to the last round: go on with --resume") from error
    finally:
        progress.close()
    parallel.together(comm, lambda: result.save(target) if chief else None)
    if chief:
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)
        _print_summary(result)
        print(f"written to {target}")


def _checkpoint(target: Path, adaptive: bool, resume: bool) -> Path | None:
    """The checkpoint file of a run; InputError where it and --resume do not fit together."""
    if not adaptive:
        if resume:
            raise InputError("--resume: only runs with a tolerance have checkpoints; a mesh is computed in one go, leave it out")
        return None
    path = target.with_name(f"{target.name.removesuffix('.h5')}.checkpoint.h5")
    if path.exists() and not resume:
        raise InputError(f"'{path}' is the checkpoint of an unfinished run: go on with --resume, or delete it to start again")
    return path


def _told_to_stop() -> Callable[[], bool]:
    """Whether SIGTERM came: batch systems send it when the time is nearly up."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    return lambda: bool(told)


def _report(reached: Round) -> None:
    """One line for every round of an adaptive run (the other ranks have no output)."""
    worst = sorted(reached.excess.items(), key=lambda item: -item[1])[:3]
    errors = ", ".join(f"{name} {excess:.2g}" for name, excess in worst)
    start = f"round {reached.number}" + (f" of replica {reached.replica + 1}" if reached.replica else "")
    line = f"{start}: {reached.boxes} boxes, {reached.evaluations} k-points; error / tolerance: {errors}"
    print(line, file=sys.stderr, flush=True)


@app.command(
    epilog=_examples(
        "wannier-spin show Pt.h5",
        "wannier-spin show Pt.h5 -r spin_hall -c 'xy;z'   # flow x, field y, spin z",
        "wannier-spin show Fe.h5 --tau 50",
        "wannier-spin show Fe.h5 --form paper          # the printed combination of blocks",
        "wannier-spin show Fe.h5 --relaxation gao --json",
    )
)
def show(
    result_file: Annotated[Path, typer.Argument(metavar="OUT.h5", help="A result file.")],
    response: RESPONSES = None,
    component: Annotated[str | None, typer.Option("-c", "--component", help="One component over the scan, like 'xy;z'.")] = None,
    tau: TAU = None,
    form: FORM = None,
    relaxation: RELAXATION = None,
    site: SITE = None,
    staggered: STAGGERED = None,
    spin_current: DEFINITION = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Print a result: its largest components, or one over the scan."""
    from wannier_spin.formats.export import as_json as in_json

    result = _at_sites(_chosen(result_file, response, tau, form, relaxation, spin_current), site, staggered)
    if component:
        tensors = _fitting(result, lambda t: t if t.component(component) else t)
        result = replace(result, tensors=tensors)
    if as_json:
        print(json.dumps(in_json(result, component), indent=1))
    elif component:
        for tensor in result.values():
            _print_component(tensor, component)
    else:
        _print_summary(result)


def _chosen(
    result_file: Path,
    responses: Sequence[str] | None,
    tau: float | None,
    form: str | None,
    relaxation: str | None,
    spin_current: str | None,
) -> ResultSet:
    """What a result file has of these responses (None: all), with this tau, in this form and by this definition where they fit."""
    from wannier_spin.results import load

    result = load(result_file)
    unknown = [name for name in responses or [] if name not in result]
    if unknown:
        raise InputError(f"'{result_file}' has no response '{unknown[0]}'; it has {', '.join(result)}")
    chosen = {name: result[name] for name in responses or result}
    result = replace(result, tensors=_fitting(chosen, lambda t: t.at(tau=tau, form=form, relaxation=relaxation)))
    return result if spin_current is None else result.definition(spin_current)


def _at_sites(result: ResultSet, site: str | None, staggered: tuple[str, str] | None) -> ResultSet:
    """The whole responses, or what they are at a site, or at one minus another."""
    if site and staggered:
        raise InputError("--site and --staggered: give one of them")
    if site:
        return result.site(site)
    return result.staggered(*staggered) if staggered else result


def _fitting(
    tensors: Mapping[str, ResponseTensor], change: Callable[[ResponseTensor], ResponseTensor]
) -> dict[str, ResponseTensor]:
    """Those that the change fits; its refusal where it fits none."""
    found, refusal = {}, None
    for name, tensor in tensors.items():
        try:
            found[name] = change(tensor)
        except InputError as error:
            refusal = error
    if not found and refusal is not None:
        raise refusal
    return found


@app.command(
    epilog=_examples(
        "wannier-spin plot Pt.h5 -c 'xy;z' -o Pt.pdf",
        "wannier-spin plot Fe.h5 -r magnetic_spin_hall --against temperature --at mu=17.6",
        "wannier-spin plot Fe.h5 --lines temperature -o Fe.svg",
        "wannier-spin plot Fe.h5 --sheet -o Fe.pdf",
    )
)
def plot(
    result_file: Annotated[Path, typer.Argument(metavar="OUT.h5", help="A result file.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Figure, .pdf, .png or .svg; default: OUT.pdf.")] = None,
    response: RESPONSES = None,
    component: Annotated[list[str] | None, typer.Option("-c", "--component", help="Only these components, like 'xy;z'.")] = None,
    against: Annotated[str | None, typer.Option(help="Horizontal axis: mu, temperature, omega or tau.")] = None,
    lines: Annotated[str | None, typer.Option(help="One curve for each value of this axis.")] = None,
    at: Annotated[
        list[str] | None, typer.Option(help="Where another axis stands, like 'temperature=300'; the nearest value.")
    ] = None,
    tau: TAU = None,
    form: FORM = None,
    relaxation: RELAXATION = None,
    site: SITE = None,
    staggered: STAGGERED = None,
    spin_current: DEFINITION = None,
    sheet: Annotated[bool, typer.Option("--sheet", help="One page: all responses and how they were computed.")] = False,
) -> None:
    """Draw responses against mu, T, omega or tau, with error bands. Or, with --sheet, one page about everything."""
    from wannier_spin import plotting

    target = output or result_file.with_suffix(".pdf")
    plotting.check_ending(target)
    if sheet and (response or component or against or lines or at):
        raise InputError("--sheet shows everything: leave out -r, -c, --against, --lines and --at")
    result = _at_sites(_chosen(result_file, response, tau, form, relaxation, spin_current), site, staggered)
    if sheet:
        plotting.summary_sheet(result, target, title=result_file.name)
    else:
        names = () if response is None else tuple(result)
        options: Any = {"against": against, "lines": lines, "at": _places(at)}
        plotting.plot(result, target, responses=names, components=component or (), **options)
    print(f"written to {target}")


def _places(texts: Sequence[str] | None) -> dict[str, float]:
    """['temperature=300'] -> {"temperature": 300.0}."""
    places = {}
    for text in texts or []:
        axis, _, value = text.partition("=")
        try:
            places[axis.strip()] = float(value)
        except ValueError:
            raise InputError(f"--at '{text}': expected an axis and a number, like 'temperature=300'") from None
    return places


@app.command(
    epilog=_examples(
        "wannier-spin bands Pt --path 'L 1/2 1/2 1/2; G 0 0 0; X 1/2 0 1/2' -o Pt-bands.pdf",
        "wannier-spin bands Fe.model.h5 --path 'G 0 0 0; H 1/2 -1/2 1/2' --quantity spin -c z --fermi-energy 17.6 -o Fe-bands.png",
    )
)
def bands(
    seedname: Annotated[Path, SEEDNAME],
    path: Annotated[str, typer.Option(help="Corners in reduced coordinates: 'G 0 0 0; X 1/2 0 1/2 | K …'; '|' is a jump.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Figure, .pdf, .png or .svg.")],
    quantity: QUANTITY = "spin_berry_curvature",
    component: COMPONENT = "xy;z",
    fermi_energy: Annotated[
        float | None, typer.Option(help="eV; also draws the sum over the bands below it. Of a response: mu.")
    ] = None,
    energies: Annotated[
        tuple[float, float] | None, typer.Option(help="Lowest and highest energy drawn, from the Fermi energy.")
    ] = None,
    points: Annotated[int, typer.Option(help="About how many k-points.")] = 300,
    spin: SPIN = None,
    temperature: AT_TEMPERATURE = None,
    tau: AT_TAU = None,
    omega: AT_OMEGA = None,
    broadening: AT_BROADENING = None,
    part: AT_PART = None,
    form: AT_FORM = None,
    relaxation: AT_RELAXATION = None,
    block: AT_BLOCK = None,
) -> None:
    """Draw bands along a path, coloured by a geometric quantity or by what they bring to a response. It shows where in k it is."""
    from wannier_spin import plotting
    from wannier_spin.analysis.kpath import k_path

    plotting.check_ending(output)
    model = _model(seedname, spin)
    options = {"temperature": temperature, "tau": tau, "omega": omega, "broadening": broadening, "part": part}
    options |= {"form": form, "relaxation": relaxation, "block": block}
    data = _map_of(model, k_path(model, path, points), quantity, component, fermi_energy, options)
    plotting.plot_bands(data, output, fermi_energy=fermi_energy, energy_range=energies)
    print(f"written to {output}")


@app.command(
    epilog=_examples(
        "wannier-spin plane Pt --corners '. 0 0 0; . 1 0 0; . 0 1 0' --fermi-energy 22.48 -o Pt-plane.pdf",
        "wannier-spin plane Fe.model.h5 --corners '. 0 0 0; . 1 0 0; . 0 1 0' -q magnetic_spin_hall -c 'xx;z' "
        "--block L1surf --fermi-energy 17.6 -o Fe-plane.png",
    )
)
def plane(
    seedname: Annotated[Path, SEEDNAME],
    corners: Annotated[str, typer.Option(help="A corner and the ends of the edges from it: '. 0 0 0; . 1 0 0; . 0 1 0'.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Figure, .pdf, .png or .svg.")],
    quantity: QUANTITY = "spin_berry_curvature",
    component: COMPONENT = "xy;z",
    fermi_energy: Annotated[float | None, typer.Option(help="eV; bands below it are summed. Of a response: mu.")] = None,
    band: Annotated[int | None, typer.Option(help="The number of one band, from 1, in place of the sum.")] = None,
    points: Annotated[tuple[int, int], typer.Option(help="k-points along the two edges.")] = (101, 101),
    mark: Annotated[str, typer.Option(help="Points of the plane to be named: 'G 0 0 0; X 1/2 0 0'.")] = "",
    scale: Annotated[str, typer.Option(help="Of the colours: auto, linear or symlog.")] = "auto",
    spin: SPIN = None,
    temperature: AT_TEMPERATURE = None,
    tau: AT_TAU = None,
    omega: AT_OMEGA = None,
    broadening: AT_BROADENING = None,
    part: AT_PART = None,
    form: AT_FORM = None,
    relaxation: AT_RELAXATION = None,
    block: AT_BLOCK = None,
) -> None:
    """Draw a geometric quantity or what makes a response on a plane in k. Lines are where bands cross the Fermi energy."""
    from wannier_spin import plotting
    from wannier_spin.analysis.kpath import k_plane

    plotting.check_ending(output)
    model = _model(seedname, spin)
    options = {"temperature": temperature, "tau": tau, "omega": omega, "broadening": broadening, "part": part}
    options |= {"form": form, "relaxation": relaxation, "block": block}
    data = _map_of(model, k_plane(model, corners, points, mark), quantity, component, fermi_energy, options)
    choices: Any = {"fermi_energy": fermi_energy, "band": band, "scale": scale}
    plotting.plot_plane(data, output, **choices)
    print(f"written to {output}")


@app.command(
    epilog=_examples(
        "wannier-spin fermi-surface Fe.model.h5 --fermi-energy 17.6 -q spin -c z -o Fe.frmsf   # for FermiSurfer",
        "wannier-spin fermi-surface Pt --fermi-energy 22.48 -o Pt.bxsf                          # for XCrySDen: bands only",
    )
)
def fermi_surface(
    seedname: Annotated[Path, SEEDNAME],
    fermi_energy: Annotated[float, typer.Option(help="eV.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="OUT.frmsf (FermiSurfer) or OUT.bxsf (XCrySDen).")],
    quantity: Annotated[str | None, typer.Option("-q", "--quantity", help=f"Colours of .frmsf: {QUANTITIES}.")] = None,
    component: Annotated[list[str] | None, typer.Option("-c", "--component", help="Like 'xy;z'; up to three.")] = None,
    grid: Annotated[tuple[int, int, int] | None, typer.Option(help="k-points; default: about 0.07 / angstrom apart.")] = None,
    spin: SPIN = None,
    tau: AT_TAU = None,
    form: AT_FORM = None,
    relaxation: AT_RELAXATION = None,
) -> None:
    """Write the bands that cross the Fermi energy for FermiSurfer or XCrySDen, coloured by a geometric quantity or a response."""
    from wannier_spin.analysis.fermi_surface import check_surface_file
    from wannier_spin.analysis.fermi_surface import fermi_surface as make
    from wannier_spin.analysis.maps import is_response
    from wannier_spin.storage import check_writable

    check_surface_file(output, len(component or ()))
    check_writable(output)
    given = _given({"tau": tau, "form": form, "relaxation": relaxation}, quantity is not None and is_response(quantity))
    model = _model(seedname, spin)
    surface = make(model, grid or _fine_grid(model), fermi_energy, quantity, component or (), units="SI", **given)
    surface.save(output)
    shape = "x".join(str(n) for n in surface.energies.shape[1:])
    print(f"bands {', '.join(map(str, surface.bands))} on {shape} points" + "".join(f"; {name}" for name in surface.names))
    print(f"written to {output}")


def _model(seedname: Path, spin: str | None) -> TightBindingModel:
    from wannier_spin.model import load_model
    from wannier_spin.readers import read_wannier90

    choice = _spin_choice(spin)
    return load_model(seedname) if seedname.suffix == ".h5" else read_wannier90(seedname, spin=choice)


def _map_of(
    model: TightBindingModel, k: Place, quantity: str, component: str, mu: float | None, options: Mapping[str, Any]
) -> BandMap[Place]:
    """A map of a geometric quantity, or in SI units of a response; options : those of a response, None where not given."""
    from wannier_spin.analysis.kpath import band_map
    from wannier_spin.analysis.maps import is_response, response_map

    given = _given(options, is_response(quantity))
    if not is_response(quantity):
        return band_map(model, k, quantity, component)
    if mu is None:
        raise InputError(f"'{quantity}' is a response: give --fermi-energy, the mu in eV at which it is drawn")
    if "block" in given:
        given["combination"] = {given.pop("block"): 1.0}
    return response_map(model, k, quantity, component, **{"mu": mu, "temperature": 300.0, "units": "SI", **given})


def _given(options: Mapping[str, Any], of_response: bool) -> Any:
    """The options of a response that were given. Raises InputError for any where no response is asked for."""
    given = {key: value for key, value in options.items() if value is not None}
    if given and not of_response:
        raise InputError(f"--{next(iter(given))} is for responses, and none is asked for with --quantity: leave it out")
    return given


def _fine_grid(model: TightBindingModel) -> tuple[int, int, int]:
    """So many points that they are about 0.07/angstrom apart; one along a vacuum direction."""
    import numpy as np

    lengths = np.linalg.norm(2 * np.pi * np.linalg.inv(model.lattice), axis=0)
    n1, n2, n3 = (int(np.ceil(length / 0.07)) if periodic else 1 for length, periodic in zip(lengths, model.periodic, strict=True))
    return n1, n2, n3


@app.command(
    epilog=_examples(
        "wannier-spin export Pt.h5 -o Pt.csv",
        "wannier-spin export Fe.h5 -r magnetic_spin_hall --form paper -o Fe.nc",
    )
)
def export(
    result_file: Annotated[Path, typer.Argument(metavar="OUT.h5", help="A result file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="OUT.csv, OUT.json or OUT.nc (netCDF-4).")],
    response: RESPONSES = None,
    tau: TAU = None,
    form: FORM = None,
    relaxation: RELAXATION = None,
    site: SITE = None,
    staggered: STAGGERED = None,
    spin_current: DEFINITION = None,
) -> None:
    """Write a result as CSV (one number a row), JSON or netCDF."""
    from wannier_spin.formats.export import check_ending
    from wannier_spin.formats.export import export as write

    check_ending(output)
    result = _at_sites(_chosen(result_file, response, tau, form, relaxation, spin_current), site, staggered)
    print(f"written to {write(result, output)}")


@app.command(epilog=_examples("wannier-spin schema > wannier-spin.schema.json"))
def schema() -> None:
    """Print the JSON schema of the input file. For editors, and for programs that write inputs."""
    from wannier_spin.formats.export import input_schema

    print(json.dumps(input_schema(), indent=1))


@app.command(epilog=_examples("wannier-spin responses"))
def responses(markdown: Annotated[bool, typer.Option("--markdown", help="As a Markdown table.")] = False) -> None:
    """List the responses that can be computed."""
    print(responses_table(markdown))


@app.command(
    epilog=_examples(
        "wannier-spin check Pt",
        "wannier-spin check GaAs --spin interleaved     # _tb.dat without .spn: pure spinors",
        "wannier-spin check Fe --fermi-energy 17.6 --structure Fe.win --magmom '0 0 2.2'",
    )
)
def check(
    seedname: Annotated[Path, SEEDNAME],
    spin: Annotated[str | None, typer.Option(help="files, interleaved or blocks; default: the .spn file.")] = None,
    fermi_energy: Annotated[float | None, typer.Option(help="eV; gives the total moment.")] = None,
    structure: Annotated[Path | None, typer.Option(help="Structure file (.win, or anything ase reads).")] = None,
    magmom: Annotated[str | None, typer.Option(help="Moments in mu_B, Cartesian, by atom: '0 0 2.2; 0 0 -2.2'.")] = None,
) -> None:
    """Say whether Wannier90 output is fit for use. Exit code 0 also where a check fails: read the table."""
    from wannier_spin.model import load_model
    from wannier_spin.readers import check_model, read_structure, read_wannier90

    choice = _spin_choice(spin)
    saved = seedname.suffix == ".h5"
    model = load_model(seedname) if saved else read_wannier90(seedname, spin=choice)
    crystal = read_structure(structure, _moments(magmom)) if structure else None
    checks = check_model(model, None if saved else seedname, crystal, fermi_energy)
    marks = {True: "ok", False: "FAIL", None: "info"}
    rows = [(marks[c.ok], c.name, c.value, c.expected) for c in checks]
    if crystal:
        rows.append(_group_row(model, crystal))
    print(_table(("", "check", "found", "expected"), rows))
    for c in checks:
        if c.ok is False:
            print(f"{c.name}: {c.advice}")


@app.command(
    epilog=_examples(
        "wannier-spin symmetry Pt.win",
        "wannier-spin symmetry Mn2Au.win --magmom '2.5 2.5 0; -2.5 -2.5 0; 0 0 0'",
        "wannier-spin symmetry POSCAR --json",
    )
)
def symmetry(
    structure: Annotated[Path, typer.Argument(help="Structure file: .win, or anything ase reads.")],
    magmom: Annotated[str | None, typer.Option(help="Moments in mu_B, Cartesian, by atom: '0 0 2.2; 0 0 -2.2'.")] = None,
    sites: Annotated[bool, typer.Option("--sites", help="Spin responses at each atom, and uniform and staggered ones.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Print magnetic group, Table I and allowed tensor components."""
    from wannier_spin.calculation import symmetry_report
    from wannier_spin.readers import read_structure

    report = symmetry_report(read_structure(structure, _moments(magmom)), sites)
    if as_json:
        print(json.dumps(report.as_dict(), indent=1))
        return
    g = report.group
    print(f"magnetic space group {g.bns_number} (BNS), UNI {g.uni_number}, type {g.msg_type}; positions alone: {g.space_group}")
    present = [name for name, found in (("P", g.has_inversion), ("T", g.has_time_reversal), ("PT", g.has_pt)) if found]
    print(
        f"{len(g.point_operations)} operations of the magnetic point group; it contains {', '.join(present) or 'none of P, T, PT'}"
    )
    print(f"\nparities of the geometric quantities (Table I)\n{report.table_text()}\n")
    rows = [(name, str(len(form.independent)), str(form)) for name, form in report.forms.items()]
    print(_table(("response", "n", "independent components and relations (others vanish)"), rows))


def _moments(text: str | None) -> list[list[float]] | None:
    """'0 0 2.2; 0 0 -2.2' -> one vector for each atom."""
    if text is None:
        return None
    try:
        moments = [[float(x) for x in part.split()] for part in text.replace(",", " ").split(";")]
    except ValueError as error:
        raise InputError(f"--magmom '{text}': {error}; expected numbers like '0 0 2.2; 0 0 -2.2'") from error
    if any(len(moment) != 3 for moment in moments):
        raise InputError(f"--magmom '{text}': expected three numbers for each atom, atoms separated by ';'")
    return moments


@app.command(
    epilog=_examples(
        "wannier-spin screen runs/* --settings common.toml -o table.csv --rank-by spin_hall_angle",
        "mpirun -n 64 wannier-spin screen runs/* --settings common.toml --resume --ranks-per-material 16",
    )
)
def screen(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER…", help="Folders with finished Wannier90 runs.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Table: .csv, .json or .h5.")] = Path("screening.csv"),
    settings: Annotated[Path | None, typer.Option(help="COMMON.toml: settings for all; a folder's input.toml overrides.")] = None,
    overrule: Annotated[
        bool,
        typer.Option("--overrule", help="COMMON.toml overrides input.toml, but for seedname, fermi_energy, [model], [symmetry]."),
    ] = False,
    rank_by: Annotated[str | None, typer.Option(help="Sort by a column of the table, for instance spin_hall_angle.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Reuse finished results whose input is unchanged.")] = False,
    ranks_per_material: Annotated[int | None, typer.Option(help="MPI: work on several materials at once; default: one.")] = None,
    ase_db: Annotated[Path | None, typer.Option("--ase-db", help="Also fill an ase database: .db or .json.")] = None,
) -> None:
    """Many materials, one table. A folder that fails is one line of it; the exit code is 0 nevertheless."""
    from wannier_spin.screening import Request, check_table
    from wannier_spin.screening import screen as screen_folders

    comm = parallel.world()
    chief = comm.rank == 0
    parallel.together(comm, lambda: check_table(output) if chief else None)
    results = output.with_name(f"{output.stem}_results")
    request = Request(tuple(folders), results, settings, overrule, rank_by, resume, ranks_per_material, ase_db)
    table = screen_folders(request, comm, lambda line: print(line, file=sys.stderr, flush=True))
    parallel.together(comm, lambda: table.save(output) if chief else None)
    print(table.text())
    for line in table.warnings():
        print(f"warning: {line}")
    done, failed = len(table.rows) - table.count("failed"), table.count("failed")
    print(f"{done} materials done ({table.count('reused')} reused), {failed} failed; table {output}, results in {results}")


def _group_row(model: TightBindingModel, crystal: Structure) -> tuple[str, str, str, str]:
    """How far bands and spins are from the magnetic group of the structure."""
    from wannier_spin.symmetry import group_violation, magnetic_group

    group = magnetic_group(crystal)
    violation = group_violation(model, group.operations)
    found = f"bands differ by {violation['bands_meV']:.3g} meV rms, spins by {violation.get('spin', 0.0):.2g}"
    return (
        "info",
        f"magnetic group {group.bns_number}",
        found,
        "a few meV and 0.01 at most; more: wrong moments, or broken symmetry",
    )


def responses_table(markdown: bool = False) -> str:
    """The registry as a table."""
    from wannier_spin import responses as resp

    rows = [
        (
            r.name,
            r.symbol,
            r.law,
            r.equation,
            ", ".join(f"tau^{power}" for power in r.tau_powers),
            _parity(r.tensor.space_parity),
            _parity(r.tensor.time_parity(r.tau_power)),
        )
        for r in resp.RESPONSES.values()
    ]
    head = ("name", "symbol", "law", "eq.", "order", "P", "T")
    if not markdown:
        return _table(head, rows)
    lines = [head, ("---",) * len(head), *((f"`{row[0]}`", *(cell.replace("_", r"\_") for cell in row[1:])) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _parity(sign: int) -> str:
    return "even" if sign > 0 else "odd"


def _spin_choice(spin: str | None) -> Any:
    if spin not in (None, "files", "interleaved", "blocks"):
        raise InputError(f"--spin {spin}: expected files, interleaved or blocks")
    return spin


def _how(provenance: Any) -> str:
    """Mesh or tolerance."""
    if "tolerance" not in provenance:
        return f"grid {'x'.join(str(n) for n in provenance.get('grid', []))}"
    return f"tolerance {provenance['tolerance']['relative']:g}, {sum(provenance['boxes'])} boxes"


def _print_summary(result: ResultSet) -> None:
    """The components of each response nearest the Fermi energy, at the first temperature: independent ones, or the largest."""
    import numpy as np

    p = result.provenance
    first = next(iter(result.values()))
    fermi = p.get("fermi_energy_eV")
    mu = len(first.mu) // 2 if fermi is None else int(np.argmin(np.abs(first.mu - fermi)))
    # relations are known for the form that was computed, the full one being symmetric in the fields
    symmetric = isinstance(p.get("symmetry"), dict) and first.form == p.get("form")
    print(f"{p.get('model')}: {_how(p)}, spin current '{p.get('spin_current')}', ", end="")
    print(
        f"form {_form(first)}, {p.get('k_points_evaluated')} k-points on {p.get('ranks')} rank(s), {p.get('wall_seconds', 0):.1f} s"
    )
    if symmetric:
        s = p["symmetry"]
        residual = 1e3 * s["band_residual_eV"]
        print(f"magnetic group {s['bns_number']} ({s['operations']} point operations), bands keep it to {residual:.2g} meV")
    if "symmetrized" in p.get("model_source", {}):
        print(f"model {p['model_source']['symmetrized']}")
    taus = f", tau = {first.tau[0]:g} {'fs' if first.units == 'SI' else 'hbar/eV'}"
    what = "independent" if symmetric else "largest"
    energy = f"mu = {first.mu[mu]:.4f} eV" + ("" if fermi is None else f" (mu - E_F = {first.mu[mu] - fermi:+.4f})")
    print(f"{what} components at {energy}, T = {first.temperature[0]:g} K{taus}:")
    rows = [row for tensor in result.values() for row in _summary_rows(tensor, mu, p.get("symmetry") if symmetric else None)]
    print(_table(("response", "component", "value", "error", "unit"), rows))
    sites = {site: None for tensor in result.values() for site in tensor.sites}
    if sites:
        print(f"spin responses are also there on the sites {', '.join(sites)}: --site NAME, --staggered NAME NAME")
    for tensor in result.values():
        if any(tensor.definition_spread.values()):
            spread = ", ".join(f"{100 * change:.2g} % ({name})" for name, change in tensor.definition_spread.items())
            print(f"{tensor.name}: other definitions of the spin current differ by up to {spread} of the largest value")
    for message in result.warnings:
        print(f"warning: {message}")


def _summary_rows(tensor: ResponseTensor, mu: int, symmetry: Any) -> list[tuple[str, ...]]:
    """One row for the largest component, or one for each independent component where the symmetry is known."""
    import numpy as np

    values, errors = tensor.values[mu, 0], tensor.error[mu, 0]
    dynamic = bool(len(tensor.omega))

    def row(index: tuple[Any, ...], relations: str = "") -> tuple[str, ...]:
        bar = "not estimated" if np.isnan(errors[index]) else f"{errors[index]:.1e}"
        name = relations or _component_name(tensor, index)
        return tensor.name, name, f"{values[index]: .6e}", bar, tensor.unit

    if not isinstance(symmetry, dict) or dynamic or tensor.name not in symmetry["forms"]:
        return [row(tuple(int(i) for i in np.unravel_index(np.argmax(np.abs(values)), values.shape)))]
    groups = {group.split(" = ")[0]: group for group in symmetry["forms"][tensor.name].split(", ")}
    if tensor.name not in symmetry["independent"] or not symmetry["independent"][tensor.name]:
        return [(tensor.name, "all", " 0", "", "forbidden by symmetry")]
    names = symmetry["independent"][tensor.name].split()
    return [row(tuple("xyz".index(x) for x in name.replace(";", "")), groups.get(name, name)) for name in names]


def _form(tensor: ResponseTensor) -> str:
    return f"'{tensor.form}'" + (f" with relaxation '{tensor.relaxation}'" if tensor.relaxation else "")


def _component_name(tensor: ResponseTensor, index: tuple[Any, ...]) -> str:
    letters = "".join("xyz"[i] for i in index[-len(tensor.labels) :])
    name = f"{letters[:-1]};{letters[-1]}" if tensor.output == "spin_current" else letters
    if not len(tensor.omega):
        return name
    return f"{name} {tensor.parts[index[1]]} {tensor.omega[index[0]]:g} eV"


def _print_component(tensor: ResponseTensor, component: str) -> None:
    values, errors = tensor.component(component)
    print(f"# {tensor.name} {component}, {tensor.unit}")
    dynamic = ("omega/eV", "part") if len(tensor.omega) else ()
    rows = []
    for index, value in _enumerate(values):
        where = [f"{tensor.mu[index[0]]:.6f}", f"{tensor.temperature[index[1]]:g}"]
        where += [f"{tensor.omega[index[2]]:g}", tensor.parts[index[3]]] if dynamic else []
        rows.append((*where, f"{value: .9e}", f"{errors[index]:.1e}"))
    print(_table(("mu/eV", "T/K", *dynamic, "value", "error"), rows))


def _enumerate(values: Any) -> list[tuple[tuple[int, ...], float]]:
    import numpy as np

    return [(index, float(value)) for index, value in np.ndenumerate(values)]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Columns of text, readable in a log file."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)


class _Progress:
    """Progress of rank 0: a bar on a terminal, a plain line now and then in a log file."""

    INTERVAL = 30.0  # seconds between lines

    def __init__(self, active: bool) -> None:
        self.active, self.start, self.last = active, 0.0, 0.0
        self.bar: Any = None
        self.task: Any = None

    def __call__(self, done: int, total: int) -> None:
        if not self.active:
            return
        if sys.stderr.isatty():
            self._draw(done, total)
            return
        now = time.monotonic()
        if done == 1:  # the first block is done: time the others
            self.start = self.last = now
        elif now - self.last > self.INTERVAL:
            self.last = now
            left = (now - self.start) * (total - done) / (done - 1)
            print(f"{100 * done / total:5.1f} % done, about {left:.0f} s left", file=sys.stderr, flush=True)

    def _draw(self, done: int, total: int) -> None:
        if self.bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

            self.bar = Progress("k-points", BarColumn(), TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True))
            self.bar.start()
            self.task = self.bar.add_task("k-points", total=total)
        self.bar.update(self.task, completed=done)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()


def _show_warning(message: Any, *_: Any, **__: Any) -> None:
    print(f"warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    main()
