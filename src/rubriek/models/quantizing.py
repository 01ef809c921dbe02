"""Makes an int8 bundle of an fp32 one, and only if the two agree on real texts."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rubriek import settings
from rubriek.engines.cpu import EXACT_BITS
from rubriek.errors import AgreementError, ModelError, OptionError
from rubriek.models.bundle import MODEL, NAME, TOKENIZER, Bundle
from rubriek.models.huggingface import save_model
from rubriek.models.importing import slug
from rubriek.models.onnx_graph import read_graph
from rubriek.models.quantization import Track, quantize_graph, untracked
from rubriek.models.row_spacing import unspace_rows
from rubriek.models.staging import refuse_existing, staged

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from rubriek.classifier import Classifier

NOTICES = ("NOTICE", "LICENSE")

CALIBRATION = (64, 512)
"""Fewest and most texts that the ranges of activations are measured on. The rest of the sample is not seen
then, so a range that is too narrow for it shows in the agreement."""


def quantize(
    ref: Bundle | Path | str,
    target: Path | str | None = None,
    *,
    sample: Iterable[str | None] | pa.Array | pa.ChunkedArray,
    min_agreement: float = 0.99,
    name: str | None = None,
    sample_name: str = "unnamed",
    overwrite: bool = False,
    track: Track = untracked,
) -> Bundle:
    """Make an int8 bundle of an fp32 one, if the two agree.

    Weights are rounded per channel to 7 bits, so that no processor's products overflow; activations to ranges
    that were measured on a quarter of the sample (`CALIBRATION` texts where a quarter is less or more). Both
    models then classify the whole sample, and the new bundle records how often they agreed.

    Parameters
    ----------
    ref : Bundle, str or path
        The fp32 model; see `rubriek.hub.resolve`.
    target : path, optional
        The bundle to write. Default: the name, in the cache.
    sample : iterable of str, or Arrow column
        Texts of the kind that the model is for; a few hundred at least, for the figure to mean something.
    min_agreement : float, default 0.99
        Least share of texts with equal labels, 0 to 1.
    name : str, optional
        The new bundle's name. Default: the target's, or the old name with ``-int8``.
    sample_name : str, default "unnamed"
        What the texts are, for the record.
    overwrite : bool, default False
        Replace a bundle at the target.
    track : Track, optional
        Is shown how it gets on; ``tqdm.tqdm`` shows it as bars. Default: nobody.

    Returns
    -------
    Bundle

    Raises
    ------
    AgreementError
        If they agree less often than asked for. Nothing is left behind.
    ModelError
        If the model is not an fp32 one, or something is at the target already.
    OptionError
        If there are no texts, or ``min_agreement`` is no share.
    MissingExtraError
        If the package ``onnx`` is not installed.
    """
    # These stand above this floor; the promise that no precision is lowered untested needs them all the same.
    from rubriek import evaluation, hub
    from rubriek.classifier import Classifier
    from rubriek.engines import open_engine

    if not 0 <= min_agreement <= 1:
        raise OptionError(
            "The option 'min_agreement' is no share.",
            expected="a number from 0 to 1",
            found=repr(min_agreement),
        )
    bundle = ref if isinstance(ref, Bundle) else hub.resolve(ref)
    if bundle.precision != "fp32":
        raise ModelError(
            f"The model {bundle.name!r} is not an fp32 one.", expected="fp32 weights", found=bundle.precision
        )
    texts = evaluation.text_column(sample)
    named = name or (slug(Path(target)) if target is not None else f"{bundle.name}-int8")
    if not NAME.fullmatch(named):
        raise OptionError(
            "The option 'name' is no name for a model.",
            expected="letters, digits, '.', '_', '-'",
            found=repr(named),
        )
    place = Path(target) if target is not None else settings.cache_folder() / "models" / named
    refuse_existing(place, overwrite=overwrite)
    with staged(place, overwrite=overwrite) as partial:
        reference = Classifier(bundle, open_engine(bundle))
        _write_int8(reference, texts, partial, track)
        source = {**bundle.source, "quantized_from": {"name": bundle.name, "checksums": bundle.checksums}}
        lower = replace(
            bundle,
            folder=partial,
            name=named,
            precision="int8",
            weight_bits=EXACT_BITS,
            source=source,
            agreement=None,
        ).seal()
        measured = evaluation.agreement(
            reference,
            Classifier(lower, open_engine(lower)),
            texts,
            sample=sample_name,
        )
        if measured.agreement < min_agreement:
            raise AgreementError(
                f"In int8 the model {bundle.name!r} agrees with fp32 too seldom; nothing was written.",
                expected=f"equal labels for at least {min_agreement:.2%} of {measured.documents} texts",
                found=f"{measured.agreement:.2%}, largest score difference "
                f"{measured.largest_score_difference:.3f}",
                hint="stay with fp32, or ask for less with min_agreement",
            )
        replace(lower, agreement=measured).seal()
    return Bundle.open(place)


def _write_int8(reference: Classifier, texts: pa.Array | pa.ChunkedArray, folder: Path, track: Track) -> None:
    bundle = reference.bundle
    model, _ = read_graph(bundle.model_file)
    unspace_rows(model)
    save_model(quantize_graph(model, list(_batches(reference, texts)), track), folder / MODEL)
    shutil.copyfile(bundle.tokenizer_file, folder / TOKENIZER)
    for notice in NOTICES:
        if (bundle.folder / notice).is_file():
            shutil.copyfile(bundle.folder / notice, folder / notice)


def _batches(
    classifier: Classifier, texts: pa.Array | pa.ChunkedArray
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32]]]:
    """Take texts from the whole length of the sample, as the engine will see them."""
    from rubriek import batching

    fewest, most = CALIBRATION
    count = min(len(texts), max(fewest, min(most, len(texts) // 4)))
    chosen = texts.take(np.linspace(0, len(texts) - 1, count).astype(np.int64)).to_pylist()
    tokens = classifier.tokenizer.tokenize(chosen)
    bundle = classifier.bundle
    sequences = batching.cut(
        tokens.offsets,
        max_length=bundle.max_length,
        overflow="truncate",
        stride=None,
        side=bundle.truncation_side,
    )
    for batch in batching.plan(sequences.lengths, token_budget=classifier.engine.token_budget):
        yield batching.assemble(tokens, sequences, batch)
