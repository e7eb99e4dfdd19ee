"""An input file with a word of nearly every kind, which tests change in one place."""

WHOLE = """
seedname = "sheet.h5"
responses = ["edelstein", "spin_hall"]
mu = { from = -0.5, to = 0.5, points = 3 }
fermi_energy = 0.2
temperature = [300, 1000]
tau = [10, 20]
omega = [0.1]
broadening = 0.05
units = "SI"
channel = "spin"
form = "full"
relaxation = "adiabatic"
blocks = ["L1surf"]
sites = { A = [1], B = [2] }
grid = { points = [6, 6, 1], shift = [0.0, 0.5, 0.0] }
numerics = { degeneracy_tolerance = 1e-4, degeneracy_check = true, memory = 0.5 }
model = { thickness = 3.0 }
"""
