"""Results or an error of rubriek's own come out, whatever goes in: the dtypes of all libraries, one test."""

from __future__ import annotations

import datetime
import decimal
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from rubriek import nlu
from rubriek.classifier import Classifier
from rubriek.errors import RubriekError
from rubriek.sparknlp.annotator import BertForSequenceClassification, Tokenizer
from rubriek.sparknlp.base import DocumentAssembler, LightPipeline, Pipeline
from test_classifier import SumEngine


def damaged(ends: list[int], data: bytes) -> pa.Array:
    """A column of strings, made of memory that holds none."""
    places = pa.array(ends, pa.int32()).buffers()[1]
    return pa.Array.from_buffers(pa.string(), len(ends) - 1, [None, places, pa.py_buffer(data)])


DAY = datetime.datetime(2026, 1, 2, 3, 4)
VALUES = {
    "text": ["koning", "", None],
    "bytes": [b"koning", b"\xff", None],
    "numbers": [1, 0, None],
    "fractions": [1.5, float("nan"), None],
    "nothing": [None, None, None],
    "only NaN": [float("nan")] * 3,
    "booleans": [True, False, None],
    "days": [DAY.date(), None, DAY.date()],
    "times": [DAY, None, DAY],
    "hours": [DAY.time(), None, DAY.time()],
    "spans of time": [DAY - DAY, None, DAY - DAY],
    "decimals": [decimal.Decimal("1.50"), None, decimal.Decimal(2)],
    "lists": [["koning"], [], None],
    "structs": [{"a": "koning"}, {"a": None}, None],
}
ARROW = [pa.array(values) for values in VALUES.values()] + [
    pa.array(VALUES["text"], pa.large_string()),
    pa.array(VALUES["text"], pa.string_view()),
    pa.array(VALUES["text"]).dictionary_encode(),
    pa.DictionaryArray.from_arrays(pa.array([0, None, 1]), pa.array(["a", "b"], pa.string_view())),
    pa.DictionaryArray.from_arrays(pa.array([0, None, 1]), pa.array([b"a", b"b"])),
    pa.RunEndEncodedArray.from_arrays([2, 3], pa.array(["koning", None])),
    pa.RunEndEncodedArray.from_arrays([2, 3], pa.array([1, None])),
    pa.array(VALUES["bytes"], pa.binary_view()),
    pa.array(VALUES["bytes"], pa.large_binary()),
    pa.array([b"ab", None, b"cd"], pa.binary(2)),
    pa.array([[("a", "b")], None, []], pa.map_(pa.string(), pa.string())),
    pa.array([1, None, 2], pa.float16()),
    pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", None, "[]"])),
    pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"x" * 16, None, b"y" * 16], pa.binary(16))),
    pa.UnionArray.from_sparse(pa.array([0, 1, 0], pa.int8()), [pa.array(list("abc")), pa.array([1, 2, 3])]),
    damaged([0, 1, 2, 3], b"a\xffb"),  # no UTF-8
    damaged([0, 9999, 1, 3], b"abc"),  # an end beyond the last byte
]
POLARS = [pl.Series("c", values, strict=False) for values in VALUES.values()] + [
    pl.Series("c", VALUES["text"], dtype=pl.Categorical),
    pl.Series("c", VALUES["text"], dtype=pl.Enum(["koning", ""])),
    pl.Series("c", [object(), "koning", None], dtype=pl.Object),
    pl.Series("c", [1, None, 2], dtype=pl.Int128),
    pl.Series("c", [[1, 2], None, [3, 4]], dtype=pl.Array(pl.Int8, 2)),
]
PANDAS = [pd.Series(values, dtype=object) for values in VALUES.values()] + [
    pd.Series(VALUES["text"], dtype="string[python]"),
    pd.Series(VALUES["text"], dtype="string[pyarrow]"),
    pd.Series(["\ud800", "b", None], dtype="string[python]"),
    pd.Series(["a", 1, None], dtype="category"),
    pd.Series(["a", "b", None], dtype="category"),
    pd.Series([np.nan] * 3, dtype="category"),
    pd.Series([1.5, 2.5, np.nan], dtype="category"),
    pd.Series(["koning", 1, None], dtype=object),
    pd.Series(["koning", np.ones(3), None], dtype=object),
    pd.Series(["koning", "\ud800", None], dtype=object),
    pd.Series([np.nan] * 3),
    pd.Series([1, None, 2], dtype="Int64"),
    pd.Series([True, None, False], dtype="boolean"),
    pd.Series([1j, 2j, 3j]),
    pd.Series(["a", "b", "c"], dtype=pd.SparseDtype(object)),
    pd.Series([1.0, np.nan, np.nan], dtype="Sparse[float]"),
    pd.Series(pd.period_range("2026", periods=3, freq="D")),
    pd.Series(pd.interval_range(0, 3)),
    pd.Series(pd.date_range("2026", periods=3, tz="Europe/Amsterdam")),
    pd.Series(pd.to_timedelta([1, 2, None])),
    *(pd.Series(array.to_pandas(), dtype=object) for array in ARROW[:14]),
    *(pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([array]))) for array in ARROW[:25]),
]


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Capsule:
    def __init__(self, data) -> None:
        self._data = data

    def __arrow_c_stream__(self, requested_schema=None):
        return self._data.__arrow_c_stream__(requested_schema)


