"""`python -m wannier_spin`, which is `wannier-spin`."""

from wannier_spin.cli import main

main()
