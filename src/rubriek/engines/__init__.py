"""Engines turn batches of token ids into logits; they know nothing of text, labels or frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args

from rubriek import settings
from rubriek.errors import EngineError, OptionError, Worded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rubriek.models.bundle import Bundle

ENGINES = ("onnxruntime", "openvino")
Precision: TypeAlias = Literal["fp32", "bf16", "int8", "int8-bf16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Stored: TypeAlias = Literal["fp32", "int8"]
STORED: tuple[Stored, ...] = get_args(Stored)
"""What the weights in a file can be; bf16 is a way of computing what is not int8."""


def stored(precision: Precision) -> Stored:
    """Say which weights a precision is computed from.

    Examples
    --------
    >>> stored("bf16"), stored("int8-bf16")
    ('fp32', 'int8')
    """
    return "int8" if precision in ("int8", "int8-bf16") else "fp32"


class Engine(Protocol):
    """What the path needs of an engine.

    Attributes
    ----------
    name : str
        The engine's name and version, e.g. ``"onnxruntime 1.32.0"``.
    precision : {"fp32", "bf16", "int8", "int8-bf16"}
        What it really computes in; in int8 with bf16 between the products.
    threads : int
        How many cores it uses when ``parallel`` calls run at once.
    token_budget : int
        The batch size it is quickest with: rows x pieces, padding included.
    """

    name: str
    precision: Precision
    threads: int
    token_budget: int

    @property
    def parallel(self) -> int:
        """How many calls of `run` may go on at the same time, each from a thread of its own.

        More gain nothing. It may become less when the first call is made.
        """
        ...

    def run(
        self, ids: NDArray[np.int32], mask: NDArray[np.int32], *, alone: bool = False
    ) -> NDArray[np.float32]:
        """Compute logits.

        Parameters
        ----------
        ids, mask : ndarray of int32, shape (rows, pieces)
            Token ids, and 1 where a piece is real, 0 where it is padding.
        alone : bool, default False
            Whether the caller has nothing else to run meanwhile, so that all cores may work on this batch.

        Returns
        -------
        ndarray of float32, shape (rows, labels)
        """
        ...


def open_engine(
    bundle: Bundle,
    *,
    engine: str | None = None,
    precision: Precision | None = None,
    threads: int | None = None,
) -> Engine:
    """Make the engine for a bundle.

    Parameters
    ----------
    bundle : Bundle
        The model.
    engine : {"onnxruntime", "openvino"}, default "onnxruntime"
        Which engine.
    precision : {"fp32", "bf16", "int8", "int8-bf16"}, optional
        What it computes in. Default: the bundle's own precision.
    threads : int, optional
        How many cores it may use. Default: `rubriek.settings.usable_cores`.

    Returns
    -------
    Engine

    Raises
    ------
    OptionError
        If there is no such engine or precision, or fewer than one thread.
    EngineError
        If the bundle does not hold what the precision needs.
    BundleError
        If its graph states another number of logits than it has labels, or has a loop.
    MissingExtraError
        If the engine is not installed.
    """
    name = engine or ENGINES[0]
    wanted = precision or bundle.precision
    cores = settings.usable_cores() if threads is None else threads
    for option, value, known in (("engine", name, ENGINES), ("precision", wanted, PRECISIONS)):
        if value not in known:
            raise OptionError(
                f"There is no {option} {value!r}.", expected=f"one of {', '.join(known)}", found=repr(value)
            )
    if not isinstance(cores, int) or cores < 1:
        raise OptionError(
            "The option 'threads' is out of range.", expected="at least 1 thread", found=repr(threads)
        )
    if bundle.precision != stored(wanted):
        raise EngineError(
            f"The model {bundle.name!r} holds {bundle.precision} weights and cannot be run in {wanted}.",
            hint=f"rubriek models quantize {bundle.name} --sample FILE"
            if stored(wanted) == "int8"
            else Worded("leave {} out, or load the fp32 model it was made from", ("precision", None)),
        )
    bundle.check_graph()
    if name == "openvino":
        from rubriek.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(
            bundle.model_file, precision=wanted, threads=cores, weight_bits=bundle.weight_bits
        )
    from rubriek.engines.onnxruntime import OnnxRuntimeEngine

    return OnnxRuntimeEngine(
        bundle.model_file, precision=wanted, threads=cores, weight_bits=bundle.weight_bits
    )