@dataclass
class Drawn:
    """Data with a ``repr`` that cannot fail; that of some pandas columns does."""

    data: object

    def __repr__(self) -> str:
        try:
            return f"{type(self.data)} {self.data!r}"
        except Exception as error:
            return f"{type(self.data)} {getattr(self.data, 'dtype', '')} ({type(error).__name__} when shown)"


NAMES = st.sampled_from(["text", "c", "d", "", "label", 0, 1, True, ("c", 1), "c,d", None, 1.5, DAY, b"c"])
text_columns = st.one_of(
    NAMES, st.lists(NAMES, max_size=3), st.just([["c"]]), st.just(np.array(["c", "d"])), st.just({"c"})
)
things = st.one_of(
    st.none(),
    st.text(st.characters(), max_size=3),
    st.just("\ud800"),
    st.floats(),
    st.decimals() | st.just(decimal.Decimal("sNaN")),
    st.binary(max_size=3),
    st.sampled_from([pd.NA, pd.NaT, np.datetime64("NaT"), np.str_("x"), np.ones(2), np.ma.masked, object()]),
    st.sampled_from([["x"], {"x": 1}, ("x",), Unprintable(), pa.scalar("x"), pa.scalar(None), pa.scalar(1)]),
)
numpy_arrays = st.one_of(
    stn.arrays(
        stn.scalar_dtypes() | stn.unicode_string_dtypes() | stn.byte_string_dtypes() | stn.array_dtypes(),
        st.integers(0, 3) | st.just((2, 2)) | st.just(()),
    ),
    st.lists(things, max_size=3).map(lambda values: objects(values)),
    st.just(np.array(["koning", "x", "y"], dtype=np.dtypes.StringDType())),
    st.just(np.ma.masked_array(["a", "b"], mask=[True, False])),
    st.just(np.full(3, np.nan)),
)
pandas_names = st.lists(NAMES, min_size=2, max_size=2).map(
    # a tuple among other names would make several levels of them
    lambda names: pd.Index(names, tupleize_cols=False, dtype=object)
)


def objects(values: list) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    for at, value in enumerate(values):
        array[at] = value
    return array


def pandas_frame(left: pd.Series, right: pd.Series, names: pd.Index) -> pd.DataFrame:
    frame = pd.DataFrame({0: left, 1: right})
    return frame.set_axis(names, axis=1)


