"""From a name or a path to a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from rubriek.classifier import Classifier
from rubriek.options import Options, OptionValues, takes_options

if TYPE_CHECKING:
    from rubriek.engines import Precision


@takes_options
def load(
    ref: str | Path,
    *,
    engine: str | None = None,
    precision: Precision | None = None,
    threads: int | None = None,
    **options: Unpack[OptionValues],
) -> Classifier:
    """Load a classifier.

    Parameters
    ----------
    ref : str or Path
        ``"nl-news"`` (built in), the name of a model in the cache, or the path of a bundle, of a Hugging Face
        folder or of a folder with an ONNX model.
    engine : {"onnxruntime", "openvino"}, optional
        What computes the logits. Default: ONNX Runtime.
    precision : {"fp32", "bf16", "int8", "int8-bf16"}, optional
        What it computes in; bf16 needs OpenVINO. Default: the bundle's own; never a lower one unasked.
    threads : int, optional
        How many cores to use. Default: all that the affinity mask and the cgroup quota allow.
    **options
        Defaults for `Classifier.predict`; see `Options`.

    Returns
    -------
    Classifier

    Raises
    ------
    ModelNotFoundError
        If there is no such model; the nearest names are listed.
    ModelError
        If it cannot be used.
    EngineError
        If the engine cannot run it in that precision.
    OptionError
        If an option has a value that cannot be used.

    Examples
    --------
    >>> import rubriek
    >>> classifier = rubriek.load("nl-news")
    >>> classifier.predict("De Tweede Kamer stemt over het voorstel van het kabinet.").label
    'Politiek'
    """
    from rubriek.engines import open_engine
    from rubriek.hub import resolve

    bundle = resolve(ref)
    return Classifier(
        bundle,
        open_engine(bundle, engine=engine, precision=precision, threads=threads),
        Options().replaced(options),
    )
