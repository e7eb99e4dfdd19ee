"""Error bars of meshes: from Fourier sums, the points near a Fermi surface, and the gaps that may hide between points."""
