"""`open_model`: the one way from a path to a model, for every command and for Python.

    Pt, runs/Pt           seedname: .chk with .eig, .mmn, .spn, else _tb.dat, else _hr.dat; a folder with one run, or with the
                          collinear runs of both spins, named like X_up and X_dn
    Pt_tb.dat, Pt_hr.dat  that file
    Pt.model.h5           a saved model; also a model of TBmodels in HDF5, or a folder that System_R.to_npz of wannierberri wrote
    {"up": ..., "down": ...}   two of these, one for each spin of a collinear magnet without spin-orbit coupling; "axis": [0, 0, 1]
    Pt.toml               the input file of a run: the model that `run` computes with, averaged where it says so

How files are read is said by the keys of the input file, with the same names as keywords:

    open_model("Fe", structure="Fe.win", magnetic_moments=[[0, 0, 2.2]], average_model=True)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from wannier_spin.calculation.symmetrize import verified_group
from wannier_spin.config import (
    KPSection,
    ModelSection,
    Section,
    Settings,
    SpinChannels,
    SymmetrySection,
    read_table,
    settings_from,
)
from wannier_spin.continuum import ContinuumModel, Model
from wannier_spin.errors import InputError, did_you_mean
from wannier_spin.integration.parallel import Communicator, communicator
from wannier_spin.integration.shared import from_first
from wannier_spin.keywords import HowRead
from wannier_spin.model import Structure, TightBindingModel, load_model
from wannier_spin.models import kp_model
from wannier_spin.orbitals import Orbitals
from wannier_spin.readers import (
    WS_DISTANCE_TOLERANCE,
    FermiEnergy,
    channels_alone,
    find_fermi_energy,
    find_file,
    from_tbmodels,
    is_finished,
    is_system_folder,
    is_tbmodels_file,
    read_collinear,
    read_frozen_window,
    read_hr,
    read_projections,
    read_structure,
    read_system,
    read_tb,
    read_wannier90,
    resolve_seed,
    seed_of,
    way_in,
)
from wannier_spin.request import taking_request
from wannier_spin.sites import Sites, atom_names, projected_sites
from wannier_spin.symmetry import symmetrize_model

INPUT_ENDING = ".toml"
ANYTHING = {"responses": "all", "mu": 0.0}  # stands for the keys without a default where there is no input file
TABLES: dict[str, type[Section]] = {
    "model": ModelSection,
    "symmetry": SymmetrySection,
}  # their keys are keywords here
SITES_NEED_ATOMS = "sites = 'projections': symmetry.structure is missing, which has the atoms"
ALONE = ("spin_current",)  # further keys of the input file that change what is read
PATHS = ("structure", "projections")


@dataclass(frozen=True)
class Inputs:
    """What a path stands for.

    structure : of the crystal, None where none is named. seed : the path that the files of the run begin with; None: a saved
    model. settings : of an input file, with its Fermi energy; None where there is none. fermi_source : the file that the Fermi
    energy was found in, empty where it was given.
    """

    model: Model
    structure: Structure | None
    seed: Path | None
    settings: Settings | None
    fermi_source: str = ""

    @property
    def crystal(self) -> TightBindingModel:
        """The model, for what needs a lattice. Raises InputError for a k·p model."""
        return self.model.crystal()


@taking_request(HowRead)
def open_model(path: str | Path | Mapping[str, Any], *, comm: Communicator | None = None, **options: Unpack[HowRead]) -> Model:
    """The model that a path stands for, see the module.

    Parameters
    ----------
    path : a seedname, a folder with one run, _tb.dat, _hr.dat, a saved model (.h5), or an input file (.toml).
    options : keys of [model] and [symmetry] of an input file, and spin_current; those that are given come before its own.
        spin ("files", "interleaved", "blocks", "auto"), ws_distance_tolerance (angstrom), ws_distance ("auto", "file", "none"),
        vacuum ("a", "b", "c"), thickness (angstrom),
        spin_current (definitions that will be asked for), structure, magnetic_moments (mu_B), average_model, projections,
        spin_order.
    comm : an mpi4py communicator: rank 0 reads for all of its ranks, and those of a node hold the model in memory once.

    Raises InputError: no path, an unknown option, and what readers refuse.
    """
    return from_first(communicator(comm), lambda: open_inputs(path, **options).model)


def open_inputs(path: str | Path | Mapping[str, Any], **options: Any) -> Inputs:
    """As `open_model`, with the structure and the settings."""
    if isinstance(path, Mapping):
        channels = {key: str(value) if isinstance(value, Path) else value for key, value in path.items()}
        settings = settings_from({**ANYTHING, "seedname": channels, **_as_tables(options)}, "open_model")
        return Inputs(*read_inputs(settings, Path()), None, None)
    if not isinstance(path, str | Path):
        kind = f"{type(path).__module__.partition('.')[0]}.{type(path).__name__}"
        otherwise = (
            "a Hamiltonian in memory becomes a model with wannier_spin.TightBindingModel(lattice, R_vectors, hamiltonian_R, ...)"
        )
        raise InputError(
            f"open_model was given a {kind}; expected a path: a seedname, a model file .h5 or an input file .toml; "
            f"{way_in(path) or otherwise}"
        )
    path = Path(path).expanduser()
    options = {key: str(value) if isinstance(value, Path) else value for key, value in options.items()}
    if path.suffix != INPUT_ENDING:
        pair = channels_alone(path)
        seedname: Any = str(path) if pair is None else {"up": str(pair[0]), "down": str(pair[1])}
        settings = settings_from({**ANYTHING, "seedname": seedname, **_as_tables(options)}, str(path))
        return Inputs(*read_inputs(settings, Path()), None if pair else _seed(path), None)
    data, folder = read_table(path)[0], path.parent
    given = _as_tables({key: str(Path(value).absolute()) if key in PATHS and value else value for key, value in options.items()})
    settings = settings_from({**data, **{key: _over(data.get(key), value) for key, value in given.items()}}, str(path))
    return inputs_of(settings, folder)


def inputs_of(settings: Settings, folder: Path) -> Inputs:
    """The model, the structure and the Fermi energy that settings name. Raises InputError."""
    fermi = _fermi_of_files(settings, folder)  # before the model is read: that takes minutes
    model, structure = read_inputs(settings, folder)
    fermi = fermi or _fermi_energy(settings, folder, model)
    found = {"sites": _projected(settings, folder, model, structure)} if settings.sites == "projections" else {}
    changed = settings.model_copy(update={"fermi_energy": fermi.value, **found})
    return Inputs(model, structure, _seed_of(settings, folder), changed, fermi.source)


def _fermi_energy(settings: Settings, folder: Path, model: Model) -> FermiEnergy:
    """The one that is given, else what the outputs of the run say; zero for a model that comes from no run."""
    if settings.fermi_energy is not None:
        return FermiEnergy(settings.fermi_energy, "")
    if "route" not in model.source:
        return FermiEnergy(0.0, "")
    return _found_fermi(folder / settings.seeds[0])


def _fermi_of_files(settings: Settings, folder: Path) -> FermiEnergy | None:
    """The same where files of a run are there; None where only the model tells whether it needs one. Raises InputError."""
    if settings.fermi_energy is not None:
        return None
    paths = [folder / name for name in settings.seeds]
    if not paths or any(map(is_finished, paths)):
        return None
    there = find_file(resolve_seed(paths[0]), ".chk", ".chk.fmt", "_tb.dat", "_hr.dat")
    return None if there is None else _found_fermi(paths[0])


def _found_fermi(path: Path) -> FermiEnergy:
    try:
        return find_fermi_energy(seed_of(path) if is_finished(path) else resolve_seed(path))
    except InputError as error:
        raise InputError(f"fermi_energy is missing, from which mu counts, and {error}; 0.0 if mu is absolute") from error


def read_inputs(settings: Settings, folder: Path) -> tuple[Model, Structure | None]:
    """The model and the structure (None: no symmetry) that the settings name. Raises InputError."""
    if settings.kp is not None:
        return _kp_model(settings.kp), None
    wanted = settings.symmetry
    if wanted.structure is None:
        for key in ("magnetic_moments", "average_model"):
            if getattr(wanted, key):
                raise InputError(f"symmetry.{key} is given without symmetry.structure; say which file has the atoms")
        if settings.sites == "projections":
            raise InputError(SITES_NEED_ATOMS)
        return _read_model(settings, folder), None
    structure = _structure_of(settings, folder)
    _check_names(settings, structure)
    if (wanted.average_model or settings.sites == "projections") and not any(is_finished(folder / name) for name in settings.seeds):
        _orbitals(wanted, folder, isinstance(_files_of(settings, folder), SpinChannels))
    model = _read_model(settings, folder)
    structure = replace(structure, spin_orbit=wanted.spin_orbit and model.spin_axis is None)
    if not wanted.average_model:
        return model, structure
    group = verified_group(model, structure, settings.numerics.degeneracy_tolerance)
    assert group is not None
    win, orbitals = _orbitals(wanted, folder, model.spin_axis is not None)
    return symmetrize_model(model, orbitals, group.group.operations, window=read_frozen_window(win))[0], structure


def _structure_of(settings: Settings, folder: Path) -> Structure:
    """The structure that settings name. Raises InputError, which says where a file of that name is."""
    wanted = settings.symmetry
    path = folder / (wanted.structure or "")
    try:
        return read_structure(path, magnetic_moments=wanted.magnetic_moments)
    except InputError as error:
        places = [Path(seed).parent for seed in settings.seeds]
        beside = [place / path.name for place in places if (folder / place / path.name).is_file()]
        if path.exists() or not beside:
            raise
        raise InputError(f"{error}; structure = '{beside[0].as_posix()}' is there: paths count from the input file") from error


def _check_names(settings: Settings, structure: Structure) -> None:
    """Raise InputError for sites that are atoms that the structure does not have."""
    listed = settings.sites if isinstance(settings.sites, dict) else {}
    known = atom_names(structure)
    for site, members in listed.items():
        for name in [members] if isinstance(members, str) else members:
            if isinstance(name, str) and name not in known:
                raise InputError(f"sites.{site} has the atom '{name}'; the structure has {', '.join(known)}")


def _orbitals(wanted: SymmetrySection, folder: Path, collinear: bool) -> tuple[Path, Orbitals]:
    """What the Wannier functions were projected on, and the .win file that says so. Raises InputError."""
    win = folder / (wanted.projections or wanted.structure or "")
    return win, read_projections(win, None if collinear else wanted.spin_order)


def _projected(settings: Settings, folder: Path, model: Model, structure: Structure | None) -> Sites:
    """The atoms of the structure, each with the Wannier functions that were projected on it. Raises InputError."""
    crystal = model.crystal(SITES_NEED_ATOMS)
    if structure is None:
        raise InputError(SITES_NEED_ATOMS)
    win, orbitals = _orbitals(settings.symmetry, folder, crystal.spin_axis is not None)
    if len(orbitals) != model.n_bands:
        raise InputError(f"sites = 'projections': '{win}' projects on {len(orbitals)} functions, the model has {model.n_bands}")
    return projected_sites(orbitals, structure)


def _kp_model(kp: KPSection) -> ContinuumModel:
    box = None if kp.box is None else (kp.box[0], kp.box[1])
    return kp_model(kp.hamiltonian, dimension=kp.dimension, cutoff=kp.cutoff, box=box, spin=kp.spin, parameters=kp.parameters)


def _read_model(settings: Settings, folder: Path) -> TightBindingModel:
    options, files = settings.model, _files_of(settings, folder)
    assert files is not None
    if options.vacuum is None and options.thickness is not None:
        raise InputError("model.thickness is given without model.vacuum; say which lattice vector crosses the layer")
    if isinstance(files, SpinChannels):
        model = _read_channels(files, settings, folder)
    elif _seed(files) is None:
        model = _finished_model(files, options)
    else:
        model = _read_files(files, settings)
    if options.vacuum is None:
        return model
    a, b, c = (axis != options.vacuum for axis in "abc")
    return replace(model, periodic=(a, b, c), thickness=options.thickness)


def _finished_model(path: Path, options: ModelSection) -> TightBindingModel:
    """A model that needs no choice of replicas: ours, of TBmodels, or a saved System_R."""
    unused: dict[str, object] = {"ws_distance": options.ws_distance, "ws_distance_tolerance": options.ws_distance_tolerance}
    foreign = is_tbmodels_file(path)
    if not foreign:
        unused["spin"] = options.spin
    if given := [f"model.{key}" for key, value in unused.items() if value is not None]:
        raise InputError(f"'{path}' is a finished model: leave out {', '.join(given)}")
    if foreign:
        return from_tbmodels(path, spin=options.spin)
    return read_system(path) if is_system_folder(path) else load_model(path)


def _read_channels(channels: SpinChannels, settings: Settings, folder: Path) -> TightBindingModel:
    """A collinear model from a run for each spin."""
    if settings.model.spin is not None:
        raise InputError("model.spin is given for a pair of spin channels, in which functions have a spin already; leave it out")
    given = settings.model.ws_distance_tolerance
    tolerance = WS_DISTANCE_TOLERANCE if given is None else given
    return read_collinear(folder / channels.up, folder / channels.down, channels.axis, ws_distance_tolerance=tolerance)


def _read_files(path: Path, settings: Settings) -> TightBindingModel:
    """A model from files of Wannier90: from the one that is named, else by the best route."""
    given = settings.model.ws_distance_tolerance
    how: Any = {"spin": settings.model.spin, "ws_distance_tolerance": WS_DISTANCE_TOLERANCE if given is None else given}
    how["ws_distance"] = settings.model.ws_distance or "auto"
    named = path.name.removesuffix(".gz")
    if path.is_file() and settings.spin_current == "simple":
        for ending, read in (("_tb.dat", read_tb), ("_hr.dat", read_hr)):
            if named.endswith(ending):
                return read(path, **how)
    return read_wannier90(path, **how, spin_current=settings.spin_current)


def _files_of(settings: Settings, folder: Path) -> Path | SpinChannels | None:
    """What the settings name: a run, or a saved model; or a pair of them; None: no files."""
    named = settings.seedname
    return folder / named if isinstance(named, str) else named


def _seed_of(settings: Settings, folder: Path) -> Path | None:
    """The files of the run that the settings name; None for a saved model, and for a pair of runs."""
    files = _files_of(settings, folder)
    return _seed(files) if isinstance(files, Path) else None


def _seed(path: Path) -> Path | None:
    """What the names of the files of a run begin with; None for a finished model. Raises InputError for what has another way in."""
    if path.is_file() and (way := way_in(path)):
        raise InputError(way)
    return None if is_finished(path) else path


def _as_tables(options: Mapping[str, Any]) -> dict[str, Any]:
    """Flat keywords as an input file has them: {"spin": ...} -> {"model": {"spin": ...}}. Raises InputError."""
    homes = {key: table for table, section in TABLES.items() for key in section.model_fields}
    data: dict[str, Any] = {}
    for key, value in options.items():
        if key in ALONE:
            data[key] = value
        elif key in homes:
            data.setdefault(homes[key], {})[key] = value
        else:
            raise InputError(f"open_model: unknown option '{key}'; {did_you_mean(key, (*homes, *ALONE))}")
    return data


def _over(old: Any, new: Any) -> Any:
    """A table of the input file with other values for some keys; what is no table is replaced."""
    return {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new
