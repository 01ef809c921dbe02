"""DocumentAssembler: from a column of texts to document annotations."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pyarrow as pa

from rubriek import text_values
from rubriek.errors import OptionError, PipelineError
from rubriek.sparknlp import utf16
from rubriek.sparknlp.annotation import DOCUMENT
from rubriek.sparknlp.annotation_columns import SENTENCE, AnnotationColumn, Mappings, Metadata, SentenceIndex
from rubriek.sparknlp.clean_up import MODES, clean
from rubriek.sparknlp.ml import TypeConverters as Convert
from rubriek.sparknlp.rows import Plan, Rows
from rubriek.sparknlp.stage import LocalTransformer, parameter


class DocumentAssembler(LocalTransformer):
    """Make a document of each text: the first stage of a pipeline.

    A null text becomes an empty document, so that no row is lost. With a column of lists of strings, each
    string is a document.

    Examples
    --------
    >>> import pyarrow as pa
    >>> assembler = DocumentAssembler().setInputCol("text").setOutputCol("document")
    >>> table = assembler.transform(pa.table({"text": ["Ik hou van Spark NLP"]}))
    >>> row = table["document"].to_pylist()[0][0]
    >>> row["begin"], row["end"], row["metadata"]
    (0, 19, [('sentence', '0')])
    """

    UID_PREFIX = "document"
    JVM_CLASS = "com.johnsnowlabs.nlp.DocumentAssembler"
    outputAnnotatorType = DOCUMENT

    inputCol = parameter("inputCol", "the column of texts", Convert.toString)
    outputCol = parameter("outputCol", "the column it makes", Convert.toString)
    idCol = parameter("idCol", "a column whose value goes into the metadata as 'id'", Convert.toString)
    metadataCol = parameter("metadataCol", "a column of maps that go into the metadata", Convert.toString)
    cleanupMode = parameter("cleanupMode", f"how texts are cleaned: {', '.join(MODES)}", Convert.toString)

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(outputCol=DOCUMENT, cleanupMode="disabled")

    def setCleanupMode(self, value: str) -> Self:
        """Set how texts are cleaned.

        Parameters
        ----------
        value : str
            One of ``disabled``, ``inplace``, ``inplace_full``, ``shrink``, ``shrink_full``, ``each``,
            ``each_full``, ``delete_full``; see the migration page for what each does.

        Raises
        ------
        OptionError
            If it is none of them.
        """
        mode = value.strip().lower()
        if mode not in MODES:
            raise OptionError(
                "requirement failed: Clean up mode not supported.",
                expected=f"one of {', '.join(MODES)}",
                found=repr(value),
            )
        return self._set(cleanupMode=mode)

    def plan(self, plan: Plan) -> None:
        """Check that the columns are there."""
        for name in ("inputCol", "idCol", "metadataCol"):
            if self.isSet(name):
                plan.require(self.getOrDefault(name))
            elif name == "inputCol":
                raise PipelineError(
                    f"The stage {self.uid} has no input column.", hint="call .setInputCol('text') on it"
                )
        plan.annotate(self.getOrDefault("outputCol"), DOCUMENT)

    def annotate(self, rows: Rows) -> None:
        """Make the documents of some rows."""
        name = self.getOrDefault("inputCol")
        texts = rows.column(name)
        if pa.types.is_list(texts.type) or pa.types.is_large_list(texts.type):
            lists = [[text or "" for text in row or ()] for row in texts.to_pylist()]
        else:
            lists = [[text or ""] for text in text_values.strings(texts, f"column '{name}'").to_pylist()]
        mode = self.getOrDefault("cleanupMode")
        results = [clean(text, mode) for row in lists for text in row]
        counts = np.fromiter(map(len, lists), np.int64, len(lists))
        index = [place for row in lists for place in range(len(row))]
        rows.annotations[self.getOrDefault("outputCol")] = AnnotationColumn(
            annotator_type=DOCUMENT,
            offsets=[0, *np.cumsum(counts).tolist()],
            begin=[0] * len(results),
            end=[utf16.length(text) - 1 for text in results],
            result=results,
            sentences=index,
            metadata=self._metadata(rows, counts, index),
        )

    def _metadata(self, rows: Rows, counts: Any, index: list[int]) -> Metadata:
        if rows.light:
            return Mappings([{}] * len(index))
        if not (self.isSet("idCol") or self.isSet("metadataCol")):
            return SentenceIndex(index)
        ids = self._values(rows, "idCol")
        extras = self._values(rows, "metadataCol")
        of_row = np.repeat(np.arange(len(counts)), counts).tolist()
        found: list[dict[str, str | None]] = []
        for row, place in zip(of_row, index, strict=True):
            values = {} if extras is None or extras[row] is None else dict(extras[row])
            if ids is not None:
                values["id"] = None if ids[row] is None else str(ids[row])
            found.append({**values, SENTENCE: str(place)})
        return Mappings(found)

    def _values(self, rows: Rows, name: str) -> list[Any] | None:
        return rows.column(self.getOrDefault(name)).to_pylist() if self.isSet(name) else None
