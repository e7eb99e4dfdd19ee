"""HDF5 trees and other files, written whole or not at all: the only place of h5py.

A *tree* is a nested dictionary. Dictionaries become groups, numpy arrays become datasets, everything
else (strings, numbers, booleans) becomes an attribute. What a tree means is decided by the modules
that own the data (`model`, `results`); what they expect of it is a `Schema`.
"""

from wannier_spin.storage.files import write_text, write_whole
from wannier_spin.storage.reading import Tree, foreign_tree, read_tree
from wannier_spin.storage.schema import Array, Each, Schema, Value, check_tree
from wannier_spin.storage.trees import SMALL, Labelled, check_writable, write_tree

__all__ = [
    "SMALL",
    "Array",
    "Each",
    "Labelled",
    "Schema",
    "Tree",
    "Value",
    "check_tree",
    "check_writable",
    "foreign_tree",
    "read_tree",
    "write_text",
    "write_tree",
    "write_whole",
]
