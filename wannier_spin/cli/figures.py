"""Commands that draw models in k: `bands`, `plane`, `fermi-surface`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.options import (
    AT_BLOCK,
    AT_BROADENING,
    AT_FORM,
    AT_OMEGA,
    AT_PART,
    AT_RELAXATION,
    AT_TAU,
    AT_TEMPERATURE,
    COMPONENT,
    QUANTITIES,
    QUANTITY,
    SEEDNAME,
    SPIN,
    opened,
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
    inputs = opened(seedname, spin)
    model, fermi_energy = inputs.model, _fermi_energy(inputs, fermi_energy)
    options = {"temperature": temperature, "tau": tau, "omega": omega, "broadening": broadening, "part": part}
    options |= {"form": form, "relaxation": relaxation, "block": block}
    data = _map_of(model, k_path(model, path, points), quantity, component, fermi_energy, options)
    plotting.plot_bands(data, output, fermi_energy=fermi_energy, energy_range=energies)
    print(f"written to {output}")


@app.command(
    epilog=examples(
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
    fermi_energy: Annotated[float | None, typer.Option(help="eV; bands below it are summed; of a response mu.")] = None,
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
    inputs = opened(seedname, spin)
    model, fermi_energy = inputs.model, _fermi_energy(inputs, fermi_energy)
    options = {"temperature": temperature, "tau": tau, "omega": omega, "broadening": broadening, "part": part}
    options |= {"form": form, "relaxation": relaxation, "block": block}
    data = _map_of(model, k_plane(model, corners, points, mark), quantity, component, fermi_energy, options)
    choices: Any = {"fermi_energy": fermi_energy, "band": band, "scale": scale}
    plotting.plot_plane(data, output, **choices)
    print(f"written to {output}")


@app.command(
    epilog=examples(
        "wannier-spin fermi-surface Fe.model.h5 --fermi-energy 17.6 -q spin -c z -o Fe.frmsf   # for FermiSurfer",
        "wannier-spin fermi-surface Pt --fermi-energy 22.48 -o Pt.bxsf                          # for XCrySDen: bands only",
    )
)
def fermi_surface(
    seedname: Annotated[Path, SEEDNAME],
    output: Annotated[Path, typer.Option("-o", "--output", help="OUT.frmsf (FermiSurfer) or OUT.bxsf (XCrySDen).")],
    fermi_energy: Annotated[float | None, typer.Option(help="eV; default: that of the INPUT.toml.")] = None,
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
    inputs = opened(seedname, spin)
    model, energy = inputs.model, _fermi_energy(inputs, fermi_energy)
    if energy is None:
        raise InputError(f"'{seedname}' tells no Fermi energy: give --fermi-energy, in eV")
    surface = make(model, grid or _fine_grid(model), energy, quantity, component or (), units="SI", **given)
    surface.save(output)
    shape = "x".join(str(n) for n in surface.energies.shape[1:])
    print(f"bands {', '.join(map(str, surface.bands))} on {shape} points" + "".join(f"; {name}" for name in surface.names))
    print(f"written to {output}")


def _fermi_energy(inputs: Inputs, given: float | None) -> float | None:
    """The one that is given, else that of an input file."""
    return inputs.settings.fermi_energy if given is None and inputs.settings is not None else given


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
