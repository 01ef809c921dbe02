"""Every error rubriek raises on purpose: what was expected, what was found, what to do next."""

from __future__ import annotations

import importlib
from types import ModuleType

MAX_CHARACTERS = 1_000
"""Characters of each part of an error. What it shows often comes out of a file, which may hold megabytes."""


class Worded(str):
    r"""A text that names options as Python does, and holds beside it the words of the command line.

    Parameters
    ----------
    form : str
        The text, with ``{}`` where an option stands.
    *options : (str, str or None)
        The options: name and value; None stands for any value.

    Attributes
    ----------
    command : str
        The same for the command line.

    Examples
    --------
    >>> hint = Worded("{} reads longer texts whole", ("overflow", "windows"))
    >>> print(hint, hint.command, sep="\n")
    overflow='windows' reads longer texts whole
    --overflow windows reads longer texts whole
    """

    command: str

    def __new__(cls, form: str, *options: tuple[str, str | None]) -> Worded:
        """Word a text in both ways."""
        if not options:  # unpickling hands over the finished text
            return super().__new__(cls, form)
        python = (name if value is None else f"{name}={value!r}" for name, value in options)
        named = super().__new__(cls, form.format(*python))
        flags = (f"--{name.replace('_', '-')}" + (f" {value}" if value else "") for name, value in options)
        named.command = form.format(*flags)
        return named


class RubriekError(Exception):
    """Base of all errors that rubriek raises on purpose.

    Parameters
    ----------
    message : str
        What went wrong, in one sentence.
    expected, found, hint : str, optional
        What should have been there, what was there instead, and what to do next. Each is printed on a line
        of its own. Of each the first 1,000 characters are kept.

    Examples
    --------
    >>> print(RubriekError("No such column.", expected="text", found="body", hint="pass text_column='body'"))
    No such column.
      expected: text
      found:    body
      hint:     pass text_column='body'
    """

    def __init__(
        self, message: str, *, expected: str | None = None, found: str | None = None, hint: str | None = None
    ) -> None:
        self.message = _cut(message)
        self.expected, self.found, self.hint = (
            None if part is None else _cut(part) for part in (expected, found, hint)
        )
        super().__init__(_laid_out(self.message, self.expected, self.found, self.hint))

    @property
    def for_command(self) -> str:
        """The whole message with options named as the command line names them; nothing else is changed."""
        parts = (self.message, self.expected, self.found, self.hint)
        message, *details = (getattr(part, "command", part) for part in parts)
        return _laid_out(str(message), *details)

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process borders (Spark, pools), so they pickle with their parts."""
        return _rebuild, (type(self), self.args, self.__dict__)


def _cut(text: str) -> str:
    rest = len(text) - MAX_CHARACTERS
    return text if rest <= 0 else f"{text[:MAX_CHARACTERS]}… ({rest:,} more characters)"


def _laid_out(message: str, expected: str | None, found: str | None, hint: str | None) -> str:
    details = [("expected:", expected), ("found:", found), ("hint:", hint)]
    return "\n".join([message, *(f"  {name:<9} {value}" for name, value in details if value is not None)])


def _rebuild(kind: type[RubriekError], args: tuple[object, ...], state: dict[str, object]) -> RubriekError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class RubriekWarning(UserWarning):
    """Something was decided that the caller may want to know, though the result is right."""


class MissingExtraError(RubriekError, ImportError):
    """A feature was used whose optional dependency is not installed."""


class OptionError(RubriekError, ValueError):
    """An option has a value that cannot be used."""


class InputError(RubriekError, TypeError):
    """The data handed over is of a kind that holds no texts."""


class ColumnError(RubriekError, KeyError):
    """A column is missing, of the wrong type, or would be overwritten."""

    __str__ = Exception.__str__


class PipelineError(RubriekError, ValueError, TypeError):
    """The stages of a pipeline do not fit together, or not the data."""


class UnknownStageError(RubriekError, ImportError):
    """Spark NLP has a stage of that name, or another version of it has; `rubriek.sparknlp` does not."""


class TextTooLongError(RubriekError, ValueError):
    """A text has more pieces than the model takes and ``overflow="error"`` was asked for."""


class ModelError(RubriekError):
    """A model cannot be used; the base of the errors below."""


class ModelNotFoundError(ModelError, FileNotFoundError):
    """No model of that name or at that path."""

    __str__ = Exception.__str__


class UnsupportedModelError(ModelError):
    """The model is whole, but of a kind that rubriek does not run."""


class BundleError(ModelError):
    """A bundle is incomplete, contradicts itself, or does not match its checksums."""


class WeightsError(ModelError):
    """A weight file is missing, truncated, corrupt, unsafe, or contradicts config.json."""


class TokenizerError(ModelError):
    """The tokenizer's files are missing or contradict the model."""


class SavedModelError(ModelError):
    """A model or pipeline saved by Spark NLP is incomplete, corrupt, or holds what none holds."""


class AgreementError(ModelError):
    """A lower precision does not agree with fp32 as often as asked for."""


class DownloadError(ModelError):
    """A model or a catalogue cannot be fetched: the network, the server or what it sent."""


class OfflineError(DownloadError):
    """The network would be needed and ``RUBRIEK_OFFLINE`` forbids it."""


class CatalogueError(DownloadError):
    """What should be the catalogue of a hub is none."""


class CardError(ModelError):
    """A model card is not one, or breaks a limit."""


class PublishingError(ModelError):
    """A hub cannot be written."""


class CacheError(ModelError):
    """The cache cannot be read or written: it is full, read-only or damaged."""


class EngineError(RubriekError):
    """An engine cannot run the model, or not in the precision asked for."""


class FileError(RubriekError):
    """A file cannot be read or written as asked."""


class MalformedRowError(FileError):
    """A row of an input file cannot be read; file, line and cause are in the message."""


class JobError(RubriekError):
    """A job cannot start or go on: its output, manifest or input changed under it."""


class ServiceError(RubriekError):
    """The HTTP service cannot start."""


def need(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    Parameters
    ----------
    module : str
        The module to import, e.g. ``"onnx"``.
    extra : str
        The extra of rubriek that installs it, e.g. ``"models"``.
    purpose : str
        What it is needed for, e.g. ``"Importing a Hugging Face model"``.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingExtraError
        If it is not installed; the message holds the exact pip line.

    Examples
    --------
    >>> need("json", extra="models", purpose="Reading JSON").__name__
    'json'
    >>> need("absent", extra="models", purpose="Importing a model")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    rubriek.errors.MissingExtraError: Importing a model needs the package 'absent', which is not installed.
      hint:     pip install ...[models]...
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        from rubriek.installation import install_line

        raise MissingExtraError(
            f"{purpose} needs the package '{module.partition('.')[0]}', which is not installed.",
            hint=install_line(extra),
        ) from error
