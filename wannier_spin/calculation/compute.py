"""`compute`: responses of a model on a uniform mesh, within a tolerance, or (for a k·p model) on a disk."""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Sequence
from typing import Unpack

from wannier_spin.calculation.carriers import at_carriers
from wannier_spin.calculation.cautions import check_finite
from wannier_spin.calculation.facts import run_facts
from wannier_spin.calculation.integrate import Task, algorithm_of, carry_out
from wannier_spin.continuum import Model
from wannier_spin.errors import AccuracyWarning
from wannier_spin.integrals.algorithm import Control, Execution
from wannier_spin.integrals.sums import Progress, check_progress
from wannier_spin.integration.parallel import Communicator, communicator, one_blas_thread
from wannier_spin.keywords import Keywords
from wannier_spin.pages import keep_freed_pages
from wannier_spin.prepared import check_is_model, prepare
from wannier_spin.request import Request, taking_request
from wannier_spin.results import ResultSet


@taking_request(Keywords)
def compute(
    model: Model,
    responses: str | Sequence[str] | Request,
    *,
    comm: Communicator | None = None,
    progress: Progress = lambda done, total: None,
    control: Control = Control(),  # noqa: B008  (frozen)
    **asked: Unpack[Keywords],
) -> ResultSet:
    """Compute responses on a uniform mesh (`grid`) or within a `tolerance`; of a k·p model on a disk (`grid`).

    compute(model, "spin_hall", grid=(24, 24, 24), mu=22.48, temperature=300, units="SI")

    Parameters
    ----------
    responses : names, "all", or a `Request`. asked : the keywords of a `Request`, where all of them are explained: grid or
        tolerance, mu (eV, absolute) or carriers, temperature (K), shift, tau, omega (eV), broadening (eV), units, channel, blocks,
        spin_current, form, relaxation, symmetry, reduce_k, sites, degeneracy_tolerance (eV), degeneracy_check, memory (GiB).
        With a `Request`: those that shall be different from it.
    comm : an mpi4py communicator; None: serial.
    progress : called with (done, total) runs of batches of this rank. control : checkpoints, resuming, reports of an adaptive
        integral.

    Raises
    ------
    InputError : unknown names, impossible requests, no model. Interrupted : told to stop. Warns with AccuracyWarning.
    """
    start, comm = time.monotonic(), communicator(comm)
    check_is_model(model)
    check_progress(progress)
    request = responses.with_(**asked) if isinstance(responses, Request) else Request(responses, **asked)
    if request.carriers is not None:
        at_mu = functools.partial(compute, model, comm=comm, progress=progress, control=control)
        return at_carriers(model, request, comm, at_mu)
    prepared = prepare(model, request)
    algorithm = algorithm_of(prepared.request, model)
    keep_freed_pages()
    with warnings.catch_warnings(record=True) as caught, one_blas_thread():
        warnings.simplefilter("always", AccuracyWarning)
        task = Task.of(prepared)
        done = carry_out(task, algorithm, Execution(prepared.request.memory, comm, progress, control))
    messages = tuple(str(w.message) for w in caught if issubclass(w.category, AccuracyWarning))
    for message in messages:
        warnings.warn(message, AccuracyWarning, stacklevel=2)
    facts = run_facts(task, done, comm.size, time.monotonic() - start)
    found = {name: tensor for one in done for name, tensor in one.task.tensors(one.sums).items()}
    result = ResultSet({record.name: found[record.name] for record in prepared.plan.responses}, facts, messages)
    check_finite(result)
    return result
