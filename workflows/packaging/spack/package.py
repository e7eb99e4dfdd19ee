"""Spack: wannier_spin from a clone, `spack dev-build --source-path CLONE py-wannier-spin@0.1.0`."""

from spack.package import *


class PyWannierSpin(PythonPackage):
    """Spin responses governed by spin quantum geometry, from Wannier90 output."""

    maintainers = []
    license("GPL-2.0-or-later")
    has_code = True
    version("0.1.0")

    variant("plot", default=True, description="Figures")
    variant("xarray", default=False, description="Results as xarray datasets")

    depends_on("python@3.11:", type=("build", "run"))
    depends_on("py-hatchling@1.27:", type="build")
    depends_on("py-ase@3.23:", type=("build", "run"))
    depends_on("py-fortio@0.4:", type=("build", "run"))
    depends_on("py-gemmi@0.7:", type=("build", "run"))
    depends_on("py-h5py@3.11:", type=("build", "run"))
    depends_on("py-mpi4py@4.1:", type=("build", "run"))
    depends_on("py-numba@0.61:", type=("build", "run"))
    depends_on("py-numpy@2:", type=("build", "run"))
    depends_on("py-pydantic@2.7:", type=("build", "run"))
    depends_on("py-rich@13.8:", type=("build", "run"))
    depends_on("py-scipy@1.13:", type=("build", "run"))
    depends_on("py-spglib@2.5:", type=("build", "run"))
    depends_on("py-threadpoolctl@3.5:", type=("build", "run"))
    depends_on("py-typer@0.15:", type=("build", "run"))
    depends_on("py-wannierberri@26.4:26", type=("build", "run"))
    depends_on("py-matplotlib@3.9:", when="+plot", type=("build", "run"))
    depends_on("py-xarray@2024.10:", when="+xarray", type=("build", "run"))
