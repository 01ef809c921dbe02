"""Every error rubriek raises on purpose: what was expected, what was found, what to do next."""

from __future__ import annotations

import importlib
from types import ModuleType


class RubriekError(Exception):
    """Base of all errors that rubriek raises on purpose.

    Parameters
    ----------
    message : str
        What went wrong, in one sentence.
    expected, found, hint : str, optional
        What should have been there, what was there instead, and what to do next. Each is printed on a line
        of its own.

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
        self.message = message
        self.expected = expected
        self.found = found
        self.hint = hint
        details = [("expected:", expected), ("found:", found), ("hint:", hint)]
        lines = [f"  {name:<9} {value}" for name, value in details if value is not None]
        super().__init__("\n".join([message, *lines]))

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross process borders (Spark, pools), so they pickle with their parts."""
        return _rebuild, (type(self), self.args, self.__dict__)


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
