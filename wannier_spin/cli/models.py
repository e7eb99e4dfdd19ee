"""Commands about models and structures: `check`, `symmetry`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.options import MODEL, SEEDNAME, opened, with_options
from wannier_spin.cli.terminal import busy, print_table, say
from wannier_spin.errors import InputError

if TYPE_CHECKING:
    from wannier_spin.model import Structure, TightBindingModel
    from wannier_spin.readers import Check
    from wannier_spin.symmetry import MagneticGroup


@app.command(
    epilog=examples(
        "wannier-spin check Pt",
        "wannier-spin check GaAs --spin interleaved     # _tb.dat without .spn: pure spinors",
        "wannier-spin check Fe --fermi-energy 17.6 --structure Fe.win --magmom '0 0 2.2'",
    )
)
@with_options(MODEL)
def check(
    seedname: Annotated[Path, SEEDNAME],
    fermi_energy: Annotated[float | None, typer.Option(help="eV; gives the total moment.")] = None,
    structure: Annotated[Path | None, typer.Option(help="Structure file (.win, or anything ase reads).")] = None,
    magmom: Annotated[str | None, typer.Option(help="Moments in mu_B, Cartesian, by atom: '0 0 2.2; 0 0 -2.2'.")] = None,
    **options: Any,
) -> None:
    """Say whether Wannier90 output is fit for use: the last line does. Exit code 2 where it is not, and `run` refuses it."""
    from wannier_spin.calculation.open_model import Inputs
    from wannier_spin.readers import UnfitError, check_model, read_structure

    try:
        inputs = opened(seedname, options, structure=structure, magnetic_moments=moments(magmom))
    except UnfitError as error:  # other commands stop here; this one shows what was found
        if error.model is None:
            raise
        crystal = None if structure is None else read_structure(structure, moments(magmom))
        inputs = Inputs(error.model, crystal, seedname if seedname.suffix != ".toml" else None, None)
    model, crystal = inputs.crystal, inputs.structure
    if fermi_energy is None and inputs.settings is not None:
        fermi_energy = inputs.settings.fermi_energy
    with busy("checking ..."):
        checks = check_model(model, inputs.seed, crystal, fermi_energy)
        if crystal:
            checks += _group_checks(model, crystal)
    marks = {True: "ok", False: "FAIL", None: "info"}
    rows = [(marks[c.ok], c.name, c.value, c.expected) for c in checks]
    print_table(("", "check", "found", "expected"), rows)
    for c in checks:
        if c.ok is False:
            say(f"{c.name}: {c.advice}")
    say(_verdict(checks, _next_step(seedname, options), model.spin_R is not None))
    if any(c.ok is False and c.certain for c in checks):
        raise typer.Exit(2)


@app.command(
    epilog=examples(
        "wannier-spin symmetry Pt.win",
        "wannier-spin symmetry Mn2Au.win --magmom '2.5 2.5 0; -2.5 -2.5 0; 0 0 0'",
        "wannier-spin symmetry CuMnAs.mcif             # moments from the file, as of POSCAR with INCAR, OUTCAR, pw.x",
        "wannier-spin symmetry V2Te2O.win --no-soc --magmom '0 0 2; 0 0 -2; 0 0 0; 0 0 0; 0 0 0'",
        "wannier-spin symmetry POSCAR --json",
    )
)
def symmetry(
    structure: Annotated[Path, typer.Argument(help="Structure file: .win, .mcif, pw.x input or output, or anything ase reads.")],
    magmom: Annotated[str | None, typer.Option(help="Moments in mu_B, Cartesian, by atom: '0 0 2.2; 0 0 -2.2'.")] = None,
    sites: Annotated[bool, typer.Option("--sites", help="Spin responses at each atom, and uniform and staggered ones.")] = False,
    no_soc: Annotated[bool, typer.Option("--no-soc", help="Without spin-orbit coupling: the spin group.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Print magnetic group, Table I and allowed tensor components."""
    from dataclasses import replace

    from wannier_spin.calculation import symmetry_report
    from wannier_spin.readers import read_structure

    report = symmetry_report(replace(read_structure(structure, moments(magmom)), spin_orbit=not no_soc), sites)
    if as_json:
        print(json.dumps(report.as_dict(), indent=1))
        return
    g = report.group
    say(_group_text(g))
    present = [name for name, found in (("P", g.has_inversion), ("T", g.has_time_reversal), ("PT", g.has_pt)) if found]
    point = "spin point group" if no_soc else "magnetic point group"
    say(f"{len(g.point_operations)} operations of the {point}; it contains {', '.join(present) or 'none of P, T, PT'}")
    print(f"\nparities of the geometric quantities (Table I)\n{report.table_text()}\n")
    rows = [(name, str(len(form.independent)), str(form)) for name, form in report.forms.items()]
    print_table(("response", "n", "independent components and relations (others vanish)"), rows)


