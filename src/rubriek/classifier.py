"""The one path from texts to labels."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence, Sized
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rubriek import batching, frames, in_flight, results, text_values
from rubriek.engines.inputs import check_width
from rubriek.errors import OptionError, Worded
from rubriek.options import Options, OptionValues, takes_options
from rubriek.predictions import Prediction, Predictions
from rubriek.prepared import Prepared, refuse_long
from rubriek.progress import followed
from rubriek.scores import activate, pool
from rubriek.statistics import Statistics
from rubriek.tokens import HuggingFaceTokenizer, SpecialIds, Tokenizer, Tokens

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rubriek.engines import Engine
    from rubriek.explaining import Explanation
    from rubriek.models.bundle import Bundle, ProblemType
    from rubriek.spark.labels import Scores


class Classifier:
    """A model, an engine, and the path from texts to labels between them.

    Made by `load`. It may be used from several threads at once, and after a fork.

    Parameters
    ----------
    bundle : Bundle
        The model on disk.
    engine : Engine
        What computes the logits.
    options : Options
        Defaults of every prediction.
    tokenizer : Tokenizer, optional
        What turns texts into token ids. Default: the bundle's own tokenizer.json.

    Examples
    --------
    >>> import rubriek
    >>> classifier = rubriek.load("nl-news", max_length=64)
    >>> classifier.labels[:3]
    ('Binnenland', 'Buitenland', 'Cultuur & Media')
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        options: Options | None = None,
        tokenizer: Tokenizer | None = None,
    ) -> None:
        self.bundle = bundle
        self.engine = engine
        self.options = self._checked(options or Options())
        if tokenizer is None:
            special = SpecialIds(pad=bundle.pad_id, cls=bundle.cls_id, sep=bundle.sep_id)
            tokenizer = HuggingFaceTokenizer(bundle.tokenizer_file, special, threads=engine.threads)
        self.tokenizer: Tokenizer = tokenizer

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels, in its order."""
        return self.bundle.labels

    def __repr__(self) -> str:
        engine = self.engine
        return (
            f"Classifier({self.bundle.name!r}, {len(self.labels)} labels, {engine.name}, {engine.precision}, "
            f"{engine.threads} threads)"
        )

    @overload
    def predict(
        self, data: str, *, progress: bool | None = None, **options: Unpack[OptionValues]
    ) -> Prediction: ...
    @overload
    def predict(
        self,
        data: list[str | None] | list[str] | tuple[str | None, ...],
        *,
        progress: bool | None = None,
        **options: Unpack[OptionValues],
    ) -> Predictions: ...
    @overload
    def predict(
        self,
        data: Any,
        *,
        text_column: Hashable | Sequence[Hashable] | None = None,
        prefix: str = "",
        progress: bool | None = None,
        **options: Unpack[OptionValues],
    ) -> Any: ...
    @takes_options
    def predict(
        self,
        data: Any,
        *,
        text_column: Hashable | Sequence[Hashable] | None = None,
        prefix: str = "",
        progress: bool | None = None,
        **options: Unpack[OptionValues],
    ) -> Any:
        """Classify one text, many, a column, or the texts of a frame.

        Parameters
        ----------
        data : str, iterable of str, numpy array, column or frame
            What to classify. ``None`` and NaN stand for "no text". Nothing in it is changed.
        text_column : name or sequence of names, optional
            Where the texts are in a frame; several columns are joined with a line break. Default: the column
            ``text``, else the only column of strings.
        prefix : str, default ""
            Put before the names of the result columns when they are attached to a frame.
        progress : bool, optional
            Show a bar while it runs. Default: in a notebook, once it has run for two seconds.
        **options
            See `Options`; they override those given to `load`.

        Returns
        -------
        Prediction
            For one string.
        Predictions
            For a list, tuple, iterator or numpy array: a sequence of `Prediction`, and Arrow columns.
        column or frame of the same library
            For a column: a frame of the result columns (with pandas, under the same index). For a frame: the
            same frame with the result columns added on the right.

        Raises
        ------
        InputError, ColumnError
            If no texts are found in the data, or a result column would overwrite one that is there.
        OptionError
            If an option has a value that cannot be used.
        TextTooLongError
            If ``overflow="error"`` and a text is too long.
        EngineError
            If the engine fails.

        Examples
        --------
        >>> import rubriek
        >>> classifier = rubriek.load("nl-news")
        >>> classifier.predict(["Koning opent museum", None])["tokens"].to_pylist()
        [6, None]
        """
        settled = self._settled(options)
        texts = frames.read([data] if isinstance(data, str) else data, text_column, prefix)
        texts.check(results.schema(self.bundle, settled).names)
        statistics = Statistics()
        rows = len(data) if isinstance(data, Sized) else None
        with followed(statistics, rows, wanted=progress):
            result = self._classify(texts.chunks, settled, statistics)
        if texts.attach is not None:
            return texts.attach(result)
        answers = Predictions(result, statistics)
        return answers[0] if isinstance(data, str) else answers

    @takes_options
    def stream(
        self,
        texts: Iterable[str | None],
        *,
        window: int = frames.ROWS_AT_ONCE,
        **options: Unpack[OptionValues],
    ) -> Iterator[Prediction]:
        """Classify texts that come one after the other, without end if need be, in bounded memory.

        Parameters
        ----------
        texts : iterable of str or None
            The texts; read as far ahead as one window.
        window : int, default 16384
            How many texts are sorted by length and packed together. A smaller one answers sooner, a larger
            one wastes less on padding.
        **options
            See `Options`.

        Yields
        ------
        Prediction
            One for each text, in their order.

        Examples
        --------
        >>> import itertools, rubriek
        >>> endless = itertools.repeat("Vuurwerk in Utrecht")
        >>> answers = rubriek.load("nl-news").stream(endless, window=100)
        >>> next(answers).truncated
        False
        """
        settled = self._settled(options)
        if not isinstance(window, int) or window < 1:
            raise OptionError(
                "The option 'window' is out of range.", expected="at least 1 text", found=repr(window)
            )
        return self._stream(texts, window, settled)

    def _stream(self, texts: Iterable[str | None], window: int, options: Options) -> Iterator[Prediction]:
        for chunk in frames.chunked(texts, window):
            yield from Predictions(self._classify([chunk], options, Statistics()), Statistics())

    @takes_options
    def classify(
        self,
        texts: pa.Array | pa.ChunkedArray,
        *,
        statistics: Statistics | None = None,
        **options: Unpack[OptionValues],
    ) -> pa.Table:
        """Classify an Arrow column: the path that every other way of asking goes through.

        Parameters
        ----------
        texts : pyarrow string array
            The texts, null where there is none.
        statistics : Statistics, optional
            Counts and times are added to it, and its ``on_progress`` is called after every batch.
        **options
            See `Options`.

        Returns
        -------
        pyarrow.Table
            A row for each text, with the columns of `rubriek.results.schema`.

        Examples
        --------
        >>> import pyarrow, rubriek
        >>> table = rubriek.load("nl-news").classify(pyarrow.array(["Beurs sluit hoger"]))
        >>> table.column_names
        ['label', 'score', 'scores', 'tokens', 'truncated', 'windows', 'empty']
        """
        options_ = self._settled(options)
        column = text_values.strings(texts, "the column")
        return self._classify([column], options_, Statistics() if statistics is None else statistics)

    @takes_options
    def classify_each(
        self,
        columns: Iterable[tuple[pa.Array | pa.ChunkedArray, Statistics]],
        **options: Unpack[OptionValues],
    ) -> Iterator[pa.Table]:
        """Classify one Arrow column after the other; the engine does not wait while the next one comes.

        Parameters
        ----------
        columns : iterable of (pyarrow string array, Statistics)
            The texts, null where there is none, and where their counts and times are added. Each is tokenised
            whole: its size is the caller's to limit. Read one further than the answers handed out.
        **options
            See `Options`.

        Yields
        ------
        pyarrow.Table
            What `classify` gives, for each column.

        Raises
        ------
        TextTooLongError
            If ``overflow="error"`` and a text is too long; the column before may still be without answers.
        OptionError
            If an option has a value that cannot be used.

        Examples
        --------
        >>> import pyarrow, rubriek
        >>> from rubriek.statistics import Statistics
        >>> days = ["Beurs sluit hoger"], ["Koning opent museum", "Beurs sluit lager"]
        >>> columns = ((pyarrow.array(day), Statistics()) for day in days)
        >>> [table["label"].to_pylist() for table in rubriek.load("nl-news").classify_each(columns)]
        [['Economie'], ['Koningshuis', 'Economie']]
        """
        settled = self._settled(options)
        return self._answered(
            (self._prepare(_whole(texts), settled, statistics), statistics) for texts, statistics in columns
        )

    @takes_options
    def classify_tokens(
        self, tokens: Tokens, *, statistics: Statistics | None = None, **options: Unpack[OptionValues]
    ) -> pa.Table:
        """Classify texts that are token ids already: the same path, entered after its first step.

        Parameters
        ----------
        tokens : Tokens
            The pieces of many texts, whole.
        statistics : Statistics, optional
            As for `classify`.
        **options
            See `Options`.

        Returns
        -------
        pyarrow.Table
            As `classify` gives it; ``empty`` is true where a text has no pieces.

        Examples
        --------
        >>> import pyarrow, rubriek
        >>> classifier = rubriek.load("nl-news")
        >>> tokens = classifier.tokenizer.tokenize(["Beurs sluit hoger"])
        >>> table = classifier.classify_tokens(tokens)
        >>> table.equals(classifier.classify(pyarrow.array(["Beurs sluit hoger"])))
        True
        """
        options_ = self._settled(options)
        counted = Statistics() if statistics is None else statistics
        with counted.timed("pack"):
            distinct, which = tokens.distinct()
            empty = np.diff(distinct.offsets) == 0
        prepared = self._cut(distinct, pa.array(which), empty, options_, counted)
        (answered,) = self._answered([(prepared, counted)])
        return answered

    @takes_options
    def prepare(self, texts: pa.Array | pa.ChunkedArray, **options: Unpack[OptionValues]) -> Prepared:
        """Tokenise and cut texts: the first half of the path, for who runs batches of many callers together.

        Parameters
        ----------
        texts : pyarrow string array
            The texts, null where there is none. All are taken at once: their number is the caller's to limit.
        **options
            See `Options`.

        Returns
        -------
        Prepared
            Sequences to run in any order and in any batches; `finish` takes it with their logits.

        Raises
        ------
        TextTooLongError
            If ``overflow="error"`` and a text is too long.
        OptionError
            If an option has a value that cannot be used.

        Examples
        --------
        >>> import numpy, pyarrow, rubriek
        >>> classifier = rubriek.load("nl-news")
        >>> prepared = classifier.prepare(pyarrow.array(["Beurs sluit hoger", None, "Beurs sluit hoger"]))
        >>> ids, mask = prepared.assemble(numpy.arange(len(prepared)))
        >>> answers = classifier.finish(prepared, classifier.engine.run(ids, mask))
        >>> len(prepared), [answer["label"] for answer in answers]
        (1, ['Economie', None, 'Economie'])
        """
        return self._prepare(_whole(texts), self._settled(options), Statistics())

    def finish(
        self, prepared: Prepared, logits: NDArray[np.float32], *, problem_type: ProblemType | None = None
    ) -> list[dict[str, Any]]:
        """Turn logits into answers: the second half of the path.

        Parameters
        ----------
        prepared : Prepared
            What `prepare` gave.
        logits : ndarray of float32, shape (sequences, labels)
            What the engine gave for its sequences, in their order.
        problem_type : str, optional
            How logits become scores; see `rubriek.scores.activate`. Default: the model's. ``"regression"``
            leaves them as they are.

        Returns
        -------
        list of dict
            The columns of `classify` as plain values, a dictionary for each text; all None where it was null.
        """
        bundle = self.bundle if problem_type is None else replace(self.bundle, problem_type=problem_type)
        options = prepared.options
        answers = results.rows(bundle, options, _answers(prepared, logits, bundle))
        if prepared.rows.null_count:
            answers.append(dict.fromkeys(results.schema(bundle, options).names))
        return [dict(answers[-1 if row is None else row]) for row in prepared.rows.to_pylist()]

    @takes_options
    def explain(
        self, text: str, *, label: str | None = None, spans: int = 128, **options: Unpack[OptionValues]
    ) -> Explanation:
        """Find the words that an answer rests on: each is left out in turn, and the model asked again.

        Parameters
        ----------
        text : str
            The text.
        label : str, optional
            The label to explain. Default: the best one.
        spans : int, default 128
            Most parts of the text to leave out, one at a time. Where there are more words, neighbours share
            one; there are fewer parts still where more than a million pieces would be read altogether.
        **options
            See `Options`.

        Returns
        -------
        Explanation

        Raises
        ------
        InputError
            If ``text`` is no string.
        OptionError
            If the model has no such label, or an option has a value that cannot be used.
        TextTooLongError
            If ``overflow="error"`` and the text is too long.

        Examples
        --------
        >>> import rubriek
        >>> classifier = rubriek.load("nl-news")
        >>> explanation = classifier.explain("De koning opent vrijdag een museum in Assen")
        >>> max(explanation.spans, key=lambda span: span.weight).text
        'koning'
        """
        from rubriek.explaining import occlude

        occlusion = occlude(self, text, self._settled(options), label=label, spans=spans)
        variants = text_values.column(occlusion.variants)
        return occlusion.explained(self.classify(variants, **options).to_pylist())

    @takes_options
    def transform(
        self,
        data: Any,
        text_column: str | Sequence[str] | None = None,
        *,
        output: str = "prediction",
        observe: Any = None,
        distribute: bool = True,
        profile: Any = None,
        scores: Scores = "struct",
        **options: Unpack[OptionValues],
    ) -> Any:
        """Classify the texts of a Spark DataFrame with this classifier: `rubriek.spark.classify`.

        Parameters
        ----------
        data : pyspark.sql.DataFrame
            Of classic Spark or Spark Connect, a batch or a stream.
        text_column, output, observe, distribute, profile, scores
            As for `rubriek.spark.classify`.
        **options
            See `Options`.

        Returns
        -------
        pyspark.sql.DataFrame
            Lazily evaluated, with the column ``output``.

        Raises
        ------
        MissingExtraError
            If pyspark is not installed; and what `rubriek.spark.classify` raises.
        """
        from rubriek.spark import classify

        return classify(
            data,
            text_column,
            model=self,
            output=output,
            observe=observe,
            distribute=distribute,
            profile=profile,
            scores=scores,
            **options,
        )

    def _settled(self, options: OptionValues) -> Options:
        return self._checked(self.options.replaced(options)) if options else self.options

    def _checked(self, options: Options) -> Options:
        longest = (self.bundle.encoder or {}).get("max_positions", self.bundle.max_length)
        if options.max_length is not None and options.max_length > longest:
            raise OptionError(
                f"The model {self.bundle.name!r} cannot read {options.max_length} pieces at once.",
                expected=f"max_length of at most {longest}, the number of positions it has",
                hint=Worded("{} reads longer texts whole", ("overflow", "windows")),
            )
        return options

    def _classify(
        self, columns: Iterable[pa.Array | pa.ChunkedArray], options: Options, statistics: Statistics
    ) -> pa.Table:
        windows = (
            (self._prepare(window, options, statistics), statistics)
            for column in columns
            for window in _windows(column)
        )
        empty = results.schema(self.bundle, options).empty_table()
        return pa.concat_tables([empty, *self._answered(windows)])

    def _answered(self, windows: Iterable[tuple[Prepared, Statistics]]) -> Iterator[pa.Table]:
        for window in in_flight.run(self.engine, windows, len(self.labels)):
            yield self._finish(window.prepared, window.logits, window.statistics)

    def _prepare(self, texts: pa.Array, options: Options, statistics: Statistics) -> Prepared:
        """Tokenise one window: each distinct text once."""
        with statistics.timed("tokenize"):
            encoded = texts.dictionary_encode()
            distinct: list[str] = encoded.dictionary.to_pylist()
            tokens = self.tokenizer.tokenize(distinct)
            empty = np.fromiter((not text.strip() for text in distinct), bool, len(distinct))
        return self._cut(tokens, encoded.indices, empty, options, statistics, distinct)

    def _cut(
        self,
        tokens: Tokens,
        rows: pa.Array,
        empty: NDArray[np.bool_],
        options: Options,
        statistics: Statistics,
        texts: Sequence[str] | None = None,
    ) -> Prepared:
        """Choose what the model reads of distinct texts; the texts serve messages only."""
        length = options.max_length or self.bundle.max_length
        with statistics.timed("pack"):
            counts = np.diff(tokens.offsets) + batching.SPECIAL_TOKENS
            if options.overflow == "error":
                refuse_long(rows, counts, length, texts)
            sequences = batching.cut(
                tokens.offsets,
                max_length=length,
                overflow=options.overflow,
                stride=options.stride,
                side=tokens.truncation_side or self.bundle.truncation_side,
            )
        return Prepared(tokens, sequences, rows, counts, empty, length, options)

    def _finish(self, prepared: Prepared, logits: NDArray[np.float32], statistics: Statistics) -> pa.Table:
        """Give every row its text's answer."""
        with statistics.timed("results"):
            answers = results.table(self.bundle, prepared.options, _answers(prepared, logits, self.bundle))
            answered = answers.take(prepared.rows)
        self._count(answered, statistics, distinct=len(prepared.counts))
        return answered

    def _count(self, answered: pa.Table, statistics: Statistics, *, distinct: int) -> None:
        nulls = answered.column("tokens").null_count
        statistics.documents += answered.num_rows
        statistics.nulls += nulls
        statistics.duplicates += answered.num_rows - nulls - distinct
        statistics.empty += pc.sum(answered.column("empty")).as_py() or 0
        statistics.truncated += pc.sum(answered.column("truncated")).as_py() or 0
        statistics.labels.update(results.counted(answered.column("label")))
        if "labels" in answered.column_names:
            statistics.over_threshold.update(results.counted(pc.list_flatten(answered.column("labels"))))
        statistics.progressed()


def _whole(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    return text_values.strings(texts, "the column").combine_chunks()


def _windows(texts: pa.Array | pa.ChunkedArray) -> Iterator[pa.Array]:
    whole = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
    for start, rows in frames.windows(whole):
        yield pa.concat_arrays(whole.slice(start, rows).chunks)


def _answers(prepared: Prepared, logits: NDArray[np.float32], bundle: Bundle) -> results.Answers:
    counts = prepared.counts
    window_scores = activate(check_width(logits, len(bundle.labels)), bundle.problem_type)
    scores, windows = pool(window_scores, prepared.sequences.text, len(counts))
    truncated = (counts > prepared.length) & (windows == 1)
    return results.Answers(scores, counts, truncated, windows, prepared.empty, window_scores)
