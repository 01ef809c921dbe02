"""What goes into a model and what has to come out, whichever engine runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rubriek.errors import BundleError, EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = type[np.integer[Any]]


def feed(
    inputs: Mapping[str, Integers | None], ids: NDArray[np.int32], mask: NDArray[np.int32]
) -> dict[str, NDArray[Any]]:
    """Give each input of a model what its name asks for, in its type.

    Parameters
    ----------
    inputs : mapping of str to integer type
        The model's inputs; None for one that is of no integer type.
    ids, mask : ndarray of int32, shape (rows, pieces)
        The batch.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    BundleError
        If there is an input that a text classifier does not have.

    Examples
    --------
    >>> ids = np.array([[2, 7, 3]], np.int32)
    >>> fed = feed({"input_ids": np.int64, "token_type_ids": np.int64}, ids, np.ones_like(ids))
    >>> fed["input_ids"].dtype.name, fed["token_type_ids"].tolist()
    ('int64', [[0, 0, 0]])
    """
    given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": None}
    fed: dict[str, NDArray[Any]] = {}
    for name, kind in inputs.items():
        if name not in given or kind is None:
            raise BundleError(
                "The model has an input that a text classifier does not have.",
                expected=f"{', '.join(given)}, of int32 or int64",
                found=name if name not in given else f"{name}, of another type",
            )
        values = given[name]
        fed[name] = np.zeros(ids.shape, kind) if values is None else values.astype(kind, copy=False)
    return fed


def check_width(logits: NDArray[Any], labels: int) -> NDArray[Any]:
    """Let only logits through of which there is one for each label: numpy would repeat a single one.

    Raises
    ------
    BundleError
        If there are more or fewer.
    """
    if logits.ndim != 2 or logits.shape[1] != labels:
        raise BundleError(
            "The model does not give a logit for each label.",
            expected=f"logits of shape (rows, {labels})",
            found=str(logits.shape),
            hint="rubriek.json and model.onnx are of different models; import the model again",
        )
    return logits


def check_logits(logits: NDArray[Any], *, rows: int) -> NDArray[np.float32]:
    """Let only finite logits through, one row for each text.

    Raises
    ------
    BundleError
        If what the model gave has another shape.
    EngineError
        If a logit is not a finite number.
    """
    if logits.ndim != 2 or len(logits) != rows:
        raise BundleError(
            "The model is no sequence classifier.",
            expected=f"logits of shape ({rows}, labels)",
            found=str(logits.shape),
        )
    if not np.isfinite(logits).all():
        raise EngineError(
            "The model gave logits that are not finite numbers.",
            found=f"{int((~np.isfinite(logits)).any(axis=1).sum())} of {rows} rows with NaN or infinity",
            hint="its weights are damaged, or too large for this precision",
        )
    return logits.astype(np.float32, copy=False)
