"""Small tight-binding models in text files of Wannier90."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEXAGONAL = np.array([[1.0, 0, 0], [0.5, np.sqrt(3) / 2, 0], [0, 0, 10.0]])
Complex = NDArray[np.complex128]


def box(half: int = 1) -> NDArray[np.int64]:
    steps = np.arange(-half, half + 1)
    return np.array([(x, y, 0) for x in steps for y in steps])


def random_hoppings(n: int = 2, seed: int = 0) -> tuple[NDArray[np.int64], Complex]:
    """R vectors of a 3 x 3 box and Hermitian H(R), the farther the smaller."""
    rng, R = np.random.default_rng(seed), box()
    H = rng.normal(size=(len(R), n, n, 2)).view(complex)[..., 0] * np.exp(-np.abs(R).sum(axis=1))[:, None, None]
    partner = [int((R == -r).all(axis=1).argmax()) for r in R]
    return R, (H + H[partner].conj().swapaxes(1, 2)) / 2


def hr_lines(R: NDArray[np.int64], H: Complex, head: str = "made by a test", degeneracies: list[int] | None = None) -> list[str]:
    n = H.shape[-1]
    lines = [head, str(n), str(len(R)), " ".join(map(str, degeneracies or [1] * len(R)))]
    for r, block in zip(R.tolist(), H, strict=True):
        lines += [
            f"{r[0]} {r[1]} {r[2]} {i + 1} {j + 1} {block[i, j].real:.12f} {block[i, j].imag:.12f}"
            for j in range(n)
            for i in range(n)
        ]
    return lines


def write_seed(folder: Path, lines: list[str], lattice: NDArray[np.float64] = HEXAGONAL, n: int = 2, win: str = "") -> Path:
    (folder / "x_hr.dat").write_text("\n".join(lines) + "\n")
    rows = "\n".join(" ".join(f"{x:.10f}" for x in row) for row in lattice)
    (folder / "x.win").write_text(f"{win}\nbegin\tunit_cell_cart\n{rows}\nend unit_cell_cart\n")
    (folder / "x_centres.xyz").write_text(f"{n}\n\n" + "X 0.0 0.0 0.0\n" * n)
    return folder / "x"


def bands(R: NDArray[np.int64], H: Complex) -> NDArray[np.float64]:
    k = np.random.default_rng(3).random((20, 3)) * [1, 1, 0]
    return np.linalg.eigvalsh(np.tensordot(np.exp(2j * np.pi * k @ R.T), H, axes=1))


def spinful(order: str, exchange: float = 0.0) -> tuple[NDArray[np.int64], Complex]:
    """Three orbitals with weak spin-orbit coupling, in an order."""
    R, H = random_hoppings(3)
    up_down = np.kron(H, np.eye(2)) + np.kron(H * 0, np.eye(2))
    coupling = 0.05 * np.kron(np.array([[0, 1j, 0], [-1j, 0, 1j], [0, -1j, 0]]), np.array([[0, 1], [1, 0]]))
    origin = int((R == 0).all(axis=1).argmax())
    up_down[origin] += coupling + exchange * np.kron(np.eye(3), np.diag([1, -1]))
    to_blocks = [0, 2, 4, 1, 3, 5]
    return R, up_down if order == "interleaved" else up_down[:, to_blocks][:, :, to_blocks]
