"""The input file: TOML, checked strictly. An unknown key is an error that names the nearest valid one.

    seedname     = "Pt"                  # Pt.chk, Pt.eig, ... or Pt_tb.dat, or a saved model "Pt.model.h5"
                                         # a collinear magnet without spin-orbit coupling: { up = "X_up", down = "X_dn" }
    responses    = ["spin_hall"]         # or "all"
    fermi_energy = 22.4839               # eV; mu counts from here
    mu           = { from = -2, to = 2, points = 81 }       # or a number, or a list; eV

Everything else has a default: see `Settings` and its parts.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from wannier_spin.carriers import CarrierUnit
from wannier_spin.config.faults import MISSING_KEY, told
from wannier_spin.errors import InputError
from wannier_spin.geometry import DEGENERACY_TOLERANCE
from wannier_spin.request import check_count

FileName = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A table of the input file: unknown keys are refused, numbers are not guessed from text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=True, allow_inf_nan=False)


class Range(Section):
    """`points` equidistant values, both ends included."""

    first: float = Field(alias="from")
    last: float = Field(alias="to")
    points: int = Field(ge=1, le=1_000_000)


def _as_list(value: Any) -> Any:
    """A number, a list, or a range becomes a list."""
    if isinstance(value, str | bool) or value is None:
        raise ValueError("expected a number, a list of numbers, or { from = …, to = …, points = … }")
    if isinstance(value, dict):
        values = Range.model_validate(value)
        return np.linspace(values.first, values.last, values.points).tolist()
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else value


def _finite(values: list[float]) -> list[float]:
    if not values or not np.isfinite(values).all():
        raise ValueError("expected finite numbers, at least one")
    return values


def _positive(values: list[float]) -> list[float]:
    if min(values) <= 0:
        raise ValueError("expected positive numbers")
    return values


def _not_negative(values: list[float]) -> list[float]:
    if min(values) < 0:
        raise ValueError("expected zero or positive numbers")
    return values


def _one_name(value: Any) -> Any:
    """A single name, but for "all", becomes a list."""
    return [value] if isinstance(value, str) and value != "all" else value


def _relative(value: Any) -> Any:
    """A number is a relative tolerance."""
    if isinstance(value, bool) or not isinstance(value, int | float | dict | BaseModel | None):
        raise ValueError("expected a number (relative), or a table [tolerance]")
    return {"relative": value} if isinstance(value, int | float) else value


def _points(value: Any) -> Any:
    """A list is the numbers of points."""
    if not isinstance(value, list | dict | BaseModel):
        raise ValueError("expected [8, 8, 8], or a table [grid] with points = [8, 8, 8] or spacing = 0.1 (1/angstrom)")
    return {"points": value} if isinstance(value, list) else value


def _no_count(value: Any, where: ValidationInfo) -> Any:
    """[first, last, number of points] is no list of energies."""
    check_count(str(where.field_name), value)
    return value


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("expected an even number")
    return value


Numbers = Annotated[list[float], BeforeValidator(_as_list), AfterValidator(_finite)]
Energies = Annotated[Numbers, BeforeValidator(_no_count)]
Names = Annotated[list[str] | Literal["all"], BeforeValidator(_one_name)]


class ModelSection(Section):
    """How the Wannier90 files become a model."""

    spin: Literal["files", "interleaved", "blocks", "auto"] | None = None  # None: the .spn file; auto: pure spinors, order found
    ws_distance_tolerance: float | None = Field(default=None, gt=0)  # angstrom; None: the reader's default
    ws_distance: Literal["auto", "file", "none"] | None = None  # replicas of _tb.dat, _hr.dat; none: the plain sum
    vacuum: Literal["a", "b", "c"] | None = None  # lattice vector across the layer of a 2D system
    thickness: float | None = Field(default=None, gt=0)  # angstrom, of a 2D system


class GridSection(Section):
    """The uniform mesh: either the numbers of points or the largest spacing (1/angstrom, 2 pi included)."""

    points: list[int] | None = Field(default=None, min_length=3, max_length=3)  # numbers of points
    shift: list[float] = Field(default=[0.0, 0.0, 0.0], min_length=3, max_length=3)  # of the mesh, in spacings
    spacing: float = Field(default=0.1, gt=0)  # 1/angstrom

    @model_validator(mode="after")
    def _either(self) -> GridSection:
        if {"points", "spacing"} <= self.model_fields_set:
            raise ValueError("give either points or spacing")
        return self


class ToleranceSection(Section):
    """The accuracy that is asked for, in place of a mesh: meshes become denser, or k-points go where they are needed."""

    relative: float = Field(default=1e-2, gt=0)  # of the largest component of each response over the scan
    absolute: dict[str, float] = {}  # response = error in its own unit; the larger of the two counts
    max_evaluations: int = Field(default=1_000_000, ge=1)  # k-points
    max_seconds: float | None = Field(default=None, gt=0)  # of wall time
    replicas: int = Field(default=1, ge=1, le=64)  # how often, from different first boxes: their spread is one more error bar
    start: Annotated[int, Field(ge=4), AfterValidator(_even)] | None = None  # boxes from the beginning, along each axis, even
    window: list[float] | None = Field(default=None, min_length=2, max_length=2)  # eV from fermi_energy: mu that are held to it


class SpinChannels(Section):
    """A collinear magnet without spin-orbit coupling: a run of Wannier90 for each spin."""

    up: str  # path without ending, or a saved model, of the spins along the axis
    down: str
    axis: list[float] = Field(default=[0.0, 0.0, 1.0], min_length=3, max_length=3)  # Cartesian, of the moments


def _one_or_two_runs(value: Any) -> Any:
    """A table is a pair of spin channels; checked here, because pydantic reports every type that a value is not."""
    if not isinstance(value, dict):
        return value
    try:
        return SpinChannels.model_validate(value)
    except ValidationError:
        raise ValueError(
            f"{value}: expected a path, or the paths of both spins, {{ up = 'X_up', down = 'X_dn' }}, with axis = [x, y, z] "
            "if it is not z"
        ) from None


class SymmetrySection(Section):
    """The crystal, whose magnetic group the tensors are projected on; without a structure no symmetry is used."""

    structure: FileName | None = None  # anything ase reads, or a .win file; in the cell of the Wannier90 run
    magnetic_moments: list[list[float]] | None = None  # Bohr magnetons, Cartesian, one for each atom; None: from the file, or none
    average_model: bool = False  # average the Wannier model over the group; needs the projections of the .win file
    projections: FileName | None = None  # .win file with them; None: `structure`, which then must be one
    spin_order: Literal["interleaved", "blocks"] = "interleaved"  # of the projections
    spin_orbit: bool = True  # false: without spin-orbit coupling, the group is a spin group; so it is for a pair of spin channels
    reduce: bool = True  # evaluate irreducible k-points only; false: all, and what symmetrization removes is kept


class KPSection(Section):
    """A k·p model in place of the files of a run: H(k) is a polynomial, see `models.polynomial`."""

    hamiltonian: Any  # a text like "v*(kx*sy - ky*sx) + m*sz", or rows of texts; eV, k in 1/angstrom
    dimension: Literal[1, 2, 3]
    parameters: dict[str, float] = {}
    cutoff: float | None = Field(default=None, gt=0)  # 1/angstrom, radius of the disk or ball that is integrated over
    box: list[list[float]] | None = Field(default=None, min_length=2, max_length=2)  # or the lower and the upper corner of k
    spin: Any = None  # three texts, Pauli matrices; None: sx, sy, sz


def _members(value: Any) -> Any:
    """Sites are "atoms", "projections", or each has the name of an atom, a list of them, or a list of Wannier functions.

    Checked here, because pydantic reports every type that a value is not.
    """
    if value in (None, "atoms", "projections"):
        return value
    if not isinstance(value, dict) or not value:
        raise ValueError("expected 'atoms', 'projections', or a table [sites] of names and what belongs to them")
    for name, members in value.items():
        listed: Any = [members] if isinstance(members, str) else members
        kinds = {type(member) for member in listed} if isinstance(listed, list) else set()
        if kinds not in ({str}, {int}) or (kinds == {int} and min(listed) < 1):
            raise ValueError(f"{name} = {members!r}: expected names of atoms, or Wannier functions (whole numbers from 1)")
    return value


SiteNames = Literal["atoms", "projections"]
Members = str | list[str] | list[int]


class CarriersSection(Section):
    """Numbers of carriers in place of mu: electrons that are added to the neutral crystal, negative ones taken away."""

    values: Numbers  # one, several, or { from = …, to = …, points = … }
    unit: CarrierUnit = "cell"  # for each cell; cm-3, in 2D cm-2, in 1D cm-1
    electrons: int | None = Field(default=None, ge=0)  # in the bands of the model, neutral; None: counted at fermi_energy


def _carriers(value: Any) -> Any:
    """A number, a list or a range is the values."""
    if isinstance(value, dict) and not {"from", "to"} & set(value):
        return value
    return value if value is None or isinstance(value, BaseModel) else {"values": value}


class NumericsSection(Section):
    """What a user rarely changes."""

    degeneracy_tolerance: float = Field(default=DEGENERACY_TOLERANCE, gt=0)  # eV
    degeneracy_check: bool | None = None  # how much the answer moves with a tenth and ten times of it; None: if bands are so close
    memory: float = Field(default=1.0, gt=0)  # GiB per rank


BARE = re.compile(r"[A-Za-z0-9_-]+")  # keys that TOML has without quotes
ALTERNATIVES = {  # a key: what it stands in place of (one of both is needed, the others are not for it), as words, and why
    "carriers": (("mu",), "carriers", "numbers of carriers are given in place of mu"),
    "kp": (
        ("seedname", "grid", "model", "symmetry"),
        "a table [kp], a k·p model",
        "a [kp] model comes from no files, has no crystal and no mesh",
    ),
}


class Settings(Section):
    """One calculation."""

    seedname: Annotated[FileName | SpinChannels | None, BeforeValidator(_one_or_two_runs)] = (
        None  # path without ending, or saved model; or both spins
    )
    kp: KPSection | None = Field(default=None, validate_default=True)  # or a k·p model
    responses: Names  # names of `wannier-spin responses`, or "all"
    mu: Energies | None = (
        None  # eV, relative to fermi_energy; as every list of numbers: one, several, or { from = …, to = …, points = … }
    )
    carriers: Annotated[CarriersSection | None, BeforeValidator(_carriers)] = Field(
        default=None, validate_default=True
    )  # in place of mu; or a list: values
    fermi_energy: float | None = None  # eV; None: from the outputs beside the Wannier90 files; of a model of no run: 0
    temperature: Annotated[Numbers, AfterValidator(_not_negative)] = [300.0]  # K
    tau: Annotated[Numbers, AfterValidator(_positive)] = [10.0]  # fs, also with natural units
    omega: Annotated[
        list[float], BeforeValidator(_as_list), BeforeValidator(_no_count)
    ] = []  # eV, for the responses to an alternating field
    broadening: float = Field(default=0.0, ge=0)  # eV, half width eta in omega + i eta
    gap_broadening: float = Field(default=0.0, ge=0)  # eV, Gamma: 1/eps -> eps/(eps^2 + Gamma^2) in static second-order responses
    units: Literal["SI", "natural"] = "SI"  # natural: hbar = e = 1, eV, angstrom
    channel: Literal["spin", "charge"] = "spin"  # charge: the velocity in place of the observable, for validation
    spin_current: str | list[str] = "simple"  # qiao, ryoo: read with the model; of several the responses are those of the first
    form: Literal["full", "paper"] = "full"  # exact for any number of bands, or the printed combination of blocks
    blocks: list[str] = []  # further building blocks to store, like "L1surf"
    relaxation: str = "adiabatic"  # of the full form at second order: adiabatic, constant, intraband, gao or static
    output: str | None = None  # default: the name of the input file with .h5
    model: ModelSection = ModelSection()
    grid: Annotated[GridSection, BeforeValidator(_points)] = GridSection()  # or a list: points
    tolerance: Annotated[ToleranceSection | None, BeforeValidator(_relative)] = None  # or a number: relative
    symmetry: SymmetrySection = SymmetrySection()
    sites: Annotated[SiteNames | dict[str, Members] | None, BeforeValidator(_members)] = None  # atoms by centres or projections
    numerics: NumericsSection = NumericsSection()

    @property
    def seeds(self) -> tuple[str, ...]:
        """The one seedname, or those of both spins."""
        if self.seedname is None:
            return ()
        return (self.seedname,) if isinstance(self.seedname, str) else (self.seedname.up, self.seedname.down)

    @field_validator(*ALTERNATIVES)
    @classmethod
    def _one_of_both(cls, value: Any, others: ValidationInfo) -> Any:
        (key, *_), how, _ = ALTERNATIVES[others.field_name or ""]
        if value is None and others.data.get(key, ()) is None:
            raise ValueError(f"{MISSING_KEY} '{key}' is missing; it has no default (or give {how})")
        return value

    @model_validator(mode="before")
    @classmethod
    def _regions_have_no_mesh(cls, data: Any) -> Any:
        """A k·p model is integrated within a tolerance, the usual one where none is given."""
        return {"tolerance": {}, **data} if isinstance(data, dict) and data.get("kp") is not None else data

    @property
    def adaptive(self) -> bool:
        """Whether a tolerance says where k-points go, and not a mesh."""
        return self.tolerance is not None

    @model_validator(mode="after")
    def _not_both(self) -> Settings:
        for name, (keys, _, why) in ALTERNATIVES.items():
            given = [key for key in keys if key in self.model_fields_set and getattr(self, key) is not None]
            if given and getattr(self, name) is not None:
                raise ValueError(f"{why}: leave out {', '.join(given)}")
        return self

    @model_validator(mode="after")
    def _mesh_or_tolerance(self) -> Settings:
        if self.adaptive and self.grid.model_fields_set:
            raise ValueError("give either a [grid] (uniform mesh) or a tolerance (adaptive), not both")
        return self


def read_settings(path: str | Path) -> tuple[Settings, str]:
    """Settings and the text of an input file. Raises InputError for whatever is wrong with it."""
    data, text = read_table(path)
    return settings_from(data, str(path)), text


def read_table(path: str | Path) -> tuple[dict[str, Any], str]:
    """What a TOML file holds, not yet checked, and its text. Raises InputError where it is not TOML."""
    path = Path(path)
    if path.is_dir() or not path.exists():
        what = "is a folder" if path.is_dir() else "does not exist"
        seed = "SEEDNAME" if path.suffix else quote(str(path))
        write = f"`wannier-spin init {seed}` writes one from the files of a run"
        raise InputError(f"'{path}' {what}; expected an input file, INPUT.toml: {write}")
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors of Windows put a mark before the text
    except OSError as error:
        raise InputError(f"cannot read the input file '{path}': {error}") from error
    except UnicodeDecodeError as error:
        if path.read_bytes()[:4] == b"\x89HDF":
            raise InputError(f"'{path}' is HDF5, like a result or a model; expected an input file, INPUT.toml") from error
        raise InputError(f"cannot read the input file '{path}': it is not text in UTF-8 ({error}); save it as UTF-8") from error
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"'{path}' is not valid TOML: {error}") from error


def settings_from(data: dict[str, Any], where: str) -> Settings:
    """Checked settings. `where`: what the message names. Raises InputError for unknown keys and wrong values."""
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise InputError(f"'{where}':\n{told(error, Settings)}") from error


def as_toml(settings: Settings) -> str:
    """Settings as an input file that `read_settings` reads back; defaults are written out."""
    data = settings.model_dump(mode="json", exclude_none=True)
    if settings.tolerance is not None:
        del data["grid"]
    elif settings.grid.points is not None:
        del data["grid"]["spacing"]

    def text(value: Any) -> str:  # JSON's numbers, strings and lists are TOML's
        if isinstance(value, dict):
            return "{ " + ", ".join(lines(value)) + " }"
        return json.dumps(value, ensure_ascii=False)

    def lines(table: dict[str, Any]) -> list[str]:
        return [f"{key if BARE.fullmatch(key) else text(key)} = {text(value)}" for key, value in table.items()]

    tables = [[f"[{name}]", *lines(table)] for name, table in data.items() if isinstance(table, dict)]
    data = {key: value for key, value in data.items() if not isinstance(value, dict)}
    return "\n\n".join("\n".join(part) for part in (lines(data), *tables)) + "\n"
