"""SentenceDetector: from documents to sentences, by rules."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from rubriek.errors import OptionError
from rubriek.sparknlp import utf16
from rubriek.sparknlp.annotation import DOCUMENT
from rubriek.sparknlp.annotation_columns import AnnotationColumn, SentenceIndex
from rubriek.sparknlp.ml import TypeConverters as Convert
from rubriek.sparknlp.rows import Rows
from rubriek.sparknlp.sentence_bounds import STRATEGIES, Sentence, SentenceRules, split_long
from rubriek.sparknlp.stage import Annotator, LocalTransformer, parameter


class SentenceDetector(Annotator, LocalTransformer):
    """Cut documents into sentences, by the rules of Spark NLP's detector of this name.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from rubriek.sparknlp.base import DocumentAssembler, Pipeline
    >>> sentences = SentenceDetector().setInputCols(["document"]).setOutputCol("sentence")
    >>> pipeline = Pipeline(stages=[DocumentAssembler().setInputCol("text"), sentences])
    >>> data = pa.table({"text": ["Eén zin. Nog een!"]})
    >>> row = pipeline.fit(data).transform(data)["sentence"].to_pylist()[0]
    >>> [(sentence["result"], sentence["begin"], sentence["end"]) for sentence in row]
    [('Eén zin.', 0, 7), ('Nog een!', 9, 16)]
    """

    UID_PREFIX = "SENTENCE"
    JVM_CLASS = "com.johnsnowlabs.nlp.annotators.sbd.pragmatic.SentenceDetector"
    inputAnnotatorTypes: ClassVar[list[str]] = [DOCUMENT]
    outputAnnotatorType = DOCUMENT

    useAbbreviations = parameter(
        "useAbbreviations", "whether the dots of known abbreviations end nothing", Convert.toBoolean
    )
    detectLists = parameter("detectLists", "whether items of lists start sentences", Convert.toBoolean)
    useCustomBoundsOnly = parameter(
        "useCustomBoundsOnly", "whether nothing but customBounds ends a sentence", Convert.toBoolean
    )
    customBounds = parameter("customBounds", "Java patterns that end sentences too", Convert.toListString)
    customBoundsStrategy = parameter(
        "customBoundsStrategy", f"what becomes of a custom bound: {', '.join(STRATEGIES)}", Convert.toString
    )
    explodeSentences = parameter("explodeSentences", "whether each sentence gets a row", Convert.toBoolean)
    splitLength = parameter("splitLength", "the length from which sentences are cut", Convert.toInt)
    minLength = parameter("minLength", "the least length of a sentence in UTF-16 units", Convert.toInt)
    maxLength = parameter("maxLength", "the greatest length of a sentence in UTF-16 units", Convert.toInt)

    def __init__(self) -> None:
        super().__init__()
        self._rules = SentenceRules()
        self._setDefault(
            inputCols=[DOCUMENT],
            outputCol="sentence",
            useAbbreviations=True,
            detectLists=True,
            useCustomBoundsOnly=False,
            customBounds=[],
            customBoundsStrategy="none",
            explodeSentences=False,
            minLength=0,
            maxLength=99999,
            lazyAnnotator=False,
        )

    def setCustomBoundsStrategy(self, value: str) -> Self:
        """Set what becomes of a custom bound.

        Parameters
        ----------
        value : {"none", "prepend", "append"}
            It is left out, or starts the next sentence, or ends its own.

        Raises
        ------
        OptionError
            If it is none of them.
        """
        if value not in STRATEGIES:
            raise OptionError(
                "There is no such strategy.", expected=f"one of {', '.join(STRATEGIES)}", found=repr(value)
            )
        return self._set(customBoundsStrategy=value)

    def annotate(self, rows: Rows) -> None:
        """Make the sentences of some rows."""
        (name,) = self.inputs(rows.types)
        documents = rows.annotated(name)
        self._settle()
        found = [
            [sentence for at in range(start, stop) for sentence in self._sentences(documents.result[at])]
            for start, stop in documents.rows()
        ]
        if self.getOrDefault("explodeSentences"):
            counts = [len(sentences) for sentences in found]
            rows.explode(np.repeat(np.arange(len(counts), dtype=np.int64), counts))
            groups = [[(place, sentence)] for sentences in found for place, sentence in enumerate(sentences)]
        else:
            groups = [list(enumerate(sentences)) for sentences in found]
        flat = [item for group in groups for item in group]
        index = [place for place, _ in flat]
        rows.annotations[self.output()] = AnnotationColumn(
            annotator_type=DOCUMENT,
            offsets=[0, *np.cumsum([len(group) for group in groups], dtype=np.int64).tolist()],
            begin=[sentence.begin for _, sentence in flat],
            end=[sentence.end for _, sentence in flat],
            result=[sentence.result for _, sentence in flat],
            sentences=index,
            metadata=SentenceIndex(index),
        )

    def _settle(self) -> None:
        """Take over the parameters; patterns are compiled once for each setting."""
        wanted = SentenceRules(
            abbreviations=self.getOrDefault("useAbbreviations"),
            lists=self.getOrDefault("detectLists"),
            bounds=tuple(self.getOrDefault("customBounds")),
            bounds_only=self.getOrDefault("useCustomBoundsOnly"),
            strategy=self.getOrDefault("customBoundsStrategy"),
        )
        if wanted != self._rules:
            self._rules = wanted

    def _sentences(self, text: str) -> list[Sentence]:
        found = list(self._rules.sentences(text))
        if self.isSet("splitLength"):
            found = [part for sentence in found for part in self._cut(sentence)]
        least, most = self.getOrDefault("minLength"), self.getOrDefault("maxLength")
        return [sentence for sentence in found if least <= utf16.length(sentence.result) <= most]

    def _cut(self, sentence: Sentence) -> list[Sentence]:
        parts = []
        begin = sentence.begin
        for part in split_long(sentence.result, self.getOrDefault("splitLength")):
            end = begin + utf16.length(part) - 1
            if part:
                parts.append(Sentence(part, begin, end))
            begin = end + 2
        return parts
