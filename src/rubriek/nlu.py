"""NLU's one-liner: ``nlu.load(reference).predict(texts)``, without Spark.

What differs from NLU: the default level is the document (NLU's is the sentence, found with a second model
that it downloads), the scores of all classes are there with ``metadata=True`` (NLU loses them), and the
caller's frame is never changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rubriek import frames
from rubriek.errors import ModelNotFoundError, OptionError, UnsupportedModelError
from rubriek.hub.references import NLU
from rubriek.nlu_data import TEXT, Given
from rubriek.sparknlp import resources
from rubriek.sparknlp.annotation_columns import AnnotationColumn
from rubriek.sparknlp.annotator import BertForSequenceClassification, SentenceDetector, Tokenizer
from rubriek.sparknlp.base import DocumentAssembler, PipelineModel
from rubriek.sparknlp.running import planned, run
from rubriek.sparknlp.sources import TextSource
from rubriek.sparknlp.stage import LocalTransformer

LEVELS = ("document", "sentence", "token")
CLASSIFIED = "classified_sequence"


def load(
    request: str = "from_disk",
    path: str | None = None,
    verbose: bool = False,
    gpu: bool = False,
    streamlit_caching: bool = False,
    m1_chip: bool = False,
    *,
    tokenization: str = "sparknlp",
) -> NluPipeline:
    """Load one or more classifiers.

    Parameters
    ----------
    request : str
        References of NLU such as ``"nl.classify.bert.news.finetuned"``, names of models, or paths of models;
        several are separated by spaces.
    path : str, optional
        A saved classifier or pipeline instead.
    verbose, gpu, streamlit_caching, m1_chip
        Accepted, not used.
    tokenization : {"sparknlp", "huggingface"}, default "sparknlp"
        How texts become word pieces: as Spark NLP computes it, or as the model was trained.

    Returns
    -------
    NluPipeline

    Raises
    ------
    ModelNotFoundError, ModelError
        If there is no such model, or it cannot be used.

    Examples
    --------
    >>> from rubriek import nlu
    >>> frame = nlu.load("nl-news").predict(["De Tweede Kamer stemt over de begroting.", "Ajax wint"])
    >>> list(frame.columns)
    ['classified_sequence', 'classified_sequence_confidence', 'document']
    """
    if path is not None:
        found = [("from_disk", _from_disk(path))]
    else:
        found = [(reference, _classifier(reference)) for reference in request.split()]
    if not found:
        raise OptionError("Which model?", expected="a reference, a name or path=", found=repr(request))
    return NluPipeline({name: stage.setTokenization(tokenization) for name, stage in found})


def _classifier(reference: str) -> BertForSequenceClassification:
    try:
        return resources.classifier(reference, None)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"There is no reference or model {reference!r}.",
            expected=f"one of {', '.join(NLU)}; {error.expected or 'or the name of a model'}",
            found=error.found,
            hint=error.hint,
        ) from error


def _from_disk(path: str) -> BertForSequenceClassification:
    from rubriek.sparknlp.formats import read_saved
    from rubriek.sparknlp.saving import local, restored

    stage = restored(read_saved(local(path)))
    stages = list(stage.flat()) if isinstance(stage, PipelineModel) else [stage]
    classifiers = [stage for stage in stages if isinstance(stage, BertForSequenceClassification)]
    if len(classifiers) != 1:
        raise UnsupportedModelError(
            f"What is saved at {path} is no classifier.",
            expected="one BertForSequenceClassification",
            found=", ".join(type(stage).__name__ for stage in stages),
        )
    return classifiers[0]


class NluPipeline:
    """Classifiers that answer with a frame. Made by `load`.

    Parameters
    ----------
    classifiers : dict of str to BertForSequenceClassification
        By reference.
    """

    def __init__(self, classifiers: dict[str, BertForSequenceClassification]) -> None:
        self.classifiers = classifiers

    def predict(
        self,
        data: Any,
        output_level: str = "document",
        positions: bool = False,
        keep_stranger_features: bool = True,
        metadata: bool = False,
        multithread: bool = True,
        drop_irrelevant_cols: bool = True,
        return_spark_df: bool = False,
        get_embeddings: bool = True,
    ) -> Any:
        """Classify texts.

        Parameters
        ----------
        data : str, list, numpy array, column or frame
            Texts; of a frame the column ``text``, else the first. Nothing in it is changed.
        output_level : {"document", "sentence", "token"}, default "document"
            What gets a row. With ``"sentence"`` sentences are classified, else documents.
        positions : bool, default False
            Add where things begin and end, in UTF-16 units, ``end`` inclusive.
        keep_stranger_features : bool, default True
            Keep the other columns of a frame.
        metadata : bool, default False
            Add the score of every class, as ``classified_sequence_confidence_CLASS``.
        multithread, drop_irrelevant_cols, get_embeddings
            Accepted, not used.
        return_spark_df : bool, default False
            With a Spark DataFrame: return one, with the raw annotations.

        Returns
        -------
        frame
            Of Polars for Polars, else of pandas; columns in alphabetical order. The index of a pandas frame
            is kept, repeated where a document has several rows. What could not be classified, such as an
            empty text, is null.

        Raises
        ------
        InputError
            If the data holds no texts.
        OptionError
            If there is no such level.
        """
        if output_level not in LEVELS:
            raise OptionError(
                "There is no such output level.",
                expected=f"one of {', '.join(LEVELS)}",
                found=repr(output_level),
            )
        if type(data).__module__.startswith("pyspark.sql"):
            if return_spark_df:
                return self._transform_spark(data, output_level)
            data = data.toArrow() if hasattr(data, "toArrow") else data.toPandas()
        given = Given(data)
        starts = range(0, max(len(given.texts), 1), frames.ROWS_AT_ONCE)
        parts = [
            self._part(given.texts[at : at + frames.ROWS_AT_ONCE], output_level, positions, metadata)
            for at in starts
        ]
        rows = np.concatenate([at + rows for (rows, _), at in zip(parts, starts, strict=True)])
        columns = {name: [value for _, made in parts for value in made[name]] for name in parts[0][1]}
        return given.frame(columns, rows, keep=keep_stranger_features)

    def _stages(self, level: str, column: str = TEXT) -> list[LocalTransformer]:
        source = "sentence" if level == "sentence" else "document"
        stages: list[LocalTransformer] = [DocumentAssembler().setInputCol(column).setOutputCol("document")]
        if level == "sentence":
            stages.append(SentenceDetector().setInputCols(["document"]).setOutputCol("sentence"))
        stages.append(Tokenizer().setInputCols([source]).setOutputCol("token").model())
        for name, classifier in self._named():
            stage = classifier.copy()
            stages.append(stage.setInputCols([source, "token"]).setOutputCol(name))
        return stages

    def _named(self) -> Iterator[tuple[str, BertForSequenceClassification]]:
        """Return the classifiers and their columns; several are told apart by their references."""
        for reference, classifier in self.classifiers.items():
            short = reference.rpartition("/")[2].replace(".", "_")
            yield CLASSIFIED if len(self.classifiers) == 1 else f"{CLASSIFIED}_{short}", classifier

    def _part(
        self, texts: list[str], level: str, positions: bool, metadata: bool
    ) -> tuple[NDArray[np.int64], dict[str, list[Any]]]:
        """Answer some texts: which text each row belongs to, and the columns."""
        stages = self._stages(level)
        plan = planned(stages, {TEXT: None})
        made = run(stages, TextSource(texts, [TEXT]), plan.known)
        main = made.annotations[level]
        # A text without sentences or tokens keeps a row, empty.
        shown = [
            (row, at)
            for row, (start, stop) in enumerate(main.rows())
            for at in (range(start, stop) or [None])
        ]
        row_of = [row for row, _ in shown]
        by_sentence = level == "sentence"
        wanted = [(row, main.sentences[at] if by_sentence and at is not None else 0) for row, at in shown]
        columns: dict[str, list[Any]] = {}
        _add(columns, level, main, [at for _, at in shown], positions)
        if level != "document":
            _add(columns, "document", made.annotations["document"], row_of, positions)
        for name, classifier in self._named():
            categories = made.annotations[name]
            places = _places(categories, wanted, by_sentence=by_sentence)
            several = classifier.getActivation() == "sigmoid"
            _add(columns, name, categories, [found[0] if found else None for found in places], positions)
            if several:
                columns[name] = [[categories.result[at] for at in found] for found in places]
            scores = categories.metadata.dicts(0, len(categories.result))
            columns[f"{name}_confidence"] = [
                _confidence(categories, scores, found, several=several) for found in places
            ]
            if metadata:
                for label in classifier.getClasses():
                    columns[f"{name}_confidence_{label}"] = [
                        float(scores[found[0]][label] or "nan") if found else None for found in places
                    ]
        return np.array(row_of, dtype=np.int64), columns

    def _transform_spark(self, data: Any, level: str) -> Any:
        column = TEXT if TEXT in data.columns else data.columns[0]
        return PipelineModel(self._stages(level, column)).transform(data)


def _add(
    columns: dict[str, list[Any]],
    name: str,
    made: AnnotationColumn,
    places: Sequence[int | None],
    positions: bool,
) -> None:
    columns[name] = [None if at is None else made.result[at] for at in places]
    if positions:
        columns[f"{name}_begin"] = [None if at is None else made.begin[at] for at in places]
        columns[f"{name}_end"] = [None if at is None else made.end[at] for at in places]


def _places(
    categories: AnnotationColumn, wanted: list[tuple[int, int]], *, by_sentence: bool
) -> list[list[int]]:
    """Find the categories of rows and sentences; by rows alone, the sentence asked for is 0."""
    known: dict[tuple[int, int], list[int]] = {}
    for row, (start, stop) in enumerate(categories.rows()):
        for at in range(start, stop):
            known.setdefault((row, categories.sentences[at] if by_sentence else 0), []).append(at)
    return [known.get(place, []) for place in wanted]


def _confidence(
    categories: AnnotationColumn, scores: list[dict[str, str | None]], found: list[int], *, several: bool
) -> Any:
    values = [float(scores[at][categories.result[at]] or "nan") for at in found]
    return values if several else values[0] if values else None
