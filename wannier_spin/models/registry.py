"""The names of the library models, and how to get one by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from wannier_spin.continuum import KPModel
from wannier_spin.errors import InputError, did_you_mean
from wannier_spin.model import TightBindingModel

Parameters = ParamSpec("Parameters")
Model = TypeVar("Model", TightBindingModel, KPModel)

_MODELS: dict[str, Callable[..., TightBindingModel | KPModel]] = {}


def library_model(build: Callable[Parameters, Model]) -> Callable[Parameters, Model]:
    """Enter a model function in the library; its name and all its parameters become part of the model."""
    signature = inspect.signature(build)

    @wraps(build)
    def named(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Model:
        model = build(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        parameters = ", ".join(f"{key}={value!r}" for key, value in bound.arguments.items())
        return replace(model, name=build.__name__, source={"library model": build.__name__, "parameters": parameters})

    _MODELS[build.__name__] = named
    return named


def names() -> list[str]:
    """Names of the library models, as `get` takes them."""
    return sorted(_MODELS)


def get(name: str, **parameters: Any) -> TightBindingModel | KPModel:
    """The library model `name`: get("weyl", tilt=(0, 0, 0.5)) is weyl(tilt=(0, 0, 0.5)).

    Raises InputError for an unknown name or parameter, with the nearest valid one.
    """
    if name not in _MODELS:
        raise InputError(f"unknown model '{name}'; {did_you_mean(name, names(), 'Valid are:')}")
    accepted = list(inspect.signature(_MODELS[name]).parameters)
    for key in parameters:
        if key not in accepted:
            raise InputError(f"model '{name}' has no parameter '{key}'; {did_you_mean(key, accepted, 'Valid are:')}")
    return _MODELS[name](**parameters)
