"""Commands that draw models in k: `bands`, `plane`, `fermi-surface`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wannier_spin.cli.app import app, examples
from wannier_spin.cli.options import (
    COMPONENT,
    FRAME,
    IN_PARTS,
    LOOK,
    MODEL,
    OF_PLANE,
    OF_RESPONSE,
    QUANTITIES,
    QUANTITY,
    SEEDNAME,
    SURFACE,
    given,
    look_of,
    opened,
    with_options,
)
from wannier_spin.cli.terminal import busy, say
from wannier_spin.errors import InputError
from wannier_spin.request import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wannier_spin.analysis.fermi_surface import FermiSurface
    from wannier_spin.analysis.kpath import BandMap, KPlane, Place
    from wannier_spin.calculation import Inputs
    from wannier_spin.plotting import Look

SURFACE_FILES = ".png, .pdf or .svg a picture, .html a page that turns, .frmsf for FermiSurfer, .bxsf for XCrySDen"
SURFACE_SPACING = 0.07  # 1/angstrom, of points where no mesh is given


@app.command(
    epilog=examples(
        "wannier-spin bands Pt -o Pt-bands.pdf                     # the path of Pt.win, or of its structure",
        "wannier-spin bands Pt --path 'L 1/2 1/2 1/2; G 0 0 0; X 1/2 0 1/2' -o Pt-bands.pdf",
        "wannier-spin bands Pt --reference pw-bands.dat --ylim -5 5 -o Pt-bands.pdf   # over the bands of another code",
        "wannier-spin bands Fe.model.h5 --path 'G 0 0 0; H 1/2 -1/2 1/2' --quantity spin -c z --fermi-energy 17.6 -o Fe-bands.png",
    )
)
@with_options(LOOK, MODEL, OF_RESPONSE, IN_PARTS)
def bands(
    seedname: Annotated[Path, SEEDNAME],
    output: Annotated[Path, typer.Option("-o", "--output", help="Figure, .pdf, .png or .svg.")],
    path: Annotated[
        str | None,
        typer.Option(
            help="Corners in reduced coordinates: 'G 0 0 0; X 1/2 0 1/2 | K …'; '|' is a jump. "
            "Default: kpoint_path of .win, else the lines of the structure (seekpath)."
        ),
    ] = None,
    quantity: QUANTITY = "spin_berry_curvature",
    component: COMPONENT = "xy;z",
    fermi_energy: Annotated[
        float | None,
        typer.Option(
            help="eV; also draws the sum over the bands below it, of a response mu; default: that of INPUT.toml or of the run."
        ),
    ] = None,
    energies: Annotated[
        tuple[float, float] | None, typer.Option(help="Lowest and highest energy drawn, from the Fermi energy.")
    ] = None,
    points: Annotated[int, typer.Option(help="About how many k-points.")] = 300,
    **options: Any,
) -> None:
    """Draw bands along a path, coloured by a geometric quantity or by what they bring to a response. It shows where in k it is."""
    from wannier_spin import plotting
    from wannier_spin.analysis.kpath import check_path, k_path

    plotting.check_ending(output)
    if energies is not None and options["ylim"] is not None:
        raise InputError("--energies and --ylim are the same: give one of them")
    look, asked = look_of(options), asked_of(options, quantity)
    check_before_reading(seedname, quantity, (component,), asked)
    if path is not None:
        check_path(path, points)
    inputs = opened(seedname, options)
    fermi_energy = fermi_energy_of(inputs, fermi_energy, seedname)
    place = k_path(inputs.model, path or path_of(inputs, seedname), points)
    data = _map_of(inputs, place, quantity, component, fermi_energy, asked)
    plotting.plot_bands(data, output, fermi_energy=fermi_energy, energy_range=energies, look=look)
    print(f"written to {output}")


@app.command(
    epilog=examples(
        "wannier-spin plane Pt --miller 0 0 1 -o Pt-plane.pdf",
        "wannier-spin plane Fe.model.h5 --miller 0 0 1 --band 9 -q spin -c z --arrows -o Fe-spins.png",
        "wannier-spin plane Pt --corners '. 0 0 0; . 1 0 0; . 0 1 0' --fermi-energy 22.48 -o Pt-plane.pdf",
        "wannier-spin plane Fe.model.h5 --corners '. 0 0 0; . 1 0 0; . 0 1 0' -q magnetic_spin_hall -c 'xx;z' "
        "--block L1surf --fermi-energy 17.6 -o Fe-plane.png",
    )
)
@with_options(OF_PLANE, LOOK, MODEL, OF_RESPONSE, IN_PARTS)
def plane(
    seedname: Annotated[Path, SEEDNAME],
    output: Annotated[Path, typer.Option("-o", "--output", help="Figure, .pdf, .png or .svg.")],
    corners: Annotated[
        str | None, typer.Option(help="A corner and the ends of the edges from it: '. 0 0 0; . 1 0 0; . 0 1 0'.")
    ] = None,
    miller: Annotated[
        tuple[int, int, int] | None,
        typer.Option(help="In place of corners: through Gamma, parallel to this plane of the conventional cell (see the manual)."),
    ] = None,
    quantity: QUANTITY = "spin_berry_curvature",
    component: COMPONENT = "xy;z",
    fermi_energy: Annotated[float | None, typer.Option(help="eV; bands below it are summed; of a response mu.")] = None,
    points: Annotated[tuple[int, int], typer.Option(help="k-points along the two edges.")] = (101, 101),
    **options: Any,
) -> None:
    """Draw a geometric quantity or what makes a response on a plane in k. Lines are where bands cross the Fermi energy."""
    from wannier_spin import plotting
    from wannier_spin.analysis.kpath import check_plane, spin_in_plane

    plotting.check_ending(output)
    if options["arrows"] and options["band"] is None:
        raise InputError("--arrows are the spin of one band: give its number with --band")
    look, asked = look_of(options), asked_of(options, quantity)
    check_before_reading(seedname, quantity, (component,), asked)
    check_plane(corners, miller, points, options["mark"] or "")
    inputs = opened(seedname, options)
    fermi_energy = fermi_energy_of(inputs, fermi_energy, seedname)
    place = _plane_of(inputs, corners, miller, points, options["mark"] or "", seedname)
    data = _map_of(inputs, place, quantity, component, fermi_energy, asked)
    choices: Any = given(options, {"band": None, "scale": None})
    if options["arrows"]:
        choices["arrows"] = spin_in_plane(inputs.model, place, options["band"])
    plotting.plot_plane(data, output, fermi_energy=fermi_energy, look=look, **choices)
    print(f"written to {output}")


@app.command(
    epilog=examples(
        "wannier-spin fermi-surface Fe.model.h5 --fermi-energy 17.6 -q spin -c z -o Fe.frmsf   # for FermiSurfer",
        "wannier-spin fermi-surface Fe.model.h5 --fermi-energy 17.6 -q spin -c z -o Fe.html    # to be turned in a browser",
        "wannier-spin fermi-surface Pt -q velocity -c z -o Pt.png                              # a picture",
        "wannier-spin fermi-surface Pt --fermi-energy 22.48 -o Pt.bxsf                          # for XCrySDen: bands only",
    )
)
@with_options(FRAME, MODEL, SURFACE)
def fermi_surface(
    seedname: Annotated[Path, SEEDNAME],
    output: Annotated[Path, typer.Option("-o", "--output", help=f"What the ending says: {SURFACE_FILES}.")],
    fermi_energy: Annotated[float | None, typer.Option(help="eV; default: that of the INPUT.toml.")] = None,
    quantity: Annotated[str | None, typer.Option("-q", "--quantity", help=f"Colours: {QUANTITIES}.")] = None,
    component: Annotated[
        list[str] | None, typer.Option("-c", "--component", help="Like 'xy;z'; up to three in .frmsf, else one.")
    ] = None,
    grid: Annotated[tuple[int, int, int] | None, typer.Option(help="k-points; default: about 0.07 / angstrom apart.")] = None,
    view: Annotated[
        tuple[float, float] | None, typer.Option(help="Of a picture: degrees above the plane of x and y, and about z.")
    ] = None,
    from_network: Annotated[
        bool, typer.Option("--from-network", help="Of .html: load plotly.js where it is opened; default: it is inside (5 MB).")
    ] = False,
    **options: Any,
) -> None:
    """Draw the Fermi surface in the first Brillouin zone, or write it for FermiSurfer or XCrySDen, coloured by any quantity."""
    from wannier_spin.analysis.fermi_surface import fermi_surface as make
    from wannier_spin.analysis.maps import is_response
    from wannier_spin.calculation import default_grid
    from wannier_spin.storage import check_writable

    _check_surface_output(output, len(component or ()))
    check_writable(output)
    look, asked = look_of(options), asked_of(options, quantity)
    _check_frame(output, options)
    check_before_reading(seedname, quantity, component or (), asked)
    inputs = opened(seedname, options)
    energy = fermi_energy_of(inputs, fermi_energy, seedname)
    if energy is None:
        raise InputError(f"'{seedname}' tells no Fermi energy: give --fermi-energy, in eV")
    if quantity is not None and is_response(quantity):
        asked = {name: value for name, value in {**_of_input(inputs), **asked}.items() if name in SURFACE} | {"units": "SI"}
    mesh = grid or default_grid(inputs.crystal, SURFACE_SPACING)
    with busy(f"computing {'x'.join(map(str, mesh))} k-points ..."):
        surface = make(inputs.model, mesh, energy, quantity, component or (), **asked)
        _write_surface(surface, output, view, from_network, look)
    shape = "x".join(str(n) for n in surface.energies.shape[1:])
    say(f"bands {', '.join(map(str, surface.bands))} on {shape} points" + "".join(f"; {name}" for name in surface.names))
    print(f"written to {output}")


def _check_surface_output(output: Path, n_colours: int) -> None:
    """Raise InputError for a file that can hold no Fermi surface, or not so many colours."""
    from wannier_spin.analysis.fermi_surface import COLOURS, check_surface_file
    from wannier_spin.plotting.canvas import ENDINGS

    pictures = (*ENDINGS, ".html")
    if output.suffix in COLOURS:
        check_surface_file(output, n_colours)
    elif output.suffix.lower() not in pictures:
        raise InputError(
            f"cannot write a Fermi surface to '{output}': the ending must be one of {', '.join((*pictures, *COLOURS))}"
        )
    elif n_colours > 1:
        raise InputError(f"'{output}': {n_colours} components, expected one, whose colours are drawn; .frmsf holds up to three")


def _check_frame(output: Path, options: Mapping[str, Any]) -> None:
    """Raise InputError for a title or a size that the file has no place for."""
    from wannier_spin.plotting.canvas import ENDINGS

    fitting = (*ENDINGS, ".html") if options["size"] is None else ENDINGS
    if given(options, FRAME) and output.suffix.lower() not in fitting:
        raise InputError(f"'{output}': --title is for pictures and pages, --size for pictures ({', '.join(ENDINGS)})")


def _write_surface(surface: FermiSurface, output: Path, view: tuple[float, float] | None, from_network: bool, look: Look) -> None:
    """As the ending says."""
    from wannier_spin import plotting
    from wannier_spin.analysis.fermi_surface import COLOURS

    if output.suffix in COLOURS:
        surface.save(output)
    elif output.suffix.lower() == ".html":
        plotting.fermi_surface_page(surface, output, from_network=from_network, title=look.title)
    else:
        plotting.plot_fermi_surface(surface, output, view=view or plotting.VIEW, look=look)


def fermi_energy_of(inputs: Inputs, given: float | None, path: Path) -> float | None:
    """The one that is given, else that of an input file, else what the files of the run say (told on stderr)."""
    from wannier_spin.readers.fermi import find_fermi_energy

    if given is not None:
        return given
    if inputs.settings is not None:
        return inputs.settings.fermi_energy
    try:
        found = find_fermi_energy(_seed_beside(path))
    except InputError:
        if "route" in inputs.model.source:  # it comes from a run
            print(
                "no Fermi energy is told by the files of the run: energies are absolute; --fermi-energy gives it", file=sys.stderr
            )
        return None
    say(f"fermi_energy = {found.value:g} eV, from {found.source}", error=True)
    return found.value


def path_of(inputs: Inputs, path: Path) -> str:
    """The path in k that the `.win` beside a model names, else that of the structure. Raises InputError where there is neither."""
    from wannier_spin.analysis.high_symmetry import path_of_structure, path_of_win
    from wannier_spin.readers import read_structure
    from wannier_spin.readers.files import find_file

    if not inputs.model.bands_end:
        raise InputError(
            f"model '{inputs.model.name}' is a k·p model, which no path is known of: give --path 'A -0.3 0 0; G 0 0 0; B 0 0.3 0', "
            "in 1/angstrom"
        )
    named = _win_of(inputs, path)
    win = find_file(named, ".win")
    found = path_of_win(win) if win is not None else None
    if found is not None:
        return found
    if inputs.structure is None and win is None:
        raise InputError(f"no '{named}.win' and no structure, from which the path could be taken: give --path 'G 0 0 0; X 1/2 0 0'")
    return path_of_structure(inputs.structure or read_structure(win), inputs.crystal.periodic)  # type: ignore[arg-type]


def _win_of(inputs: Inputs, path: Path) -> Path:
    """What the name of the `.win` begins with: of an input file that of its run."""
    if inputs.settings is None:
        return _seed_beside(path)
    return _seed_beside(path.parent / inputs.settings.seeds[0])


def _seed_beside(path: Path) -> Path:
    """The seedname of a path: of a saved model X.model.h5 it is X, of a folder that of its one run, or of its first spin."""
    from wannier_spin.readers.files import channels_alone, seed_of, seeds_in

    if path.is_dir():
        pair, seeds = channels_alone(path), seeds_in(path)
        return pair[0] if pair else path / (seeds[0] if len(seeds) == 1 else path.name)
    return seed_of(path)


def _plane_of(
    inputs: Inputs, corners: str | None, miller: tuple[int, int, int] | None, points: tuple[int, int], mark: str, path: Path
) -> KPlane:
    """The plane by its corners, else by Miller indices: one of them is given."""
    from wannier_spin.analysis.high_symmetry import miller_plane
    from wannier_spin.analysis.kpath import k_plane

    if corners is not None:
        return k_plane(inputs.model, corners, points, mark)
    assert miller is not None
    return miller_plane(inputs.model, miller, points, mark, cell=_cell_of(inputs, path))


def _cell_of(inputs: Inputs, path: Path) -> NDArray[np.float64] | None:
    """The conventional cell of the structure, told on stderr; None where there is no structure, and of a layer: its own vectors."""
    from wannier_spin.readers import read_structure
    from wannier_spin.readers.files import find_file
    from wannier_spin.symmetry import conventional_cell

    if not inputs.model.bands_end or not all(inputs.crystal.periodic):
        return None
    win = find_file(_win_of(inputs, path), ".win")
    structure = inputs.structure or (None if win is None else read_structure(win))
    if structure is None:
        say("no structure is known: Miller indices are of the lattice vectors of the model", error=True)
        return None
    return conventional_cell(structure)


def _map_of(inputs: Inputs, k: Place, quantity: str, component: str, mu: float | None, asked: Mapping[str, Any]) -> BandMap[Place]:
    """A map of a geometric quantity, or in SI units of a response; asked : options of a response, before those of an input file."""
    from wannier_spin.analysis.kpath import band_map
    from wannier_spin.analysis.maps import is_response, response_map

    with busy(f"computing {quantity} at {len(k.points)} k-points ..."):
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


def check_before_reading(path: Path, quantity: str | None, components: Sequence[str], asked: Mapping[str, Any]) -> None:
    """Refuse what no model would make possible. An input file may have what the options lack: that is seen when it is read.

    Raises InputError.
    """
    from wannier_spin.analysis.kpath import check_component
    from wannier_spin.analysis.maps import is_response

    if quantity is not None and not is_response(quantity):
        for component in components:
            check_component(quantity, component)
    elif quantity is not None and path.suffix != ".toml":
        own = {name: value for name, value in asked.items() if name in OF_RESPONSE}
        Request(quantity, **{"mu": 0.0, "temperature": 300.0, "units": "SI", **own}).single()


def _of_input(inputs: Inputs) -> dict[str, Any]:
    """What an input file says of responses; of several values the first."""
    settings = inputs.settings
    if settings is None:
        return {}
    found = {name: getattr(settings, name) for name in OF_RESPONSE if name != "degeneracy_tolerance"}
    first = {name: value[0] if isinstance(value, list) else value for name, value in found.items() if value != []}
    return {**first, "degeneracy_tolerance": settings.numerics.degeneracy_tolerance}
