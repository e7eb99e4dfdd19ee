"""Checkpoints of adaptive integrals: one small HDF5 file, replaced after every round."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wannier_spin.continuum import Model
from wannier_spin.errors import InputError
from wannier_spin.integrals.tolerance.stages import STAGES
from wannier_spin.integration.adaptive import State
from wannier_spin.storage import Array, Each, Schema, Value, check_tree, read_tree, write_tree

KIND = "wannier_spin checkpoint"
_STATE = Schema(
    {
        **{name: Array("f", (("boxes", 3),), finite=True) for name in ("corner", "edge")},
        **{name: Array("f", (("boxes",),), finite=True) for name in ("weight", "suspect")},
        **{name: Array("f", (("boxes", "responses"),), finite=True) for name in ("size", "magnitude", "hidden")},
        "axis": Array("i", (("boxes",),)),
        **{name: Array("f", ((3, "points", "channels"),), finite=True) for name in ("leading", "rest")},
        "minima": Array("f", (("minima",),)),
        "evaluations": Value((int,)),
        "rounds": Array("i", (("rounds",),)),
    }
)
_FILE = Schema({"identity": Value((str,)), "states": Each(Schema({})), "meshes": STAGES})


@dataclass(frozen=True)
class Checkpoint:
    """Where to write, and what makes the calculation: a checkpoint of another one is refused.

    meshes : tells what is kept with boxes: what meshes had reached before these took over.
    """

    path: Path
    identity: Mapping[str, str]
    meshes: Callable[[], Mapping[str, Any]] = dict

    def write(self, states: list[State]) -> None:
        """Write the states of all replicas so far, whole or not at all. Raises InputError (disk full)."""
        self._write({str(i): state.as_tree() for i, state in enumerate(states)}, self.meshes())

    def write_meshes(self, meshes: Mapping[str, Any]) -> None:
        """Write what meshes have reached, before there are any boxes. Raises InputError (disk full)."""
        self._write({}, meshes)

    def _write(self, states: Mapping[str, Any], meshes: Mapping[str, Any]) -> None:
        kept = {"meshes": dict(meshes)} if meshes else {}
        write_tree(self.path, {"kind": KIND, "format": 2, "identity": json.dumps(dict(self.identity)), "states": states, **kept})

    def read(self) -> list[State]:
        """The states of all replicas so far.

        Raises InputError if the file is damaged, or what is asked for now is not what it was made for (saying what differs).
        """
        tree = self._tree()
        where, remedy = self._words
        try:
            states = [State.from_tree(tree["states"][str(i)]) for i in range(len(tree["states"]))]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{where} ({error!r}); {remedy}") from error
        if not states:
            raise InputError(f"{where} (it has no boxes); {remedy}")
        return states

    def stored(self) -> tuple[Mapping[str, Any], bool]:
        """What meshes have reached, empty if nothing, and whether boxes have taken over. Raises InputError as `read` does."""
        tree = self._tree()
        return tree.get("meshes", {}), bool(tree["states"])

    @property
    def _words(self) -> tuple[str, str]:
        return f"'{self.path}' is not a whole checkpoint", "delete it and start again"

    def _tree(self) -> Mapping[str, Any]:
        """The file, checked."""
        tree = read_tree(self.path, KIND)
        where, remedy = self._words
        check_tree(where, tree, _FILE, remedy)
        for name, state in tree["states"].items():
            check_tree(f"{where}, replica {name}", state, _STATE, remedy)
        try:
            stored = dict(json.loads(tree["identity"]).items())
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(f"{where} ({error!r}); {remedy}") from error
        if not tree["states"] and "meshes" not in tree:
            raise InputError(f"{where} (there is nothing in it); {remedy}")
        different = [key for key in {**stored, **self.identity} if stored.get(key) != self.identity.get(key)]
        if different:
            changes = "; ".join(f"{key}: was {stored.get(key)}, is {self.identity.get(key)}" for key in different)
            raise InputError(
                f"the checkpoint '{self.path}' is of another calculation ({changes}): undo the change, or delete the file "
                "to start again"
            )
        return tree


def fingerprint(model: Model) -> str:
    """A short hash of everything in a model that enters numbers."""
    digest = hashlib.sha256()
    for piece in model.identity():
        digest.update(piece)
    return digest.hexdigest()[:16]


def short(values: Any) -> str:
    """A list of numbers as text: itself if it is short, else its ends and a hash."""
    array = np.asarray(values, float)
    if array.size <= 4:
        return str(array.tolist())
    return f"{array.size} values from {array.flat[0]:g} to {array.flat[-1]:g} ({hashlib.sha256(array.tobytes()).hexdigest()[:8]})"
