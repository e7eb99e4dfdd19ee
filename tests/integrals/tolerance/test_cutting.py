"""When hot spots are cut out of a mesh, and what that may take: the decisions, with integrals and meshes that are made up."""

import math
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest
from integrals.tolerance.test_cut import SCAN, inside, spot
from integrals.tolerance.test_spots import bump_of, integral, integral_of_sheet

from wannier_spin.integrals.densities.channels import Tolerance
from wannier_spin.integrals.tolerance import cutting
from wannier_spin.integrals.tolerance.cut import Cut
from wannier_spin.integrals.tolerance.cutting import BOXES, COVERED, DEAR, LIKELY, NEARLY, PART, ROUNDS, Cutting
from wannier_spin.integrals.tolerance.spots import Inside
from wannier_spin.integrals.tolerance.standing import Standing
from wannier_spin.integration.adaptive import Limits

ALLOWED = np.array([2.0, 0.5])
BUMP, GAP = spot(0).bump, spot(0).gap


@dataclass(frozen=True)
class Mesh:
    """A mesh of so many points: each bump that is taken out of it takes ten more, and halves its bars."""

    evaluations: int = 1000
    bars: tuple[float, float] = (8.0, 1.0)
    taken: int = 0
    mesh: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(n_evaluated=900))

    def sums(self) -> "Mesh":
        return self

    def without(self, bump: object, execution: object) -> "Mesh":
        return replace(self, evaluations=self.evaluations + 10, taken=self.taken + 1, bars=(self.bars[0] / 2, self.bars[1] / 2))


@dataclass(frozen=True)
class MadeUp(Cutting):
    """Finds what is given, round by round; every spot takes 100 k-points, and says whether it converged."""

    to_find: list[int] = field(default_factory=list)
    converges: bool = True
    seen: list[object] = field(default_factory=list)

    def _found(self, summed, allowed, cut):  # type: ignore[no-untyped-def]
        assert np.array_equal(allowed, ALLOWED)
        return [(BUMP, GAP)] * self.to_find.pop(0) if self.to_find else None

    def _integrated(self, found, allowed, cut, mesh, limits):  # type: ignore[no-untyped-def]
        self.seen.append(limits)
        if not self.converges:
            return None, 77
        for _ in found:
            cut = cut.with_spot(spot(0), inside(1, 100))
        return cut, 100 * len(found)


