"""Who may import whom, as data. A new module must be entered here before anything imports it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

# From lowest to highest. A unit (a module, or a package with all its submodules) imports lower layers, and of its own
# layer only what stands before it, unless the layer is one of SIBLINGS: those never import one another.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "units", "values", "versions", "described", "compiled", "pages", "arrays", "planes", "moments"),
    ("observables", "tensors", "storage", "locks"),
    ("operators", "model", "nonorthogonal", "continuum", "orbitals", "components", "results"),
    ("readers", "models", "bloch"),
    ("geometry", "quantum_geometry", "box_means", "band_sums", "occupation", "weights"),
    ("responses", "integration", "symmetry"),
    ("integrals",),
    ("carriers", "sites", "keywords", "request", "prepared", "config", "analysis", "calculation"),
    ("plotting", "formats", "berri"),
    ("screening",),
    ("cli", "__main__"),
)
# Rooms and modules of a package, in the same way.
ROOMS = {"integrals": ("sums", "densities", "bars", "algorithm", "watch", "mesh", "boxes", "disk", "regions", "tolerance")}
SIBLINGS = {("readers", "models", "bloch"), ("responses", "integration", "symmetry")}

# Third parties, and the modules (or packages) that may import them; None: everywhere.
THIRD_PARTIES: dict[str, tuple[str, ...] | None] = {
    "ase": ("readers.structure", "readers.database"),
    "fortio": ("readers",),
    "gemmi": ("readers.cif",),
    "h5py": ("storage",),
    "matplotlib": ("plotting",),
    "mpi4py": ("integration.parallel",),
    "mpl_toolkits": ("plotting",),
    "numba": ("compiled",),
    "numpy": None,
    "plotly": ("plotting",),
    "pydantic": ("config",),
    "rich": ("cli",),
    "scipy": None,
    "seekpath": ("analysis.high_symmetry",),
    "spglib": ("symmetry.operations",),
    "threadpoolctl": None,
    "typer": ("cli",),
    "wannierberri": ("readers.berri_input", "berri"),
    "xarray": ("results",),
}
NOT_ON_IMPORT = {
    *(
        "ase",
        "gemmi",
        "h5py",
        "matplotlib",
        "mpi4py",
        "numba",
        "plotly",
        "pydantic",
        "rich",
        "scipy",
        "seekpath",
        "spglib",
        "typer",
        "wannierberri",
        "xarray",
    )
}

ROOT_NAME = "wannier_spin"
PLACE = {unit: (layer, place) for layer, units in enumerate(LAYERS) for place, unit in enumerate(units)}


def _package_folder() -> Path:
    spec = find_spec(ROOT_NAME)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def _module_name(path: Path) -> str:
    """'readers.structure' for readers/structure.py, 'readers' for readers/__init__.py, '' for __init__.py itself."""
    parts = path.relative_to(FOLDER).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FOLDER = _package_folder()
FILES = {_module_name(path): path for path in sorted(FOLDER.rglob("*.py"))}


def imported_names(source: str, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Line and absolute name of everything that is imported, also inside functions and TYPE_CHECKING blocks.

    `from a import b` yields 'a.b': b may be a submodule.
    """
    package = ".".join([ROOT_NAME, *module.split(".")] if module else [ROOT_NAME]).split(".")
    package = package if is_package else package[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{start}.{alias.name}") for alias in node.names)


def faults(source: str, module: str, is_package: bool = False) -> list[str]:
    """What `module` imports and should not, one line each."""
    found = []
    for line, name in imported_names(source, module, is_package):
        top, _, rest = name.partition(".")
        reason = _inside(module, rest) if top == ROOT_NAME else _outside(module, top)
        if reason:
            found.append(f"line {line}: imports {name}: {reason}")
    return found


def _inside(module: str, target: str) -> str | None:
    """Why `module` may not import wannier_spin.`target`, or None."""
    if not module:
        return None
    importer, imported = module.split(".")[0], target.split(".")[0]
    if imported not in PLACE:
        return f"'{imported}' is in no layer (or is a name of wannier_spin/__init__.py: import it from its own module)"
    if importer == imported:
        return _between_rooms(ROOMS.get(importer, ()), module, target)
    (layer, place), (target_layer, target_place) = PLACE[importer], PLACE[imported]
    if target_layer > layer:
        return f"layer {target_layer + 1} is above layer {layer + 1}"
    if target_layer == layer and LAYERS[layer] in SIBLINGS:
        return f"{', '.join(LAYERS[layer])} never import one another"
    if target_layer == layer and target_place > place:
        return f"within a layer imports follow the order {', '.join(LAYERS[layer])}"
    return None


def _between_rooms(order: tuple[str, ...], module: str, target: str) -> str | None:
    """Why a module may not import another one of its package, whose rooms and modules are `order`, or None."""
    importer, imported = (f"{name}..".split(".")[1] for name in (module, target))
    if not order or not importer or importer == imported:
        return None
    for room in (importer, imported):
        if room not in order:
            return f"'{room}' is in no place of {', '.join(order)}"
    return f"imports follow the order {', '.join(order)}" if order.index(imported) > order.index(importer) else None


def _outside(module: str, top: str) -> str | None:
    """Why `module` may not import the package `top`, or None."""
    if top in sys.stdlib_module_names:
        return None
    if top not in THIRD_PARTIES:
        return "unknown third party: declare it in pyproject.toml and in THIRD_PARTIES"
    allowed = THIRD_PARTIES[top]
    if allowed is None or any(f"{module}.".startswith(f"{place}.") for place in allowed):
        return None
    return f"only {' and '.join(allowed)} may"


def test_package_is_found() -> None:
    assert {"", "errors"} <= set(FILES)


@pytest.mark.parametrize("module", FILES, ids=lambda name: name or ROOT_NAME)
def test_imports_go_downwards(module: str) -> None:
    path = FILES[module]
    unit = module.split(".")[0]
    assert not unit or unit in PLACE, f"{path.name}: '{unit}' is in no layer; enter it in LAYERS of {__file__}"
    found = faults(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")
    assert not found, "\n".join([f"wannier_spin/{path.relative_to(FOLDER)}", *found])


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("model", "from wannier_spin.geometry import BandGeometry", "layer 5 is above layer 3"),
        ("errors", "def f():\n    from . import units", "within a layer"),
        ("readers.structure", "from ..bloch import x", "never import one another"),
        ("responses.edelstein", "from wannier_spin import integration", "never import one another"),
        ("cli", "from wannier_spin import compute", "in no layer"),
        ("integrals.bars.slopes", "from wannier_spin.integrals.mesh import OnMesh", "imports follow the order sums, densities"),
        ("integrals.mesh", "from wannier_spin.integrals.new import x", "'new' is in no place"),
        ("calculation", "import mpi4py.MPI", "only integration.parallel may"),
        ("readers.wannier90", "import wannierberri as wb", "only readers.berri_input and berri may"),
        ("bloch", "if TYPE_CHECKING:\n    import pandas", "unknown third party"),
    ],
)
def test_a_wrong_import_is_seen(module: str, source: str, reason: str) -> None:
    (found,) = faults(source, module)
    assert reason in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("units", "from .errors import InputError"),
        ("readers.wannier90", "from .structure import x\nfrom wannier_spin.readers import y\nfrom ..model import z"),
        ("readers.berri_input", "def f():\n    from wannierberri.w90files import x"),
        ("integration.parallel", "from mpi4py import MPI"),
        ("integrals.tolerance.gaps", "from wannier_spin.integrals.algorithm import x\nfrom ..tolerance import y"),
        ("integrals.mesh", "from ..weights import x\nfrom .densities.plan import y"),
        ("calculation", "from wannier_spin import responses, integration"),
        ("storage", "from __future__ import annotations\nimport os.path\nimport numpy as np"),
    ],
)
def test_a_right_import_passes(module: str, source: str) -> None:
    assert faults(source, module) == []


def test_import_is_light() -> None:
    code = f"import {ROOT_NAME}, sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=FOLDER.parent, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert ROOT_NAME in loaded
    assert not loaded & NOT_ON_IMPORT, f"import {ROOT_NAME} imports {sorted(loaded & NOT_ON_IMPORT)}"
