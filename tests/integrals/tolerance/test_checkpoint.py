"""Checkpoints: what is written is read, and a checkpoint of another calculation says what differs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from integrals.tolerance.test_stages import REACHED
from integration.integrands import cosines, problem, ridge

from wannier_spin import InputError, models
from wannier_spin.integrals.tolerance.checkpoint import Checkpoint, fingerprint, short
from wannier_spin.integration.adaptive import State, adapt
from wannier_spin.storage import read_tree, write_tree

IDENTITY = {"model": "abc", "mu": "[0.1]"}


def states() -> list[State]:
    """Of two integrals at one point of the scan, with one channel."""
    found = [adapt(problem([f], 2, 0.3))[0] for f in (ridge, cosines)]
    totals = [replace(s.totals, leading=s.totals.leading[:, None], rest=s.totals.rest[:, None]) for s in found]
    return [replace(state, totals=total) for state, total in zip(found, totals, strict=True)]


def test_boxes(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c.h5", IDENTITY)
    written = states()
    checkpoint.write(written)
    found = checkpoint.read()
    assert len(found) == 2
    for ours, theirs in zip(written, found, strict=True):
        for key, value in ours.as_tree().items():
            assert np.array_equal(value, theirs.as_tree()[key]), key
    assert checkpoint.stored() == ({}, True)


def test_meshes_and_boxes(tmp_path: Path) -> None:
    """Before there are boxes, and after."""
    meshes = REACHED.as_tree()
    before = Checkpoint(tmp_path / "c.h5", IDENTITY)
    before.write_meshes(meshes)
    stored, on_boxes = before.stored()
    assert not on_boxes
    assert stored.keys() == meshes.keys()
    assert np.array_equal(stored["fine"], meshes["fine"])
    with pytest.raises(InputError, match=r"it has no boxes\); delete it and start again"):
        before.read()
    replace(before, meshes=lambda: meshes).write(states()[:1])
    stored, on_boxes = before.stored()
    assert on_boxes
    assert stored.keys() == meshes.keys()
    assert len(before.read()) == 1


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (IDENTITY | {"mu": "[0.2]"}, r"\(mu: was \[0.1\], is \[0.2\]\): undo"),
        ({"model": "abc"}, r"\(mu: was \[0.1\], is None\)"),
        (IDENTITY | {"tau": "1"}, r"\(tau: was None, is 1\)"),
    ],
)
def test_another_calculation(tmp_path: Path, now: dict[str, str], words: str) -> None:
    Checkpoint(tmp_path / "c.h5", IDENTITY).write(states()[:1])
    with pytest.raises(InputError, match=words):
        Checkpoint(tmp_path / "c.h5", now).read()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"identity": "[1"}, "not a whole"),
        ({"identity": "3"}, "not a whole"),
        ({"states": {}}, "nothing in it"),
        ({"states": {"1": {}}}, "not a whole"),
    ],
)
def test_damaged(tmp_path: Path, change: dict[str, object], words: str) -> None:
    checkpoint = Checkpoint(tmp_path / "c.h5", IDENTITY)
    checkpoint.write(states()[:1])
    tree = read_tree(checkpoint.path, "wannier_spin checkpoint")
    write_tree(checkpoint.path, {**tree, **change})
    with pytest.raises(InputError, match=words):
        checkpoint.read()


def test_short_lists_are_written_out() -> None:
    """Longer ones by their ends and a hash that knows every number."""
    assert short([0.5]) == "[0.5]"
    assert short([1, 2, 3, 4]) == "[1.0, 2.0, 3.0, 4.0]"
    five = short([1, 2, 3, 4, 5.5])
    assert five.startswith("5 values from 1 to 5.5 (")
    assert five != short([1, 2, 3.0001, 4, 5.5])
    assert short(np.ones((2, 3))).startswith("6 values from 1 to 1 (")


def test_fingerprints_tell_models_apart() -> None:
    one, other = models.rashba_exchange(), models.rashba_exchange(exchange=(0, 0, 0.4000001))
    assert fingerprint(one) == fingerprint(models.rashba_exchange())
    assert fingerprint(one) != fingerprint(other)
    assert len(fingerprint(one)) >= 16
