"""Tokenizer and TokenizerModel: from documents or sentences to token annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from rubriek.errors import FileError, OptionError
from rubriek.sparknlp.annotation import DOCUMENT, TOKEN
from rubriek.sparknlp.annotation_columns import AnnotationColumn, SentenceIndex
from rubriek.sparknlp.ml import TypeConverters as Convert
from rubriek.sparknlp.rows import Rows
from rubriek.sparknlp.stage import Annotator, LocalEstimator, LocalModel, parameter
from rubriek.sparknlp.word_tokens import CONTEXT_CHARS, WordTokenizer, rules


class _TokenizerParams(Annotator):
    """The parameters that Tokenizer and TokenizerModel share."""

    UID_PREFIX = "REGEX_TOKENIZER"
    inputAnnotatorTypes: ClassVar[list[str]] = [DOCUMENT]
    outputAnnotatorType = TOKEN

    targetPattern = parameter(
        "targetPattern", "the Java pattern of what tokens are made of", Convert.toString
    )
    exceptions = parameter("exceptions", "Java patterns of what is never split", Convert.toListString)
    caseSensitiveExceptions = parameter(
        "caseSensitiveExceptions", "whether the case of exceptions counts", Convert.toBoolean
    )
    splitPattern = parameter(
        "splitPattern", "the Java pattern at which tokens are split further", Convert.toString
    )
    splitChars = parameter(
        "splitChars", "characters at which tokens are split further, as Java patterns", Convert.toListString
    )
    minLength = parameter("minLength", "the least length of a token in UTF-16 units", Convert.toInt)
    maxLength = parameter("maxLength", "the greatest length of a token in UTF-16 units", Convert.toInt)

    def setSplitChars(self, value: list[str]) -> Self:
        """Set characters at which tokens are split further.

        Parameters
        ----------
        value : list of str
            Single characters or a backslash and a character. They are read as Java patterns, so that a dot
            splits everywhere and a backslash and a dot splits at dots.

        Raises
        ------
        OptionError
            If one is longer.
        """
        for char in value:
            if len(char) != 1 and not (len(char) == 2 and char[0] == "\\"):
                raise OptionError(
                    "requirement failed: All elements in context chars must have length == 1",
                    found=repr(char),
                )
        return self._set(splitChars=value)

    def addSplitChars(self, value: str) -> Self:
        """Add a character at which tokens are split further."""
        known = self.getOrDefault("splitChars") if self.isDefined("splitChars") else []
        return self.setSplitChars([*known, value])

    def setMinLength(self, value: int) -> Self:
        """Set the least length of a token in UTF-16 units; shorter ones are left out."""
        if value < 0:
            raise OptionError("requirement failed: minLength must be greater equal than 0", found=repr(value))
        return self._set(minLength=value)

    def setMaxLength(self, value: int) -> Self:
        """Set the greatest length of a token in UTF-16 units; longer ones are left out."""
        if value < self.getOrDefault("minLength"):
            raise OptionError(
                "requirement failed: maxLength must be greater equal than minLength", found=repr(value)
            )
        return self._set(maxLength=value)

    def optional(self, name: str) -> Any:
        """Return a parameter's value, None where it has none."""
        return self.getOrDefault(name) if self.isDefined(name) else None


