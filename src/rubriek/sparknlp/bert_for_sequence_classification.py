"""BertForSequenceClassification: from documents or sentences and their tokens to categories."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from rubriek.errors import OptionError, PipelineError
from rubriek.spark import worker
from rubriek.sparknlp.annotation import CATEGORY, DOCUMENT, TOKEN
from rubriek.sparknlp.categories import categories, coalesce, link
from rubriek.sparknlp.ml import TypeConverters as Convert
from rubriek.sparknlp.rows import Rows
from rubriek.sparknlp.stage import Annotator, LocalModel, parameter
from rubriek.sparknlp.tokenization import SparkNlpTokenizer
from rubriek.tokens import Tokens

if TYPE_CHECKING:
    from rubriek.classifier import Classifier
    from rubriek.models.bundle import Bundle, ProblemType

TOKENIZATIONS = ("sparknlp", "huggingface")
LONGEST = 512


def _unchanged(value: Any) -> Any:
    return value


class BertForSequenceClassification(Annotator, LocalModel):
    """Classify documents or sentences with a fine-tuned BERT.

    Made by `pretrained`, `load`, `loadSavedModel` or `of`. The label of the highest score becomes a
    ``category`` annotation; its metadata holds the scores of all labels.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from rubriek.sparknlp.base import DocumentAssembler, Pipeline
    >>> from rubriek.sparknlp.annotator import Tokenizer
    >>> document = DocumentAssembler().setInputCol("text")
    >>> classifier = BertForSequenceClassification.pretrained("nl-news", "nl")
    >>> classifier = classifier.setInputCols(["document", "token"]).setOutputCol("class")
    >>> pipeline = Pipeline(stages=[document, Tokenizer(), classifier])
    >>> data = pa.table({"text": ["De Tweede Kamer stemt over het voorstel van het kabinet."]})
    >>> pipeline.fit(data).transform(data)["class"].to_pylist()[0][0]["result"]
    'Politiek'
    """

    UID_PREFIX = "BERT_FOR_SEQUENCE_CLASSIFICATION"
    JVM_CLASS = "com.johnsnowlabs.nlp.annotators.classifier.dl.BertForSequenceClassification"
    inputAnnotatorTypes: ClassVar[list[str]] = [DOCUMENT, TOKEN]
    outputAnnotatorType = CATEGORY

    batchSize = parameter(
        "batchSize", "Spark NLP's size of a batch; here batches follow from a budget of tokens", Convert.toInt
    )
    maxSentenceLength = parameter(
        "maxSentenceLength", "most pieces the model reads, special tokens included", Convert.toInt
    )
    caseSensitive = parameter("caseSensitive", "whether case counts", Convert.toBoolean)
    coalesceSentences = parameter(
        "coalesceSentences", "whether the scores of a row's sentences are averaged", Convert.toBoolean
    )
    activation = parameter("activation", "'softmax' or 'sigmoid'", Convert.toString)
    multilabel = parameter(
        "multilabel",
        "kept for compatibility: in Python it changes nothing, activation does",
        Convert.toBoolean,
    )
    threshold = parameter("threshold", "with sigmoid: the score above which a label counts", Convert.toFloat)
    engine = parameter("engine", "what computes", Convert.toString)
    configProtoBytes = parameter("configProtoBytes", "for TensorFlow only; not used", _unchanged)
    tokenization = parameter(
        "tokenization",
        "'sparknlp': exactly as Spark NLP; 'huggingface': as the model was trained",
        Convert.toString,
    )
    idZeroMask = parameter(
        "idZeroMask", "whether pieces of id 0 are hidden from the model, as Spark NLP does", Convert.toBoolean
    )

    def __init__(self) -> None:
        super().__init__()
        self.bundle: Bundle | None = None
        self._setDefault(
            batchSize=8,
            maxSentenceLength=128,
            caseSensitive=True,
            coalesceSentences=False,
            activation="softmax",
            multilabel=False,
            threshold=0.5,
            engine="onnx",
            lazyAnnotator=False,
            tokenization="sparknlp",
            idZeroMask=True,
        )

    @classmethod
    def of(cls, bundle: Bundle) -> BertForSequenceClassification:
        """Make a stage of a model of rubriek.

        Parameters
        ----------
        bundle : Bundle
            The model.
        """
        stage = cls()
        stage.bundle = bundle
        return stage

    @staticmethod
    def pretrained(
        name: str = "bert_base_sequence_classifier_imdb", lang: str = "en", remote_loc: str | None = None
    ) -> BertForSequenceClassification:
        """Load a model by its name: from rubriek itself, from the cache, or from the hub.

        Parameters
        ----------
        name : str
            As on the model's card.
        lang : str, default "en"
            Its language.
        remote_loc : str, optional
            A folder of the hub.

        Raises
        ------
        ModelNotFoundError
            If there is no such model.
        """
        from rubriek.sparknlp.resources import classifier

        return classifier(name, lang, remote_loc)

    @staticmethod
    def loadSavedModel(folder: str, spark_session: Any = None) -> BertForSequenceClassification:
        """Load an exported model: a folder with model.onnx, assets/vocab.txt and assets/labels.txt.

        Parameters
        ----------
        folder : str
            The folder.
        spark_session
            Not used; Spark NLP needs it.

        Raises
        ------
        ModelError
            If something is missing; with Spark NLP's words.
        """
        from rubriek.sparknlp.resources import exported

        return exported(folder)

    def getClasses(self) -> list[str]:
        """Return the labels, in the model's order (Spark NLP's order is arbitrary)."""
        return list(self._bundle().labels)

    def setBatchSize(self, value: int) -> Self:
        """Set Spark NLP's size of a batch; here it changes nothing."""
        if value <= 0:
            raise OptionError("requirement failed: batchSize must be greater than 0", found=repr(value))
        return self._set(batchSize=value)

    def setMaxSentenceLength(self, value: int) -> Self:
        """Set the most pieces that the model reads, special tokens included.

        Raises
        ------
        OptionError
            If it is not between 1 and 512.
        """
        if not 1 <= value <= LONGEST:
            raise OptionError(
                "requirement failed: BERT models do not support sequences longer than 512 because of "
                "trainable positional embeddings."
                if value > LONGEST
                else "requirement failed: The maxSentenceLength must be at least 1",
                expected="1 to 512 pieces, special tokens included",
                found=repr(value),
            )
        return self._set(maxSentenceLength=value)

    def setThreshold(self, value: float) -> Self:
        """Set the score above which a label counts, with the activation sigmoid.

        It takes effect at once; in Spark NLP it takes none after the model is loaded.

        Raises
        ------
        OptionError
            If it is no number between 0 and 1.
        """
        if not 0 <= value <= 1:
            raise OptionError("The threshold is not a score.", expected="0 to 1", found=repr(value))
        return self._set(threshold=float(value))

    def setTokenization(self, value: str) -> Self:
        """Choose how texts become word pieces.

        Parameters
        ----------
        value : {"sparknlp", "huggingface"}
            ``"sparknlp"`` computes what Spark NLP computes: of each token only what stands before the first
            punctuation, accents stripped. ``"huggingface"`` reads the text as the model was trained to.

        Raises
        ------
        OptionError
            If it is neither.
        """
        if value not in TOKENIZATIONS:
            raise OptionError(
                "There is no such tokenisation.",
                expected=f"one of {', '.join(TOKENIZATIONS)}",
                found=repr(value),
            )
        return self._set(tokenization=value)

    def annotate(self, rows: Rows) -> None:
        """Make the categories of some rows."""
        document, token = self.inputs(rows.types)
        documents = rows.annotated(document)
        tokens = rows.annotated(token)
        sentences, places = link(documents, tokens)
        if self.getOrDefault("tokenization") == "huggingface":
            texts = [documents.result[at] for at in sentences.annotation.tolist()]
            pieces = self._classifier().tokenizer.tokenize(texts)
        else:
            result = tokens.result
            pieces = self._sparknlp().encode([result[at] for at in inside] for inside in places)
        scores = self._scores(pieces)
        if self.getOrDefault("coalesceSentences"):
            scores, sentences = coalesce(scores, sentences)
        rows.annotations[self.output()] = categories(
            documents,
            sentences,
            scores,
            self._bundle().labels,
            threshold=self.getOrDefault("threshold") if self._sigmoid() else None,
        )

    def _scores(self, pieces: Tokens) -> NDArray[np.float32]:
        labels = self._bundle().labels
        if len(pieces.offsets) == 1:
            return np.zeros((0, len(labels)), np.float32)
        length = self.getOrDefault("maxSentenceLength")
        if length < 3:  # nothing but [CLS] and [SEP] is read
            pieces = replace(pieces, ids=pieces.ids[:0], offsets=np.zeros_like(pieces.offsets))
        answers = self._classifier().classify_tokens(pieces, max_length=max(length, 3))
        scores = answers["scores"].combine_chunks()
        return np.column_stack([column.to_numpy() for column in scores.flatten()])

    def _bundle(self) -> Bundle:
        if self.bundle is None:
            raise PipelineError(
                f"The stage {self.uid} has no model.",
                hint=".pretrained(name, lang), .load(path) or .loadSavedModel(folder) make one with a model",
            )
        return self.bundle

    def _sigmoid(self) -> bool:
        return bool(self.getOrDefault("activation") == "sigmoid")

    def _classifier(self) -> Classifier:
        return _classifier(self._bundle().folder, self._sigmoid(), worker.task_threads())

    def _sparknlp(self) -> SparkNlpTokenizer:
        return _tokenizer(
            self._bundle().folder, self.getOrDefault("caseSensitive"), self.getOrDefault("idZeroMask")
        )


# A stage travels to Spark's workers without its network and its vocabulary; each process opens them once.


@lru_cache(maxsize=8)
def _classifier(folder: Path, sigmoid: bool, threads: int | None) -> Classifier:
    from rubriek.classifier import Classifier
    from rubriek.models.bundle import Bundle

    bundle = Bundle.open(folder)
    problem_type: ProblemType = "multi_label_classification" if sigmoid else "single_label_classification"
    engine = worker.open_once(folder, None, None, threads)
    return Classifier(replace(bundle, problem_type=problem_type), engine)


@lru_cache(maxsize=8)
def _tokenizer(folder: Path, case_sensitive: bool, id_zero_mask: bool) -> SparkNlpTokenizer:
    from rubriek.models.bundle import Bundle

    return SparkNlpTokenizer(Bundle.open(folder), case_sensitive=case_sensitive, id_zero_mask=id_zero_mask)
