"""Figures of results: responses against mu, T, omega or tau, a summary sheet, bands, planes in k and Fermi surfaces with a
geometric quantity or what a response is made of.

The only place that imports matplotlib and plotly. What is drawn is made first, by functions that know nothing of it.
"""

from wannier_spin.plotting.bands import plot_bands
from wannier_spin.plotting.canvas import check_ending, save
from wannier_spin.plotting.comparison import plot_comparison
from wannier_spin.plotting.convergence import plot_convergence
from wannier_spin.plotting.look import Look, Reference, read_reference
from wannier_spin.plotting.plane import plot_plane
from wannier_spin.plotting.ranking import plot_ranking
from wannier_spin.plotting.responses import draw_response, plot, summary_sheet
from wannier_spin.plotting.surface import VIEW, fermi_surface_page, plot_fermi_surface

__all__ = [
    "VIEW",
    "Look",
    "Reference",
    "check_ending",
    "draw_response",
    "fermi_surface_page",
    "plot",
    "plot_bands",
    "plot_comparison",
    "plot_convergence",
    "plot_fermi_surface",
    "plot_plane",
    "plot_ranking",
    "read_reference",
    "save",
    "summary_sheet",
]
