"""`python -m wannier_spin.cli`, which is `wannier-spin`."""

from wannier_spin.cli import main

main()