def _group_text(group: MagneticGroup) -> str:
    """The name of a group in one line."""
    from wannier_spin.symmetry import SpinGroup

    if not isinstance(group, SpinGroup):
        name = f"magnetic space group {group.bns_number} (BNS), UNI {group.uni_number}, type {group.msg_type}"
        return f"{name}; positions alone: {group.space_group}"
    axis = (
        ""
        if group.axis is None
        else f", {'axis' if group.arrangement == 'collinear' else 'normal'} {(group.axis.round(4) + 0.0).tolist()}"
    )
    return f"spin space group, {group.arrangement} moments{axis}; positions alone: {group.space_group}"


def moments(text: str | None) -> list[list[float]] | None:
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


def _next_step(seedname: Path, options: dict[str, Any]) -> str:
    """What to type for a model that is fit for use: the options that it was opened with belong to it."""
    given = [quote(str(seedname))]
    if seedname.suffix == ".toml":
        return f"run {given[0]}"
    given += [f"--{name.replace('_', '-')} {quote(str(value))}" for name, value in options.items() if value is not None]
    return f"init {' '.join(given)}"


def _verdict(checks: Sequence[Check], following: str, has_spin: bool) -> str:
    """What the table comes to, and the next step."""
    failed = [c for c in checks if c.ok is False]
    certain = [c.name for c in failed if c.certain]
    if certain:
        return f"NOT fit for use ({', '.join(certain)}): `run` refuses this model; mend what is named above, then check again"
    if not has_spin:
        return "NOT fit for spin responses (spin matrices: none): `run` refuses them; orbital ones need no spin"
    if failed:
        names = ", ".join(c.name for c in failed)
        return f"fit for use with a doubt ({names}): `run` computes and warns; find out which of the causes named above it is"
    passed = sum(c.ok is True for c in checks)
    return f"fit for use: all {passed} tests that could be made are passed; next: wannier-spin {following}"


def _group_checks(model: TightBindingModel, crystal: Structure) -> list[Check]:
    """How far bands and spins are from the magnetic group of the structure, by the limits of `run`; which way the spins point."""
    from wannier_spin.calculation.symmetrize import BAND_RESIDUAL, SPIN_RESIDUAL, ZEEMAN_RESIDUAL
    from wannier_spin.readers.fitness import passed_or_not
    from wannier_spin.symmetry import group_violation, symmetry_group
    from wannier_spin.symmetry.spin_frame import spin_frame

    group = symmetry_group(crystal)
    violation = group_violation(model, group.operations)
    bands, spins, zeeman = violation["bands_meV"], violation.get("spin", 0.0), violation.get("zeeman", 0.0)
    name = f"magnetic group {group.bns_number}" if crystal.spin_orbit else group.bns_number
    fits = bands <= 1e3 * BAND_RESIDUAL and spins <= SPIN_RESIDUAL and zeeman <= ZEEMAN_RESIDUAL
    found = f"bands differ by {bands:.3g} meV rms, spins by {spins:.2g}, the Zeeman metric by {100 * zeeman:.2g} %"
    expected = f"below {1e3 * BAND_RESIDUAL:g} meV, {SPIN_RESIDUAL:g} and {100 * ZEEMAN_RESIDUAL:g} %; a few meV and 0.01 at most"
    advice = "the moments of the structure are not those of the run, or symmetry is broken (see the other checks)"
    checks = [passed_or_not(name, fits, found, expected, advice)]
    frame = spin_frame(model, group.operations) if model.spin_axis is None and bands <= 1e3 * BAND_RESIDUAL else None
    if frame is not None:
        value = f"off by {100 * frame.misfit:.2g} %" + ("" if frame.right_handed else ", left-handed")
        checks.append(passed_or_not("components of the spin", frame.fits, value, "axial vectors of the crystal", frame.told()))
    return checks