class Tokenizer(_TokenizerParams, LocalEstimator):
    r"""Describe how texts are cut into tokens; ``fit`` gives the `TokenizerModel` that does it.

    Punctuation is taken off both ends of what stands between white space; runs of punctuation stay together;
    nothing is split inside a word. All patterns are Java's.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from rubriek.sparknlp.base import DocumentAssembler, Pipeline
    >>> document = DocumentAssembler().setInputCol("text")
    >>> tokenizer = Tokenizer().setInputCols(["document"]).setOutputCol("token").setSplitChars(["-"])
    >>> data = pa.table({"text": ["Noord-Holland (nu)."]})
    >>> table = Pipeline(stages=[document, tokenizer]).fit(data).transform(data)
    >>> [token["result"] for token in table["token"].to_pylist()[0]]
    ['Noord', 'Holland', '(', 'nu', ').']
    """

    JVM_CLASS = "com.johnsnowlabs.nlp.annotators.Tokenizer"

    contextChars = parameter("contextChars", "characters taken off the ends of tokens", Convert.toListString)
    prefixPattern = parameter(
        "prefixPattern",
        r"the Java pattern, starting with \A, of what is taken off in front",
        Convert.toString,
    )
    suffixPattern = parameter(
        "suffixPattern", r"the Java pattern, ending with \z, of what is taken off behind", Convert.toString
    )
    infixPatterns = parameter(
        "infixPatterns", "Java patterns of what is left; each group is a token", Convert.toListString
    )

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(
            inputCols=[DOCUMENT],
            outputCol=TOKEN,
            targetPattern=r"\S+",
            contextChars=list(CONTEXT_CHARS),
            caseSensitiveExceptions=True,
            minLength=0,
            lazyAnnotator=False,
        )

    def setContextChars(self, value: list[str]) -> Self:
        """Set the characters that are taken off the ends of tokens.

        Raises
        ------
        OptionError
            If one is not a single character.
        """
        for char in value:
            if len(char) != 1:
                raise OptionError(
                    "requirement failed: All elements in context chars must have length == 1",
                    found=repr(char),
                )
        return self._set(contextChars=value)

    def addContextChars(self, value: str) -> Self:
        """Add a character that is taken off the ends of tokens."""
        return self.setContextChars([*self.getOrDefault("contextChars"), value])

    def addInfixPattern(self, value: str) -> Self:
        """Add a pattern in front of the other infix patterns, so that it is tried first."""
        return self._set(infixPatterns=[value, *(self.optional("infixPatterns") or [])])

    def addException(self, value: str) -> Self:
        """Add a Java pattern of what is never split."""
        return self._set(exceptions=[*(self.optional("exceptions") or []), value])

    def setExceptionsPath(
        self, path: str, read_as: str = "TEXT", options: dict[str, str] | None = None
    ) -> Self:
        """Read exceptions from a text file, a pattern a line; they come before those set otherwise.

        Parameters
        ----------
        path : str
            The file, UTF-8.
        read_as, options
            As in Spark NLP; only ``"TEXT"`` has a meaning here.

        Raises
        ------
        FileError
            If it cannot be read.
        """
        if read_as != "TEXT":
            raise OptionError("Exceptions are read as text.", expected="'TEXT'", found=repr(read_as))
        try:
            lines = Path(path.removeprefix("file:")).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise FileError(f"The exceptions cannot be read: {path}.", found=str(error)) from error
        return self._set(exceptions=[*lines, *(self.optional("exceptions") or [])])

    def model(self) -> TokenizerModel:
        """Compile the patterns.

        Raises
        ------
        OptionError
            If a pattern is malformed.
        """
        model = TokenizerModel()
        for name in ("inputCols", "outputCol", "targetPattern", "caseSensitiveExceptions", "minLength"):
            model._set(**{name: self.getOrDefault(name)})
        for name in ("exceptions", "splitPattern", "splitChars", "maxLength"):
            if self.isSet(name):
                model._set(**{name: self.getOrDefault(name)})
        model.rules = rules(
            self.getOrDefault("contextChars"),
            self.optional("prefixPattern"),
            self.optional("infixPatterns"),
            self.optional("suffixPattern"),
        )
        model.words()
        return model._resetUid(self.uid)


class TokenizerModel(_TokenizerParams, LocalModel):
    """Cut documents or sentences into tokens, as a `Tokenizer` describes.

    Attributes
    ----------
    rules : tuple of str
        The Java patterns that take the text between white space apart, tried in order.
    """

    JVM_CLASS = "com.johnsnowlabs.nlp.annotators.TokenizerModel"

    def __init__(self) -> None:
        super().__init__()
        self.rules = rules()
        self._words: WordTokenizer | None = None
        self._setDefault(
            inputCols=[DOCUMENT],
            outputCol=TOKEN,
            targetPattern=r"\S+",
            caseSensitiveExceptions=True,
            minLength=0,
            lazyAnnotator=False,
        )

    @staticmethod
    def pretrained(
        name: str = "token_rules", lang: str = "en", remote_loc: str | None = None
    ) -> TokenizerModel:
        """Load a saved tokenizer by its name. See `BertForSequenceClassification.pretrained`."""
        from rubriek.sparknlp import resources

        return resources.stage(TokenizerModel, name, lang, remote_loc)

    def words(self) -> WordTokenizer:
        """Return the algorithm with this stage's parameters."""
        wanted = WordTokenizer(
            rules=self.rules,
            target_pattern=self.getOrDefault("targetPattern"),
            exceptions=tuple(self.optional("exceptions") or ()),
            case_sensitive_exceptions=self.getOrDefault("caseSensitiveExceptions"),
            split_pattern=self.optional("splitPattern"),
            split_chars=tuple(self.optional("splitChars") or ()),
            min_length=self.getOrDefault("minLength"),
            max_length=self.optional("maxLength"),
        )
        if self._words != wanted:
            wanted.compile()
            self._words = wanted
        assert self._words is not None
        return self._words

    def annotate(self, rows: Rows) -> None:
        """Make the tokens of some rows."""
        (name,) = self.inputs(rows.types)
        documents = rows.annotated(name)
        words = self.words()
        begin: list[int] = []
        end: list[int] = []
        result: list[str] = []
        sentences: list[int] = []
        offsets = [0]
        for start, stop in documents.rows():
            for at in range(start, stop):
                tokens = words.tokenize(documents.result[at], documents.begin[at])
                if tokens:
                    results, begins, ends = zip(*tokens, strict=True)
                    result += results
                    begin += begins
                    end += ends
                sentences += [documents.sentences[at]] * len(tokens)
            offsets.append(len(result))
        rows.annotations[self.output()] = AnnotationColumn(
            TOKEN, offsets, begin, end, result, sentences, SentenceIndex(sentences)
        )
