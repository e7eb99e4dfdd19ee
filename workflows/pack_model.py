"""Turn Wannier90 output into one compact model file, which loads in a fraction of the time.

    python workflows/pack_model.py path/to/seedname out.model.h5 [--digits 40]
    python workflows/pack_model.py path/to/X_up out.model.h5 --down path/to/X_dn    # a collinear magnet without spin-orbit coupling

With --digits the matrix elements are rounded to multiples of 2^-digits eV (angstrom, 1): 2^-40 is 1e-12, far below
the accuracy of any Wannier90 run, and halves the file.
"""

import argparse
import dataclasses

import numpy as np

import wannier_spin as ws

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("seedname")
parser.add_argument("output")
parser.add_argument("--digits", type=int, help="keep this many binary digits behind the point")
parser.add_argument("--down", help="seedname of the other spin")
options = parser.parse_args()

model = ws.read_collinear(options.seedname, options.down) if options.down else ws.read_wannier90(options.seedname)
if options.digits:
    scale = 2.0**options.digits
    keys = ("hamiltonian_R", "position_R", "spin_R", "centres")
    rounded = {key: np.round(getattr(model, key) * scale) / scale for key in keys}
    source = {**model.source, "rounded": f"to multiples of 2^-{options.digits}"}
    model = dataclasses.replace(model, **rounded, source=source)
print(f"{model.n_bands} Wannier functions, {len(model.R_vectors)} R vectors -> {model.save(options.output)}")
