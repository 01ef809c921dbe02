"""How far a prediction is: a bar in a notebook or a terminal."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rubriek.statistics import Statistics

PATIENCE = 2.0
"""Seconds until a notebook shows a bar unasked: quick answers need none."""


@contextmanager
def followed(statistics: Statistics, rows: int | None, *, wanted: bool | None) -> Iterator[None]:
    """Show how far a run is while a block computes.

    Parameters
    ----------
    statistics : Statistics
        Those of the run; its ``on_progress`` is taken.
    rows : int, optional
        How many rows there are; None where nobody knows.
    wanted : bool, optional
        Whether to show a bar. Default: in a notebook, once the run has taken `PATIENCE`.
    """
    notebook = in_notebook()
    if wanted is False or (wanted is None and not notebook):
        yield
        return
    bar = _bar(notebook)(
        total=rows,
        unit=" texts",
        leave=False,
        delay=0.0 if wanted else PATIENCE,
        # tqdm itself shows nothing on a terminal that reports a size of zero.
        **({} if notebook else {"ncols": shutil.get_terminal_size().columns, "nrows": 20}),
    )

    def progressed(so_far: Statistics) -> None:
        # Rows are counted when all of a window are answered; until then its sequences show how far it is.
        answered = max(so_far.documents, so_far.windows)
        bar.update((answered if rows is None else min(answered, rows)) - bar.n)

    statistics.on_progress = progressed
    with bar:
        yield


def in_notebook() -> bool:
    """Say whether this runs in a notebook: in IPython, and IPython in a kernel."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def _bar(notebook: bool) -> Any:
    """Choose the widget where it can be shown; importing it where it cannot would warn."""
    if notebook and importlib.util.find_spec("ipywidgets") is not None:
        from tqdm.notebook import tqdm as widget

        return widget
    from tqdm import tqdm

    return tqdm
