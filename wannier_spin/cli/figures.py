"""Commands that draw models in k: `bands`, `plane`, `fermi-surface`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.options import (
    COMPONENT,
    IN_PARTS,
    MODEL,
    OF_PLANE,
    OF_RESPONSE,
    QUANTITIES,
    QUANTITY,
    SEEDNAME,
    SURFACE,
    given,
    opened,
    with_options,
)
from wannier_spin.errors import InputError

if TYPE_CHECKING:
    from wannier_spin.analysis.kpath import BandMap, Place
    from wannier_spin.calculation import Inputs
    from wannier_spin.model import TightBindingModel


@app.command(
    epilog=examples(
        "wannier-spin bands Pt --path 'L 1/2 1/2 1/2; G 0 0 0; X 1/2 0 1/2' -o Pt-bands.pdf",
        "wannier-spin bands Fe.model.h5 --path 'G 0 0 0; H 1/2 -1/2 1/2' --quantity spin -c z --fermi-energy 17.6 -o Fe-bands.png",
    )
)
@with_options(MODEL, OF_RESPONSE, IN_PARTS)
def bands(
    seedname: Annotated[Path, SEEDNAME],
    path: Annotated[str, typer.Option(help="Corners in reduced coordinates: 'G 0 0 0; X 1/2 0 1/2 | K …'; '|' is a jump.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Figure, .pdf, .png or .svg.")],
    quantity: QUANTITY = "spin_berry_curvature",
    component: COMPONENT = "xy;z",
    fermi_energy: Annotated[
        float | None,
        typer.Option(help="eV; also draws the sum over the bands below it, of a response mu; default: that of INPUT.toml."),
    ] = None,
    energies: Annotated[
        tuple[float, float] | None, typer.Option(help="Lowest and highest energy drawn, from the Fermi energy.")
    ] = None,
    points: Annotated[int, typer.Option(help="About how many k-points.")] = 300,
    **options: Any,
) -> None:
    """Draw bands along a path, coloured by a geometric quantity or by what they bring to a response. It shows where in k it is."""
    from wannier_spin import plotting
    from wannier_spin.analysis.kpath import k_path

    plotting.check_ending(output)
    asked = asked_of(options, quantity)
    inputs = opened(seedname, options)
    fermi_energy = fermi_energy_of(inputs, fermi_energy)
    data = _map_of(inputs, k_path(inputs.model, path, points), quantity, component, fermi_energy, asked)
    plotting.plot_bands(data, output, fermi_energy=fermi_energy, energy_range=energies)
    print(f"written to {output}")


@app.command(
    epilog=examples(
        "wannier-spin plane Pt --corners '. 0 0 0; . 1 0 0; . 0 1 0' --fermi-energy 22.48 -o Pt-plane.pdf",
        "wannier-spin plane Fe.model.h5 --corners '. 0 0 0; . 1 0 0; . 0 1 0' -q magnetic_spin_hall -c 'xx;z' "
        "--block L1surf --fermi-energy 17.6 -o Fe-plane.png",
    )
)
@with_options(OF_PLANE, MODEL, OF_RESPONSE, IN_PARTS)
def plane(
    seedname: Annotated[Path, SEEDNAME],
    corners: Annotated[str, typer.Option(help="A corner and the ends of the edges from it: '. 0 0 0; . 1 0 0; . 0 1 0'.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Figure, .pdf, .png or .svg.")],
    quantity: QUANTITY = "spin_berry_curvature",
    component: COMPONENT = "xy;z",
    fermi_energy: Annotated[float | None, typer.Option(help="eV; bands below it are summed; of a response mu.")] = None,
    points: Annotated[tuple[int, int], typer.Option(help="k-points along the two edges.")] = (101, 101),
    **options: Any,
) -> None:
    """Draw a geometric quantity or what makes a response on a plane in k. Lines are where bands cross the Fermi energy."""
    from wannier_spin import plotting
    from wannier_spin.analysis.kpath import k_plane

    plotting.check_ending(output)
    asked = asked_of(options, quantity)
    inputs = opened(seedname, options)
    fermi_energy = fermi_energy_of(inputs, fermi_energy)
    data = _map_of(inputs, k_plane(inputs.model, corners, points, options["mark"] or ""), quantity, component, fermi_energy, asked)
    plotting.plot_plane(data, output, fermi_energy=fermi_energy, **given(options, {"band": None, "scale": None}))
    print(f"written to {output}")


@app.command(
    epilog=examples(
        "wannier-spin fermi-surface Fe.model.h5 --fermi-energy 17.6 -q spin -c z -o Fe.frmsf   # for FermiSurfer",
        "wannier-spin fermi-surface Pt --fermi-energy 22.48 -o Pt.bxsf                          # for XCrySDen: bands only",
    )
)
@with_options(MODEL, SURFACE)
def fermi_surface(
    seedname: Annotated[Path, SEEDNAME],
    output: Annotated[Path, typer.Option("-o", "--output", help="OUT.frmsf (FermiSurfer) or OUT.bxsf (XCrySDen).")],
    fermi_energy: Annotated[float | None, typer.Option(help="eV; default: that of the INPUT.toml.")] = None,
    quantity: Annotated[str | None, typer.Option("-q", "--quantity", help=f"Colours of .frmsf: {QUANTITIES}.")] = None,
    component: Annotated[list[str] | None, typer.Option("-c", "--component", help="Like 'xy;z'; up to three.")] = None,
    grid: Annotated[tuple[int, int, int] | None, typer.Option(help="k-points; default: about 0.07 / angstrom apart.")] = None,
    **options: Any,
) -> None:
    """Write the bands that cross the Fermi energy for FermiSurfer or XCrySDen, coloured by a geometric quantity or a response."""
    from wannier_spin.analysis.fermi_surface import check_surface_file
    from wannier_spin.analysis.fermi_surface import fermi_surface as make
    from wannier_spin.analysis.maps import is_response
    from wannier_spin.storage import check_writable

    check_surface_file(output, len(component or ()))
    check_writable(output)
    asked = asked_of(options, quantity)
    inputs = opened(seedname, options)
    energy = fermi_energy_of(inputs, fermi_energy)
    if energy is None:
        raise InputError(f"'{seedname}' tells no Fermi energy: give --fermi-energy, in eV")
    if quantity is not None and is_response(quantity):
        asked = {name: value for name, value in {**_of_input(inputs), **asked}.items() if name in SURFACE} | {"units": "SI"}
    surface = make(inputs.model, grid or _fine_grid(inputs.model), energy, quantity, component or (), **asked)
    surface.save(output)
    shape = "x".join(str(n) for n in surface.energies.shape[1:])
    print(f"bands {', '.join(map(str, surface.bands))} on {shape} points" + "".join(f"; {name}" for name in surface.names))
    print(f"written to {output}")


def fermi_energy_of(inputs: Inputs, given: float | None) -> float | None:
    """The one that is given, else that of an input file."""
    return inputs.settings.fermi_energy if given is None and inputs.settings is not None else given


def _map_of(inputs: Inputs, k: Place, quantity: str, component: str, mu: float | None, asked: Mapping[str, Any]) -> BandMap[Place]:
    """A map of a geometric quantity, or in SI units of a response; asked : options of a response, before those of an input file."""
    from wannier_spin.analysis.kpath import band_map
    from wannier_spin.analysis.maps import is_response, response_map

    if not is_response(quantity):
        return band_map(inputs.model, k, quantity, component)
    if mu is None:
        raise InputError(f"'{quantity}' is a response: give --fermi-energy, the mu in eV at which it is drawn")
    return response_map(inputs.model, k, quantity, component, **keywords_of(inputs, mu, asked))


def keywords_of(inputs: Inputs, mu: float, asked: Mapping[str, Any]) -> Any:
    """Keywords of a response at a point, in SI units; asked : options, which come before what an input file says."""
    keywords: Any = {"mu": mu, "temperature": 300.0, "units": "SI", **_of_input(inputs), **asked}
    if "block" in keywords:
        keywords["combination"] = {keywords.pop("block"): 1.0}
    return keywords


def asked_of(options: Mapping[str, Any], quantity: str | None) -> dict[str, Any]:
    """The options of a response that were given. Raises InputError for any where no response is asked for."""
    from wannier_spin.analysis.maps import is_response

    asked = given(options, {**OF_RESPONSE, **IN_PARTS})
    if not (quantity is not None and is_response(quantity)) and asked:
        option = next(iter(asked)).replace("_", "-")
        raise InputError(f"--{option} is for responses, and none is asked for with --quantity: leave it out")
    return asked


def _of_input(inputs: Inputs) -> dict[str, Any]:
    """What an input file says of responses; of several values the first."""
    settings = inputs.settings
    if settings is None:
        return {}
    found = {name: getattr(settings, name) for name in OF_RESPONSE if name != "degeneracy_tolerance"}
    first = {name: value[0] if isinstance(value, list) else value for name, value in found.items() if value != []}
    return {**first, "degeneracy_tolerance": settings.numerics.degeneracy_tolerance}


def _fine_grid(model: TightBindingModel) -> tuple[int, int, int]:
    """So many points that they are about 0.07/angstrom apart; one along a vacuum direction."""
    import numpy as np

    lengths = np.linalg.norm(2 * np.pi * np.linalg.inv(model.lattice), axis=0)
    n1, n2, n3 = (int(np.ceil(length / 0.07)) if periodic else 1 for length, periodic in zip(lengths, model.periodic, strict=True))
    return n1, n2, n3
