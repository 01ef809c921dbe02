"""Takes in a foreign ONNX graph and tries it out, in processes of their own with limits of time and memory.

Parsing a graph takes up to a hundred times the memory of its file, and only a run shows what it computes.
Both happen once, at import: what comes out is a bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rubriek.child_process import ChildFailure, run_limited
from rubriek.engines import Stored
from rubriek.errors import ModelError, UnsupportedModelError
from rubriek.models import checks
from rubriek.models.record import MODEL

SECONDS = 5.0
MAX_BYTES_PER_SECOND = 20_000_000
MEGABYTES = 600
MAX_COPIES = 6
"""Limits of each process: so much for any model, and so much more for the bytes of its files."""


@dataclass(frozen=True)
class Network:
    """What was found in a graph that was taken in.

    Attributes
    ----------
    precision : {"fp32", "int8"}
        What its weights are.
    files : tuple of Path
        The files that external tensors came from.
    vocabulary : int, optional
        How many ids its table of words has; None where the table is not found.
    positions : int, optional
        How many positions it has; None where they are not found.
    """

    precision: Stored
    files: tuple[Path, ...]
    vocabulary: int | None
    positions: int | None


def take_in(file: Path, folder: Path) -> Network:
    """Read a graph and write what a bundle holds of it: the inputs and the output of all bundles.

    Parameters
    ----------
    file : Path
        A model of somebody else's; external data lies beside it.
    folder : Path
        Where ``model.onnx`` is written, and its weights beside it where they are large.

    Raises
    ------
    ModelError
        If it is damaged, or takes more time or memory than a model of its size.
    UnsupportedModelError
        If it is not the graph of a text classifier, or has loops.
    """
    found = _limited("write_network", file, _files_beside(file), str(file), str(folder / MODEL))
    return Network(
        precision=found["precision"],
        files=tuple(map(Path, found["files"])),
        vocabulary=found["vocabulary"],
        positions=found["positions"],
    )


def count_outputs(folder: Path, source: Path, rows: Sequence[Sequence[int]], pad_id: int) -> int:
    """Run rows of ids, padded to the longest, and count the logits.

    Parameters
    ----------
    folder : Path
        Where `take_in` wrote the graph.
    source : Path
        The file that it was taken from, for messages.
    rows : sequence of sequences of int
        Ids, special tokens included.
    pad_id : int
        The id of the padding.

    Raises
    ------
    ModelError
        If ONNX Runtime cannot run it, or not with the time and memory of a model of its size.
    UnsupportedModelError
        If the results are no logits.
    """
    longest = max(map(len, rows))
    ids = [[*row, *[pad_id] * (longest - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    written = list(folder.glob(f"{MODEL}*"))
    return int(_limited("run_network", source, written, str(folder / MODEL), str(source), ids, mask))


def _limited(step: str, source: Path, files: Sequence[Path], *arguments: Any) -> Any:
    size = sum(file.stat().st_size for file in files)
    seconds = SECONDS + size / MAX_BYTES_PER_SECOND
    megabytes = MEGABYTES + MAX_COPIES * size // 10**6
    try:
        return run_limited(f"{__name__}.{step}", *arguments, seconds=seconds, megabytes=megabytes)
    except ChildFailure as failure:
        raise ModelError(
            f"{source} could not be tried out.",
            expected=f"a model that loads and runs in {seconds:.0f} seconds and {megabytes:,} MB",
            found=failure.found,
            hint="export it again, with dynamic axes for rows and pieces",
        ) from failure


def _files_beside(file: Path) -> list[Path]:
    return [path for path in file.parent.iterdir() if path.is_file()]


def write_network(file: str, written: str) -> dict[str, Any]:
    """Do what `take_in` says, in this process."""
    from rubriek.models.huggingface import save_model
    from rubriek.models.onnx_graph import (
        logits_of,
        position_count,
        precision_of,
        read_graph,
        use_inputs,
        vocabulary_size,
    )
    from rubriek.models.row_spacing import space_rows

    model, files = read_graph(Path(file))
    precision = precision_of(model)
    use_inputs(model, Path(file))
    logits_of(model, Path(file))
    space_rows(model)
    save_model(model, Path(written))
    return {
        "precision": precision,
        "files": [str(path) for path in files],
        "vocabulary": vocabulary_size(model),
        "positions": position_count(model),
    }


def opened(written: str) -> Callable[[Any, Any], list[Any]]:
    """Open a graph that `take_in` wrote, on one thread; ids and mask in, outputs out."""
    from rubriek.onnx_runtime import ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(written, options, providers=["CPUExecutionProvider"])
    kinds = {node.name: np.int64 if "int64" in node.type else np.int32 for node in session.get_inputs()}

    def run(ids: Any, mask: Any) -> list[Any]:
        given = {"input_ids": ids, "attention_mask": mask}
        outputs: list[Any] = session.run(
            None, {name: np.array(given[name], kind) for name, kind in kinds.items()}
        )
        return outputs

    return run


def run_network(written: str, source: str, ids: list[list[int]], mask: list[list[int]]) -> int:
    """Do what `count_outputs` says, in this process."""
    try:
        (logits,) = opened(written)(ids, mask)
    except Exception as error:  # the library has no base class of its own
        raise ModelError(
            f"ONNX Runtime cannot run {source}.",
            found=checks.shown(str(error), most=300),
            hint="export it again, with dynamic axes for rows and pieces",
        ) from error
    if logits.ndim != 2 or logits.shape[0] != len(ids) or not np.isfinite(logits).all():
        raise UnsupportedModelError(
            f"{source} is no text classifier.",
            expected="finite logits of the shape [rows, labels]",
            found=f"{logits.dtype} {list(logits.shape)} for {len(ids)} rows",
        )
    return int(logits.shape[1])
