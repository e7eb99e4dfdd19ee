"""Trees of our own files, spoiled leaf by leaf: which of six damages what we expect of a file refuses. Stored and compared.

Every tree that is held against a schema while small files are read is taken: a new kind of file joins by being read here.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from integrals.tolerance.test_cut import inside, spot
from integrals.tolerance.test_stages import MOVED, REACHED
from stored import check

import wannier_spin as ws
from wannier_spin.errors import InputError
from wannier_spin.integrals.algorithm import Control
from wannier_spin.integrals.tolerance.checkpoint import KIND, Checkpoint
from wannier_spin.integrals.tolerance.cut import Cut
from wannier_spin.integrals.tolerance.stages import STAGES
from wannier_spin.integrals.tolerance.trial import Trial
from wannier_spin.storage import check_tree, read_tree
from wannier_spin.storage.schema import Schema

Seen = dict[str, tuple[Mapping[str, Any], Schema]]
DAMAGES = ("lost", "another type", "NaN", "one more", "one more axis", "emptied")


def model() -> ws.TightBindingModel:
    """With everything that a file of a model may have."""
    plain = ws.models.random_model(n=2, seed=1)
    keys = ("spin_hamiltonian_R", "spin_position_R", "spin_hamiltonian_position_R")
    shapes = {key: plain.hamiltonian_R.shape + (3,) * (1 + ("position" in key)) for key in keys}
    more: Any = {key: np.zeros(shape, complex) for key, shape in shapes.items()}
    return replace(plain, **more)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder, found = tmp_path_factory.mktemp("schemas"), Seen()

    def noted(where: str, tree: Mapping[str, Any], schema: Schema, remedy: str) -> None:
        check_tree(where, tree, schema, remedy)
        if len(schema.members) > 1:
            name = f"{where.replace(f'{folder}/', '')}: {', '.join([*schema.members][:3])}"
            found.setdefault(name, (copied(tree), schema))

    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("wannier_spin") and getattr(module, "check_tree", None) is check_tree:
                patch.setattr(module, "check_tree", noted)
        sheet = ws.models.get("rashba_exchange")
        how: dict[str, Any] = {"grid": (2, 2, 1), "temperature": [1000, 2000]}
        many = ws.Carriers([-0.1, 0.1], electrons=1)
        ws.load(ws.compute(sheet, "edelstein", carriers=many, sites={"A": [0]}, **how).save(folder / "static.h5"))
        ws.load(ws.compute(sheet, "ac_spin_current", mu=0.1, omega=[0.1], **how).save(folder / "dynamic.h5"))
        ws.load_model(model().save(folder / "model.h5"))
        control = Control(checkpoint=folder / "boxes.h5")
        ws.compute(sheet, "spin_hall", tolerance=ws.Tolerance(0.5, start=4), mu=0.1, temperature=3000, control=control)
        Checkpoint(folder / "boxes.h5", json.loads(read_tree(folder / "boxes.h5", KIND)["identity"])).read()
    assert REACHED.sums is not None
    assert REACHED.sums.rows is not None
    sums = replace(REACHED.sums, rows=replace(REACHED.sums.rows, halves={"a": MOVED[:, 0]}))
    mean = replace(
        sums, fine=MOVED, rows=replace(REACHED.sums.rows, sample=np.ones((5, 3, 3)), factors={"a": np.ones((5, len(MOVED)))})
    )
    cut = Cut().with_spot(spot(0), inside(0, 10))
    whole = replace(
        REACHED, sums=sums, moved=MOVED, cut=cut, mean=mean, weights=(0.0, 0.25, 0.75), trial=Trial((40, 50), (2.0, 3.0))
    )
    return {**found, "stages": (whole.as_tree(), STAGES)}


def spoiled(value: Any) -> Iterator[tuple[str, Any]]:
    """Values in place of one. Those that a damage is not about are left out."""
    if isinstance(value, Mapping):
        yield "another type", 1
        yield "emptied", {}
    elif isinstance(value, np.ndarray):
        yield "another type", np.zeros(value.shape, int if value.dtype.kind == "f" else float)
        if value.dtype.kind in "fc" and value.size:
            yield "NaN", np.where(np.arange(value.size).reshape(value.shape) == value.size - 1, np.nan, value)
        yield "one more", np.concatenate([value, value[:1]]) if value.ndim else value
        yield "one more axis", value[..., None]
    else:
        yield "another type", 1 if isinstance(value, str) else "a text"


def copied(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Whoever reads a tree may take parts out of it."""
    return {name: copied(one) if isinstance(one, Mapping) else one for name, one in tree.items()}


def places(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in tree.items():
        yield (*above, name), value
        if isinstance(value, Mapping):
            yield from places(value, (*above, name))


def exchanged(tree: Mapping[str, Any], place: tuple[str, ...], *value: Any) -> dict[str, Any]:
    """With another value at a place, or without it."""
    first, *rest = place
    if rest:
        return {**tree, first: exchanged(tree[first], tuple(rest), *value)}
    return {name: one for name, one in tree.items() if name != first} | ({first: value[0]} if value else {})


def refused(tree: Mapping[str, Any], schema: Schema) -> bool:
    try:
        check_tree("x", tree, schema, "")
    except InputError:
        return True
    return False


def test_what_is_refused_of_spoiled_files(seen: Seen) -> None:
    assert len(seen) > 6
    for name, (tree, schema) in seen.items():
        check_tree(name, tree, schema, "")
        found: dict[str, list[str]] = {}
        for place, value in places(tree):
            trials = {"lost": exchanged(tree, place)} | {how: exchanged(tree, place, new) for how, new in spoiled(value)}
            found["/".join(place)] = [how for how in DAMAGES if how in trials and refused(trials[how], schema)]
        check("schemas.json", name, {place: hows for place, hows in found.items() if hows})
