"""Spin responses governed by spin quantum geometry, from Wannier90 output.

    model  = wannier_spin.read_wannier90("Pt")
    result = wannier_spin.compute(model, "spin_hall", grid=(24, 24, 24), mu=22.48, temperature=300, units="SI")

Everything is loaded on first use: importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "InputError": "errors",
    "AccuracyWarning": "errors",
    "TightBindingModel": "model",
    "KPModel": "continuum",
    "Structure": "model",
    "load_model": "model",
    "read_wannier90": "readers",
    "from_hoppings": "models",
    "from_pythtb": "readers",
    "from_sisl": "readers",
    "from_tbmodels": "readers",
    "OverlappingBasis": "nonorthogonal",
    "orthogonalized": "nonorthogonal",
    "kp_model": "models",
    "read_tb": "readers",
    "read_hr": "readers",
    "read_collinear": "readers",
    "read_projections": "readers",
    "add_spin_orbit": "symmetry",
    "ChannelOverlaps": "readers",
    "read_structure": "readers",
    "band_geometry": "geometry",
    "spin_qgt": "quantum_geometry",
    "zeeman_qgt": "quantum_geometry",
    "k_path": "analysis.kpath",
    "k_plane": "analysis.kpath",
    "k_mesh": "analysis.kpath",
    "band_map": "analysis.kpath",
    "compute": "calculation",
    "atomic_sites": "sites",
    "projected_sites": "sites",
    "Control": "calculation",
    "open_model": "calculation",
    "Request": "request",
    "Carriers": "carriers",
    "decompose": "analysis.decompose",
    "fermi_surface": "analysis.fermi_surface",
    "response_map": "analysis.maps",
    "Tolerance": "calculation",
    "export": "formats.export",
    "plot": "plotting",
    "plot_bands": "plotting",
    "plot_fermi_surface": "plotting",
    "fermi_surface_page": "plotting",
    "plot_plane": "plotting",
    "summary_sheet": "plotting",
    "load": "results",
    "ResponseTensor": "results",
    "ResultSet": "results",
    "thermal_counterpart": "analysis.thermal",
}
_MODULES = {"models", "observables", "responses", "readers", "errors", "units", "quantum_geometry"}

__all__ = [
    "AccuracyWarning",
    "Carriers",
    "ChannelOverlaps",
    "Control",
    "InputError",
    "KPModel",
    "OverlappingBasis",
    "Request",
    "ResponseTensor",
    "ResultSet",
    "Structure",
    "TightBindingModel",
    "Tolerance",
    "add_spin_orbit",
    "atomic_sites",
    "band_geometry",
    "band_map",
    "compute",
    "decompose",
    "export",
    "fermi_surface",
    "fermi_surface_page",
    "from_hoppings",
    "from_pythtb",
    "from_sisl",
    "from_tbmodels",
    "k_mesh",
    "k_path",
    "k_plane",
    "kp_model",
    "load",
    "load_model",
    "open_model",
    "orthogonalized",
    "plot",
    "plot_bands",
    "plot_fermi_surface",
    "projected_sites",
    "plot_plane",
    "read_collinear",
    "read_hr",
    "read_projections",
    "read_structure",
    "read_tb",
    "read_wannier90",
    "response_map",
    "spin_qgt",
    "summary_sheet",
    "thermal_counterpart",
    "zeeman_qgt",
]

if TYPE_CHECKING:  # what `__getattr__` finds, for type checkers
    from wannier_spin.analysis.decompose import decompose
    from wannier_spin.analysis.fermi_surface import fermi_surface
    from wannier_spin.analysis.kpath import band_map, k_mesh, k_path, k_plane
    from wannier_spin.analysis.maps import response_map
    from wannier_spin.analysis.thermal import thermal_counterpart
    from wannier_spin.calculation.compute import compute
    from wannier_spin.calculation.open_model import open_model
    from wannier_spin.carriers import Carriers
    from wannier_spin.continuum import KPModel
    from wannier_spin.errors import AccuracyWarning, InputError
    from wannier_spin.formats.export import export
    from wannier_spin.geometry import band_geometry
    from wannier_spin.integrals.algorithm import Control
    from wannier_spin.integrals.densities.channels import Tolerance
    from wannier_spin.model import Structure, TightBindingModel, load_model
    from wannier_spin.models import from_hoppings, kp_model
    from wannier_spin.nonorthogonal import OverlappingBasis, orthogonalized
    from wannier_spin.plotting import fermi_surface_page, plot, plot_bands, plot_fermi_surface, plot_plane, summary_sheet
    from wannier_spin.quantum_geometry import spin_qgt, zeeman_qgt
    from wannier_spin.readers import (
        ChannelOverlaps,
        from_pythtb,
        from_sisl,
        from_tbmodels,
        read_collinear,
        read_hr,
        read_projections,
        read_structure,
        read_tb,
        read_wannier90,
    )
    from wannier_spin.request import Request
    from wannier_spin.results import ResponseTensor, ResultSet, load
    from wannier_spin.sites import atomic_sites, projected_sites
    from wannier_spin.symmetry import add_spin_orbit


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"wannier_spin.{_HOME[name]}"), name)
    if name in _MODULES:
        return import_module(f"wannier_spin.{name}")
    raise AttributeError(f"module 'wannier_spin' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])