@pytest.fixture
def stood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars are those of the mesh, nothing is allowed to depend on what was cut."""
    monkeypatch.setattr(Cut, "joined", lambda self, sums: sums)
    monkeypatch.setattr(
        cutting, "standing", lambda integral, wanted, sums, moved: Standing(("a", "b"), ALLOWED, np.array(sums.bars), np.zeros(2))
    )


def made_up(*to_find: int, **changes: object) -> MadeUp:
    given = {"predicted": lambda bars, allowed: 1e5 * float((bars / allowed).max()), "max_evaluations": 50_000, "max_seconds": 1e4}
    return MadeUp(None, Tolerance(), None, to_find=list(to_find), **(given | changes))  # type: ignore[arg-type]


@pytest.mark.usefixtures("stood")
def test_round_by_round_until_it_is_within_the_tolerance() -> None:
    one = made_up(1, 1, 1, 1)
    mesh, cut, wasted = one.cut(Mesh(), Cut())  # type: ignore[arg-type]
    assert (mesh.taken, len(cut.spots), wasted, cut.given_up) == (2, 2, 0, False)  # type: ignore[attr-defined]
    first, second = one.seen
    assert isinstance(first, Limits)
    assert isinstance(second, Limits)
    assert (first.max_evaluations, second.max_evaluations) == (50_000 - 10, 50_000 - 110 - 10)
    assert 0.9e4 < second.max_seconds <= first.max_seconds <= 1e4


@pytest.mark.usefixtures("stood")
def test_no_more_rounds_than_so_many() -> None:
    one = made_up(*[1] * 9)
    mesh, cut, wasted = one.cut(Mesh(bars=(7.9, 400.0)), Cut())  # type: ignore[arg-type]
    assert (mesh.taken, len(cut.spots), wasted) == (0, 0, 10)  # type: ignore[attr-defined]  # far from done, however many
    several = made_up(*[1] * 9, predicted=lambda bars, allowed: 1e6 * float((bars / allowed).max()))
    mesh, cut, wasted = several.cut(Mesh(bars=(15.9, 0.0)), Cut())  # type: ignore[arg-type]
    assert (mesh.taken, len(cut.spots), wasted) == (ROUNDS, ROUNDS, 0)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("stood")
@pytest.mark.parametrize(
    ("mesh", "cut", "changes", "to_find"),
    [
        (Mesh(), Cut(given_up=True), {}, 1),
        (Mesh(bars=(2.0, 0.5)), Cut(), {}, 1),
        (Mesh(), Cut(), {"max_evaluations": 899}, 1),
        (Mesh(), Cut(), {}, 0),
    ],
    ids=["given up", "within the tolerance", "too few points left", "nothing found"],
)
def test_nothing_is_tried(mesh: Mesh, cut: Cut, changes: dict[str, object], to_find: int) -> None:
    one = made_up(*[1] * to_find, **changes)
    assert one.cut(mesh, cut) == (mesh, cut, 0)  # type: ignore[arg-type]
    assert not one.seen


@pytest.mark.usefixtures("stood")
def test_one_response_that_is_open_is_enough() -> None:
    for bars in ((2.1, 0.1), (0.1, 0.51)):
        assert len(made_up(1).cut(Mesh(bars=bars), Cut())[1].spots) == 1  # type: ignore[arg-type]
    assert len(made_up(1, max_evaluations=900).cut(Mesh(), Cut())[1].spots) == 1  # type: ignore[arg-type]


@pytest.mark.usefixtures("stood")
def test_a_spot_that_takes_too_much_is_given_up() -> None:
    mesh, cut, wasted = made_up(1, 1, converges=False).cut(Mesh(), Cut())  # type: ignore[arg-type]
    assert (mesh.taken, cut.spots, cut.given_up, wasted) == (0, (), True, 87)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("stood")
@pytest.mark.parametrize(
    ("taken", "spots", "least"),
    [
        ((), 1, 2 * LIKELY),
        ((), 2, 4 * LIKELY),
        ((10, 20), 1, 2 * LIKELY),
        ((200_000, 100_000), 1, 300_000),
        ((200_000,), 2, 800_000),
    ],
)
def test_what_pays(taken: tuple[int, ...], spots: int, least: float) -> None:
    """As many points less as the spots cost, as those before them, and bars that are nearly within the tolerance."""
    before = Standing(("a", "b"), ALLOWED, np.array([8.0, 1.0]), np.zeros(2))
    cut = Cut(tuple(replace(spot(0), evaluations=n) for n in taken))
    near = (NEARLY * 2.0 - 0.1, NEARLY * 0.5)
    for saved in (least, least + 1):
        one = made_up(predicted=lambda bars, allowed, saved=saved: saved * float(bars[0] == 8.0))
        assert one._pays(before, Mesh(bars=(NEARLY * 2.0, NEARLY * 0.5 - 0.1)), cut, spots) is False  # type: ignore[arg-type]  # nothing saved
        assert one._pays(before, Mesh(bars=near), cut, spots) is (saved > least)  # type: ignore[arg-type]
        assert one._pays(before, Mesh(bars=(near[0], 1.01 * near[1])), cut, spots) is False  # type: ignore[arg-type]


def test_room_is_what_others_leave() -> None:
    """So many spots, fewer in a plane, and a tenth of the zone."""
    sheet, crystal = integral_of_sheet(1e-3), integral(symmetry=None)
    for given, zone in ((sheet, (2 * np.pi) ** 2), (crystal, abs(np.linalg.det(2 * np.pi * np.linalg.inv(crystal.model.lattice))))):  # type: ignore[union-attr]
        one = Cutting(given, Tolerance(), None, lambda bars, allowed: 0.0, 10, 1.0)  # type: ignore[arg-type]
        bump = bump_of(given, (0.1, 0.2, 0.0), 0.3)
        cut = Cut((replace(spot(0), bump=bump), replace(spot(0), bump=bump)), inside(1, 10))
        ball = {2: math.pi * 0.3**2, 3: 4 / 3 * math.pi * 0.3**3}[given.model.dimension]
        most = {2: 1, 3: 8}[given.model.dimension]
        assert one._room(Cut()).spots == most
        assert one._room(Cut()).volume == pytest.approx(COVERED * zone)
        assert one._room(cut).spots == most - 2
        assert one._room(cut).volume == pytest.approx(COVERED * zone - 2 * ball)


def test_a_mesh_that_watched_nothing_has_no_hot_spots() -> None:
    one = Cutting(integral_of_sheet(1e-3), Tolerance(), SimpleNamespace(comm=None), lambda bars, allowed: 0.0, 10, 1.0)  # type: ignore[arg-type]
    for peaks, bars in ((None, 1), (1, None)):
        summed = SimpleNamespace(mean=SimpleNamespace(peaks=peaks), how=SimpleNamespace(bars=bars))
        assert one._found(summed, ALLOWED, Cut()) is None  # type: ignore[arg-type]


def test_a_spot_that_could_not_begin_took_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "integrate", lambda *given: None)
    monkeypatch.setattr(cutting, "spot_integrand", lambda *given: SimpleNamespace(rule=SimpleNamespace(n_points=8)))
    one = replace(made_up(1), execution=SimpleNamespace(memory=1.0))  # type: ignore[arg-type]
    mesh = SimpleNamespace(mesh=SimpleNamespace(n_evaluated=5))
    assert Cutting._integrated(one, [(BUMP, GAP)], ALLOWED, Cut(), mesh, Limits(20, 9.0)) == (None, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("converged", [True, False])
def test_all_spots_share_the_limits(monkeypatch: pytest.MonkeyPatch, converged: bool) -> None:
    """Each within a part of the tolerance, with at most some times the points of the mesh, or of a box; what was spent counts."""
    asked: list[tuple[np.ndarray, int]] = []

    def integrate(integrand: object, allowed: np.ndarray, execution: object, limits: Limits) -> Inside | None:
        asked.append((allowed, limits.max_evaluations))
        return replace(inside(1, 40 * len(asked)), converged=converged or len(asked) < 2)

    def spot_integrand(*given: object) -> SimpleNamespace:
        return SimpleNamespace(rule=SimpleNamespace(n_points=8), before=given[-1])

    monkeypatch.setattr(cutting, "integrate", integrate)
    monkeypatch.setattr(cutting, "spot_integrand", spot_integrand)
    one = made_up(1)
    object.__setattr__(one, "execution", SimpleNamespace(memory=1.0))
    for most, own in ((1000, DEAR * 500), (10, BOXES * 8)):
        asked.clear()
        mesh = SimpleNamespace(mesh=SimpleNamespace(n_evaluated=most // 2))
        found, spent = Cutting._integrated(one, [(BUMP, GAP)] * 2, ALLOWED, Cut(), mesh, Limits(2020, 9.0))  # type: ignore[arg-type]
        assert spent == 40 + 80
        assert (found is None) is not converged
        assert [limit for _, limit in asked] == [min(2020, own), min(2020 - 40, own)]
        assert all(np.array_equal(allowed, PART * ALLOWED) for allowed, _ in asked)
        if found is not None:
            assert [one.evaluations for one in found.spots] == [40, 80]
            assert found.inside is not None
            assert found.inside.value.shape[0] == SCAN
