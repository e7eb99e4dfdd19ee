"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wannier_spin.errors import InputError

if TYPE_CHECKING:
    from wannier_spin.calculation import Inputs


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
SEEDNAME = typer.Argument(help="Wannier90 seedname (path without ending), a folder with one, a saved model .h5, or an INPUT.toml.")


def opened(path: Path, spin: str | None, **options: Any) -> Inputs:
    """What a path stands for; options as of `open_inputs`, None where they are not given."""
    from wannier_spin.calculation import open_inputs

    if spin not in (None, "files", "interleaved", "blocks"):
        raise InputError(f"--spin {spin}: expected files, interleaved or blocks")
    return open_inputs(path, **{key: value for key, value in {"spin": spin, **options}.items() if value is not None})
