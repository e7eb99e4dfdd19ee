"""Our responses inside `wannierberri.run`, and models from and to its `System_R`.

    system = wannierberri.System_R.from_wannierdata(data, berry=True, spin=True)
    system.set_pointgroup(pointgroup=point_group(magnetic_group(structure).operations, system.real_lattice))
    wanted = calculators(["magnetic_spin_hall", "edelstein"], Efermi=mu, temperature=300)
    result = wannierberri.run(system, wannierberri.Grid(system, NK=48), wanted)
    result.results["edelstein"].data                # (Efermi, temperature, a, b)

wannierberri interpolates, reduces to irreducible k-points, refines and symmetrizes; the densities, the treatment of
degenerate bands and the Fermi functions are ours. It hands over matrices in the Wannier gauge with derivatives
d_a O -> i (R + tau_m - tau_n)_a O_nm(R), its "convention I": the definition of `bloch.BlochMatrices`.

It rotates every index of a tensor by the proper part of an operation, then multiplies by one sign if the operation holds
the inversion and by another if it holds time reversal: `space_parity` and `time_parity` of the response's law
(docs/theory.md, section 5). So tensors that are odd under time reversal stay, where the group has it only together with
rotations, and tensors that it forbids vanish.
"""

from wannier_spin.berri.plugin import calculators
from wannier_spin.berri.plugin import check_version as check_version
from wannier_spin.berri.systems import from_system_R, point_group, to_system_R

__all__ = ["calculators", "check_version", "from_system_R", "point_group", "to_system_R"]
