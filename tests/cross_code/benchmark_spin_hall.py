"""Time our spin Hall scan and wannierberri's on the same mesh of Pt, in turn, in one process. Not a test.

    OMP_NUM_THREADS=1 python tests/cross_code/benchmark_spin_hall.py [rounds]

Both compute all 27 components of the `simple` spin Hall conductivity at 101 Fermi energies on every point of a 24^3 mesh
with step occupations; wannierberri once with its FFT over the whole mesh and once in pieces of 6^3, which is faster.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before anything imports numpy
ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import numpy as np  # noqa: E402
from cross_code.berri import WS_TOLERANCE, deviation, model_of, quietly, system_from_files  # noqa: E402
from cross_code.conftest import unpack  # noqa: E402

from wannier_spin import compute  # noqa: E402

MESH = 24
EFERMI = np.linspace(20.0, 25.0, 101)


def main(rounds: int) -> None:
    """Print the times of each round, the medians of the ratios, and how far the results are apart."""
    import wannierberri as wb
    from wannierberri.calculators import static

    folder = Path(tempfile.mkdtemp())
    system = system_from_files(unpack(ROOT / "example_inputs" / "Pt", folder), WS_TOLERANCE)
    model = model_of(system, "Pt")

    def ours() -> np.ndarray:
        result = compute(model, "spin_hall", grid=(MESH,) * 3, mu=EFERMI, temperature=0, units="SI")
        return result["spin_hall"].values[:, 0]

    def theirs(fft: int) -> np.ndarray:
        calculator = static.SHC(Efermi=EFERMI, kwargs_formula={"spin_current_type": "simple"}, degen_thresh=5e-4)
        with quietly():
            result = wb.run(
                system,
                wb.Grid(system, NKdiv=[MESH // fft] * 3, NKFFT=[fft] * 3),
                {"shc": calculator},
                use_irred_kpt=False,
                symmetrize=False,
                parallel=False,
                fout_name=str(folder / "berri"),
                file_Klist_path=str(folder / "K"),
            )
        return result.results["shc"].data

    codes: dict[str, Callable[[], np.ndarray]] = {
        "wannier_spin": ours,
        "wannierberri, FFT 6^3": lambda: theirs(6),
        "wannierberri, FFT 24^3": lambda: theirs(MESH),
    }
    times: dict[str, list[float]] = {name: [] for name in codes}
    values = {}
    for turn in range(rounds + 1):  # the first one warms up (imports, numba)
        for name, code in codes.items():
            start = time.process_time()
            values[name] = code()
            if turn:
                times[name].append(time.process_time() - start)
    reference = times["wannier_spin"]
    print(f"CPU seconds, Pt, {MESH}^3 points, {len(EFERMI)} energies, 27 components, {rounds} rounds")
    for name, found in times.items():
        ratio = statistics.median(b / a for a, b in zip(reference, found, strict=True))
        apart = deviation(values["wannier_spin"], values[name])
        print(
            f"{name:24s} median {statistics.median(found):7.2f} s  {MESH**3 / statistics.median(found):7.0f} k/s  "
            f"ratio {ratio:5.2f}  difference {apart:.1e}  rounds {' '.join(f'{t:.2f}' for t in found)}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
