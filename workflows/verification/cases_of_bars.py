"""The cases on which error bars are judged. What is a hold-out says so: nothing about the bars was chosen on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import hold_outs
import numpy as np
import weyl_nodes
from numpy.typing import NDArray

import wannier_spin as ws

EXAMPLES = Path(__file__).resolve().parents[2] / "example_inputs"
TOLERANCES = (1e-1, 3e-2)
NEEL = ((2.4975, 2.4975, 0), (-2.4975, -2.4975, 0), (0, 0, 0))
COLLINEAR = ((0, 0, 0), (0, 0, 1.7), (0, 0, -1.7), (0, 0, 0), (0, 0, 0), (0, 0, 0))

Real = NDArray[np.float64]
Opened = tuple[ws.TightBindingModel, ws.Structure | None]


@dataclass(frozen=True)
class Case:
    """meshes : points along every periodic axis. references : of the two best meshes, the truth first, or n of `exact` (mu, T, n),
    the values of the response where meshes are no reference. tolerances : none where they take too long; few : their mu.
    """

    name: str
    open: Callable[[], Opened]
    responses: tuple[str, ...]
    mu: Real
    meshes: tuple[int, ...]
    references: tuple[int, int]
    hold_out: bool
    tolerances: tuple[float, ...] = TOLERANCES
    exact: Callable[[Real, Sequence[float], int], Real] | None = None

    @property
    def few(self) -> Real:
        return self.mu[[len(self.mu) // 4, len(self.mu) // 2, 3 * len(self.mu) // 4]]


def material(name: str, moments: Any = None, structure: str = "") -> Callable[[], Opened]:
    folder = EXAMPLES / name

    def opened() -> Opened:
        saved = folder / f"{name}.model.h5"
        model = ws.load_model(saved) if saved.is_file() else ws.read_wannier90(folder / name)
        return model, ws.read_structure(folder / f"{structure or name}.win", moments)

    return opened


def crystal(build: Callable[[], ws.TightBindingModel]) -> Callable[[], Opened]:
    return lambda: (build(), None)


def drawn(name: str, build: Callable[[], ws.TightBindingModel], second: str, references: tuple[int, int]) -> Case:
    """A random model of a seed that nobody had looked at within tolerances, judged once."""
    return Case(name, crystal(build), ("spin_hall", second), np.linspace(-1, 1, 21), (), references, True)


def sheet(seed: int, n: int, *responses: str) -> Case:
    """A random one of a seed that nobody had looked at, judged once by meshes."""
    model = partial(ws.models.random_model, n=n, seed=seed, periodic=(True, True, False))
    return Case(f"random sheet {seed}", crystal(model), responses, np.linspace(-1, 1, 21), PLANE, (256, 232), True, ())


def second_order(
    name: str,
    build: Callable[[], ws.TightBindingModel],
    most: float,
    intrinsic: str = "nonlinear_intrinsic_spin_current",
    tolerances: tuple[float, ...] = (1e-1,),
) -> Case:
    """A sheet, mu from -most to most, judged once in second order."""
    responses, mu = ("nonlinear_extrinsic_spin_current", intrinsic), np.linspace(-most, most, 21)
    return Case(f"{name}, second order", crystal(build), responses, mu, PLANE, (320, 280), True, tolerances)


def fresh(name: str, build: Callable[[], ws.TightBindingModel], second: str, most: float, references: tuple[int, int]) -> Case:
    """Another kind of model, mu from -most to most, judged once with the rule as it is, by meshes and tolerances."""
    planar = not build().periodic[2]
    mu, meshes = np.linspace(-most, most, 21), PLANE if planar else COARSE
    tolerances = TOLERANCES if planar else TOLERANCES[:1]
    return Case(name, crystal(build), ("spin_hall", second), mu, meshes, references, True, tolerances)


MAGNETIZATION = "nonlinear_intrinsic_spin_magnetization"
PLANE, SPACE, COARSE = (16, 24, 32, 48, 64), (12, 16, 24, 32), (8, 12, 16, 20)
CASES = (
    Case("Pt", material("Pt"), ("spin_hall",), 22.4839 + np.linspace(-1, 1, 41), (16, 20, 24, 28, 36, 48), (88, 72), False),
    Case(
        "Fe",
        material("Fe", [(0, 0, 2.2)]),
        ("magnetic_spin_hall", "spin_hall"),
        17.6048 + np.linspace(-1, 1, 21),
        (12, 16, 20, 24, 32),
        (80, 72),
        False,
        (1e-1,),
    ),
    Case("GaAs, valence bands", material("GaAs"), ("spin_hall",), 7.53 + np.linspace(-1, 1, 21), SPACE, (80, 72), False, ()),
    Case(
        "Mn2Au",
        material("Mn2Au", NEEL),
        ("spin_hall",),
        16.5032 + np.linspace(-0.4, 0.4, 9),
        (8, 12, 16),
        (32, 28),
        False,
        (),
    ),
    Case(
        "KV2Se2O",
        material("KV2Se2O", COLLINEAR, "KV2Se2O_up"),
        ("magnetic_spin_hall",),
        6.9052 + np.linspace(-0.5, 0.5, 11),
        (8, 12, 16),
        (32, 28),
        False,  # its rows showed that bands which only cross hide nothing
        (),
    ),
    Case(
        "Rashba",
        crystal(ws.models.rashba_exchange),
        ("spin_hall", "magnetic_spin_hall"),
        np.linspace(-1.5, 1.5, 31),
        PLANE,
        (320, 280),
        False,
    ),
    Case(
        "altermagnet",
        crystal(lambda: ws.models.altermagnet(rashba=0.1)),
        ("spin_hall", "magnetic_spin_hall"),
        np.linspace(-2.5, -0.5, 31),
        PLANE,
        (320, 280),
        False,
    ),
    Case(
        "kagome",
        crystal(lambda: ws.models.kagome_mn3sn(soc=0.1)),
        ("spin_hall", "magnetic_spin_hall"),
        np.linspace(-2, 2, 31),
        PLANE,
        (320, 280),
        False,
    ),
    Case("Kane-Mele", crystal(ws.models.kane_mele), ("spin_hall",), np.linspace(-1, 1, 31), PLANE, (320, 280), False),
    Case(
        "P*T antiferromagnet",
        crystal(ws.models.pt_antiferromagnet),
        ("spin_hall", "intrinsic_spin_magnetization"),
        np.linspace(-1.5, 1.5, 31),
        PLANE,
        (160, 144),
        False,
        (1e-1,),
    ),
    Case(
        "zincblende",
        crystal(lambda: ws.models.zincblende(sublattice=0.5, soc=0.05)),
        ("spin_hall",),
        np.linspace(-2, -0.5, 21),
        SPACE,
        (48, 40),
        False,
        (1e-1,),
    ),
    Case("Weyl nodes", crystal(ws.models.weyl), ("spin_hall",), np.linspace(-0.5, 0.5, 21), SPACE, (64, 56), False, (1e-1,)),
    Case(
        "random hoppings",
        crystal(lambda: ws.models.random_model(n=4, seed=3)),
        ("spin_hall", "magnetic_spin_hall"),
        np.linspace(-1, 1, 21),
        (8, 12, 16, 20),
        (96, 84),
        False,
        (1e-1,),
    ),
    Case(
        "GaAs, gap and conduction bands",
        material("GaAs"),
        ("spin_hall",),
        np.linspace(8.95, 10.45, 21),
        SPACE,
        (80, 72),
        False,  # these two showed what a Fermi surface between the points does
        (),
    ),
    Case(
        "Weyl nodes, second order",
        crystal(ws.models.weyl),
        ("nonlinear_extrinsic_spin_magnetization",),
        np.linspace(-0.5, 0.5, 21),
        SPACE,
        (64, 48),
        False,
        (1e-1,),
        exact=weyl_nodes.second_order,
    ),
    Case(
        "random sheet",
        crystal(lambda: ws.models.random_model(n=3, seed=11, periodic=(True, True, False))),
        ("spin_hall", "edelstein"),
        np.linspace(-1, 1, 21),
        PLANE,
        (320, 280),
        True,
    ),
    Case(
        "sheared Rashba",
        crystal(hold_outs.sheared),
        ("spin_hall", "edelstein"),
        np.linspace(-1.5, 1.5, 31),
        PLANE,
        (320, 280),
        True,
    ),
    Case(
        "tilted Dirac sheet",
        crystal(hold_outs.tilted_dirac),
        ("spin_hall", "edelstein"),
        np.linspace(-0.5, 0.5, 21),
        PLANE,
        (320, 280),
        False,  # a hold-out until its second component showed what the states near mu may not have
    ),
    Case(
        "random P*T magnet",
        crystal(hold_outs.random_magnet),
        ("spin_hall", "intrinsic_spin_magnetization"),
        np.linspace(-1, 1, 21),
        (8, 12, 16, 20),
        (72, 64),
        False,  # a hold-out until it served for the power of the outer window
        (1e-1,),
    ),
    Case(
        "helices",
        crystal(hold_outs.helices),
        ("spin_hall", "edelstein"),
        np.linspace(-1, 1, 21),
        (8, 12, 16, 20),
        (72, 64),
        True,
        (1e-1,),
    ),
    *(
        Case(
            f"tilted Dirac sheet {gap} eV",
            crystal(partial(hold_outs.tilted_dirac, gap, tilt)),
            ("spin_hall", "edelstein"),
            np.linspace(-0.5, 0.5, 21),
            PLANE,
            (256, 232),
            True,
            (),
        )
        for gap, tilt in ((0.3, 0.6), (0.04, 0.2))
    ),
    Case(
        "Weyl nodes at 1.1",
        crystal(partial(ws.models.weyl, node=1.1, tilt=(0.1, 0.3, 0.2))),
        ("spin_hall", "edelstein"),
        np.linspace(-0.5, 0.5, 21),
        (12, 16, 20, 24),
        (56, 48),
        True,
        (),
    ),
    sheet(71, 3, "edelstein"),
    # judged once with states and their images as one, and bars that are a tenth narrower
    sheet(97, 4, "spin_hall", "edelstein"),
    Case(
        "helices 0.8",
        crystal(partial(hold_outs.helices, 0.8, 0.45, 0.15)),
        ("spin_hall", "edelstein"),
        np.linspace(-1, 1, 21),
        (8, 12, 16, 20),
        (72, 64),
        True,
        (),
    ),
    Case(
        "random P*T magnet 91",
        crystal(partial(hold_outs.random_magnet, 91)),
        ("intrinsic_spin_magnetization",),
        np.linspace(-1, 1, 21),
        (8, 12, 16, 20),
        (72, 64),
        True,
        (),
    ),
    Case("GaAs, higher bands", material("GaAs"), ("spin_hall",), np.linspace(10.6, 12.6, 21), SPACE, (72, 60), True, ()),
    Case(
        "Pt, deep bands",
        material("Pt"),
        ("spin_hall",),
        22.4839 + np.linspace(-4, -2, 21),
        (16, 20, 24, 28, 36),
        (80, 66),
        True,
        (),
    ),
    # at mu = 0 the sheet has a gap of 2.7 meV, which a tolerance finds and meshes of a million points do not
    second_order(
        "random sheet", partial(ws.models.random_model, n=3, seed=61, periodic=(True, True, False)), 1.0, MAGNETIZATION, ()
    ),
    second_order("P*T antiferromagnet", ws.models.pt_antiferromagnet, 1.5),
    second_order("kagome", partial(ws.models.kagome_mn3sn, soc=0.1), 2.0),
    *(
        drawn(f"random crystal {seed}", lambda seed=seed: ws.models.random_model(n=3, seed=seed), "magnetic_spin_hall", (72, 64))
        for seed in (23, 26, 51)
    ),
    *(
        drawn(
            f"random P*T magnet {seed}", lambda seed=seed: hold_outs.random_magnet(seed), "intrinsic_spin_magnetization", (72, 64)
        )
        for seed in (31, 32, 52)
    ),
    *(
        drawn(
            f"random sheet {seed}",
            lambda seed=seed: ws.models.random_model(n=3, seed=seed, periodic=(True, True, False)),
            "edelstein",
            (320, 280),
        )
        for seed in (42, 43, 46, 53)
    ),
    # made for judging the former rule once, when nothing more was to be changed
    fresh("Lieb sheet", hold_outs.lieb, "edelstein", 2.0, (256, 232)),
    fresh("honeycomb bilayer", hold_outs.bilayer, "magnetic_spin_hall", 2.0, (256, 232)),
    replace(fresh("spiral sheet", hold_outs.spiral, "edelstein", 1.5, (256, 232)), hold_out=False),  # see helices 1.4
    fresh(
        "random sheet 103",
        partial(ws.models.random_model, n=5, seed=103, periodic=(True, True, False)),
        "edelstein",
        1.5,
        (256, 232),
    ),
    fresh("magnetic insulator", hold_outs.magnetic_insulator, "magnetic_spin_hall", 2.0, (72, 64)),
    fresh("pyrochlore", hold_outs.pyrochlore, "magnetic_spin_hall", 2.0, (64, 56)),
    fresh("random crystal 105", partial(ws.models.random_model, n=5, seed=105), "edelstein", 1.0, (64, 56)),
    fresh("random P*T magnet 106", partial(hold_outs.random_magnet, 106), "intrinsic_spin_magnetization", 1.0, (72, 64)),
    # a hold-out until it showed that each direction has its own power, as the spiral
    replace(fresh("helices 1.4", partial(hold_outs.helices, 1.4, 0.2, 0.4), "edelstein", 1.5, (72, 64)), hold_out=False),
    Case(
        "Fe, deep bands",
        material("Fe", [(0, 0, 2.2)]),
        ("magnetic_spin_hall", "spin_hall"),
        17.6048 + np.linspace(-5, -3, 21),
        (12, 16, 20, 24, 32),
        (80, 72),
        True,
        (),
    ),
    # made for judging the mend for nearly one-dimensional models once, before it was final
    fresh("dimers, sheet", hold_outs.dimers, "edelstein", 1.5, (320, 280)),
    fresh("dimers", partial(hold_outs.dimers, 3), "edelstein", 1.5, (72, 64)),
    fresh("chain altermagnet", hold_outs.chain_altermagnet, "magnetic_spin_hall", 1.5, (320, 280)),
    fresh("ladders", hold_outs.ladders, "edelstein", 1.5, (320, 280)),
    fresh("stretched Rashba", hold_outs.stretched_rashba, "edelstein", 1.8, (320, 280)),
    fresh("Weyl chains", hold_outs.weyl_chains, "magnetic_spin_hall", 1.0, (72, 64)),
)
