"""Checkpoints of adaptive integrals: one small HDF5 file, replaced after every round."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wannier_spin.continuum import Model
from wannier_spin.errors import InputError
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
_FILE = Schema({"identity": Value((str,)), "states": Each(Schema({}), least=1)})


@dataclass(frozen=True)
class Checkpoint:
    """Where to write, and what makes the calculation: a checkpoint of another one is refused."""

    path: Path
    identity: Mapping[str, str]

    def write(self, states: list[State]) -> None:
        """Write the states of all replicas so far, whole or not at all. Raises InputError (disk full)."""
        trees = {str(i): state.as_tree() for i, state in enumerate(states)}
        write_tree(self.path, {"kind": KIND, "format": 2, "identity": json.dumps(dict(self.identity)), "states": trees})

    def read(self) -> list[State]:
        """The states of all replicas so far.

        Raises InputError if the file is damaged, or what is asked for now is not what it was made for (saying what differs).
        """
        tree = read_tree(self.path, KIND)
        where, remedy = f"'{self.path}' is not a whole checkpoint", "delete it and start again"
        check_tree(where, tree, _FILE, remedy)
        for name, state in tree["states"].items():
            check_tree(f"{where}, replica {name}", state, _STATE, remedy)
        try:
            stored = dict(json.loads(tree["identity"]).items())
            states = [State.from_tree(tree["states"][str(i)]) for i in range(len(tree["states"]))]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{where} ({error!r}); {remedy}") from error
        different = [key for key in {**stored, **self.identity} if stored.get(key) != self.identity.get(key)]
        if different or not states:
            changes = "; ".join(f"{key}: was {stored.get(key)}, is {self.identity.get(key)}" for key in different)
            raise InputError(
                f"the checkpoint '{self.path}' is of another calculation ({changes}): undo the change, or delete the file "
                "to start again"
            )
        return states


def fingerprint(model: Model) -> str:
    """A short hash of everything in a model that enters numbers."""
    return hashlib.sha256(model.digest()).hexdigest()[:16]


def short(values: Any) -> str:
    """A list of numbers as text: itself if it is short, else its ends and a hash."""
    array = np.asarray(values, float)
    if array.size <= 4:
        return str(array.tolist())
    return f"{array.size} values from {array.flat[0]:g} to {array.flat[-1]:g} ({hashlib.sha256(array.tobytes()).hexdigest()[:8]})"
