"""The annotation: what every annotator gives, as a Python object, a Spark type and an Arrow type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from rubriek.errors import need

DOCUMENT, TOKEN, CATEGORY = "document", "token", "category"

ARROW_TYPE = pa.struct(
    [
        pa.field("annotatorType", pa.string()),
        pa.field("begin", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("result", pa.string()),
        pa.field("metadata", pa.map_(pa.string(), pa.string())),
        pa.field("embeddings", pa.list_(pa.field("element", pa.float32(), nullable=False))),
    ]
)
ARROW_COLUMN = pa.list_(ARROW_TYPE)


class Annotation:
    """What an annotator found: Spark NLP's class of this name, field by field.

    Parameters
    ----------
    annotatorType : str
        ``"document"``, ``"token"``, ``"category"`` ...
    begin, end : int
        Where it stands in the document, in UTF-16 units, ``end`` inclusive.
    result : str
        What was found.
    metadata : dict of str to str
        The index of the sentence, and for categories the score of every label.
    embeddings : list of float
        Empty here.

    Examples
    --------
    >>> Annotation("token", 0, 3, "Kamer", {"sentence": "0"}, [])
    Annotation(token, 0, 3, Kamer, {'sentence': '0'}, [])
    """

    def __init__(
        self,
        annotatorType: str,
        begin: int,
        end: int,
        result: str,
        metadata: Mapping[str, str | None],
        embeddings: Sequence[float],
    ) -> None:
        self.annotatorType = annotatorType
        self.begin = begin
        self.end = end
        self.result = result
        self.metadata = metadata
        self.embeddings = embeddings

    def copy(self, result: str) -> Annotation:
        """Return the same annotation with another result."""
        return Annotation(self.annotatorType, self.begin, self.end, result, self.metadata, self.embeddings)

    def _fields(self) -> tuple[Any, ...]:
        return (
            self.annotatorType,
            self.begin,
            self.end,
            self.result,
            dict(self.metadata),
            list(self.embeddings),
        )

    def __str__(self) -> str:
        return "Annotation({}, {}, {}, {}, {}, {})".format(*self._fields())

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if isinstance(other, Annotation) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @staticmethod
    def dataType() -> Any:
        """Return the Spark type of one annotation, with the nullability that the JVM gives it.

        Raises
        ------
        MissingExtraError
            If pyspark is not installed.
        """
        types = need("pyspark.sql.types", extra="spark", purpose="A Spark type")
        text = types.StringType()
        return types.StructType(
            [
                types.StructField("annotatorType", text, True),
                types.StructField("begin", types.IntegerType(), False),
                types.StructField("end", types.IntegerType(), False),
                types.StructField("result", text, True),
                types.StructField("metadata", types.MapType(text, text, True), True),
                types.StructField("embeddings", types.ArrayType(types.FloatType(), False), True),
            ]
        )

    @staticmethod
    def arrayType() -> Any:
        """Return the Spark type of a column of annotations."""
        types = need("pyspark.sql.types", extra="spark", purpose="A Spark type")
        return types.ArrayType(Annotation.dataType(), True)

    @staticmethod
    def fromRow(row: Any) -> Annotation:
        """Make an annotation of a Spark row of `dataType`."""
        return Annotation(row.annotatorType, row.begin, row.end, row.result, row.metadata, row.embeddings)

    @staticmethod
    def toRow(annotation: Annotation) -> Any:
        """Make a Spark row of `dataType` of an annotation."""
        sql = need("pyspark.sql", extra="spark", purpose="A Spark row")
        names = [field.name for field in ARROW_TYPE]
        return sql.Row(**dict(zip(names, annotation._fields(), strict=True)))
