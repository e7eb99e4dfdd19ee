"""Spin responses governed by spin quantum geometry, from Wannier90 output."""
