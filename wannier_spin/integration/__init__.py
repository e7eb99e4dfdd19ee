"""Integrators over k: they know neither physics nor (outside `parallel`) MPI."""
