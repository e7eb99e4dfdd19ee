"""Progress on a terminal and in a log file."""

from __future__ import annotations

import sys
import time
from typing import Any

from wannier_spin.cli.terminal import say


class Progress:
    """Progress of rank 0: a bar on a terminal, a plain line now and then in a log file."""

    INTERVAL = 30.0  # seconds between lines

    def __init__(self, active: bool) -> None:
        self.active, self.start, self.last = active, 0.0, 0.0
        self.bar: Any = None
        self.task: Any = None

    def __call__(self, done: int, total: int) -> None:
        if not self.active:
            return
        if sys.stderr.isatty():
            self._draw(done, total)
            return
        now = time.monotonic()
        if done == 1:  # the first batches are done: time the others
            self.start = self.last = now
        elif now - self.last > self.INTERVAL:
            self.last = now
            left = (now - self.start) * (total - done) / (done - 1)
            say(f"{100 * done / total:5.1f} % done, about {left:.0f} s left", error=True)

    def _draw(self, done: int, total: int) -> None:
        if self.bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

            self.bar = Progress("k-points", BarColumn(), TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True))
            self.bar.start()
            self.task = self.bar.add_task("k-points", total=total)
        self.bar.update(self.task, completed=done)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.stop()