arrow_tables = st.builds(
    lambda left, right, names: pa.Table.from_arrays([left, right], names=names),
    st.sampled_from(ARROW),
    st.sampled_from(ARROW),
    st.lists(st.sampled_from(["text", "c", "d", "", "label"]), min_size=2, max_size=2),
)
datas = st.one_of(
    st.sampled_from(ARROW),
    st.sampled_from(ARROW).map(lambda array: pa.chunked_array([array])),
    st.sampled_from(ARROW).map(lambda array: Capsule(pa.chunked_array([array]))),
    arrow_tables,
    arrow_tables.map(Capsule),
    st.just(pa.table({}))
    | st.just(Capsule(pa.table({})))
    | st.just(pd.DataFrame())
    | st.just(pl.DataFrame()),
    st.sampled_from(POLARS),
    st.builds(
        lambda left, right, name: pl.DataFrame([left.alias(name), right.alias("d")]),
        st.sampled_from(POLARS),
        st.sampled_from(POLARS),
        st.sampled_from(["text", "c", "", "label"]),
    ),
    st.sampled_from(PANDAS),
    st.builds(pandas_frame, st.sampled_from(PANDAS), st.sampled_from(PANDAS), pandas_names),
    st.builds(
        pandas_frame,
        st.sampled_from(PANDAS),
        st.sampled_from(PANDAS),
        st.just(pd.MultiIndex.from_tuples([("c", 1), ("label", "x")])),
    ),
    numpy_arrays,
    st.lists(things, max_size=4),
    st.lists(things, max_size=4).map(iter),
    things,
)


@pytest.fixture(scope="module")
def classifier(tiny_a) -> Classifier:
    return Classifier(tiny_a, SumEngine(len(tiny_a.labels)))


def rows_of(data) -> int | None:
    if isinstance(data, pa.Table | pa.RecordBatch):
        return data.num_rows
    return len(data) if hasattr(data, "__len__") else None


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=datas.map(Drawn), text_column=st.none() | text_columns)
def test_results_or_an_error_of_ours(classifier, drawn, text_column):
    result, message = None, ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of numpy, about the values drawn
        try:
            result = classifier.predict(drawn.data, text_column=text_column)
        except RubriekError as error:
            message = str(error)
    assert len(message) < 2000
    if message:
        return
    rows = rows_of(drawn.data)
    assert isinstance(drawn.data, str) or rows is None or rows_of(result) == rows


@pytest.fixture(scope="module", params=["nlu", "pipeline", "light pipeline"])
def other_face(request, tiny_a):
    """Another way in, as a function of any data."""
    if request.param == "nlu":
        return nlu.load(str(tiny_a.folder)).predict
    stages = [
        DocumentAssembler().setInputCol("text").setOutputCol("document"),
        Tokenizer().setInputCols(["document"]).setOutputCol("token"),
        BertForSequenceClassification.of(tiny_a).setInputCols(["document", "token"]).setOutputCol("class"),
    ]
    model = Pipeline(stages=stages).fit(pd.DataFrame({"text": ["koning"]}))
    return model.transform if request.param == "pipeline" else LightPipeline(model).annotate


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=datas.map(Drawn))
def test_other_faces_end_likewise(other_face, drawn):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert other_face(drawn.data) is not None
        except RubriekError as error:
            message = str(error)
        else:
            message = ""
    assert len(message) < 2000


@pytest.mark.parametrize(
    "data",
    [
        pa.RunEndEncodedArray.from_arrays([2, 3], pa.array(["koning", None])),
        pa.ExtensionArray.from_storage(pa.json_(), pa.array(["koning", "koning", None])),
        pd.Series(["koning", "koning", None], dtype=pd.SparseDtype(object)),
        pd.Series(["koning", "koning", None], dtype="category"),
        np.array(["koning", "koning", None], dtype=object),
        [np.str_("koning"), pa.scalar("koning"), decimal.Decimal("sNaN")],
    ],
    ids=lambda data: f"{type(data).__name__}",
)
def test_odd_forms_of_text_are_read(classifier, data):
    windows = pd.Series(classifier.predict(data)["windows"].to_numpy(), dtype=object)
    assert [None if pd.isna(value) else value for value in windows] == [1, 1, None]


def test_memory_that_was_declared_to_be_text_is_refused(classifier):
    with pytest.raises(RubriekError, match="numpy array holds no texts"):
        classifier.predict(np.array([0x110000, 65], np.uint32).view("U1"))
