"""The options of a prediction, checked once."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar, cast, get_args, get_type_hints

from rubriek.errors import OptionError, Worded

Overflow: TypeAlias = Literal["truncate", "error", "windows"]
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Options:
    """How texts are read and answered.

    Parameters
    ----------
    max_length : int, optional
        Most pieces of a text that the model sees at once, special tokens included. Default: the bundle's.
    overflow : {"truncate", "error", "windows"}, default "truncate"
        What to do with a text of more pieces: cut it and say so in ``truncated``, raise `TextTooLongError`,
        or read it whole in overlapping windows and average their probabilities.
    stride : int, optional
        With ``overflow="windows"``: how many pieces after the start of a window the next one starts. The last
        window ends with the text. Default: three quarters of a window.
    window_scores : bool, default False
        With ``overflow="windows"``: add the column ``window_scores``.
    top_k : int, optional
        Add the column ``top`` with the ``top_k`` best labels and their scores, best first.
    threshold : float, optional
        Multi-label models: the score from which a label counts, between 0 and 1. Default: the bundle's.
    token_budget : int, optional
        Most positions (rows x longest row) in a batch. Default: the engine's.

    Raises
    ------
    OptionError
        If a value cannot be used.

    Examples
    --------
    >>> Options(max_length=128, overflow="windows").stride is None
    True
    >>> Options(overflow="cut")
    Traceback (most recent call last):
    ...
    rubriek.errors.OptionError: The option 'overflow' has a value that is not known.
      expected: one of truncate, error, windows
      found:    'cut'
    """

    max_length: int | None = None
    overflow: Overflow = "truncate"
    stride: int | None = None
    window_scores: bool = False
    top_k: int | None = None
    threshold: float | None = None
    token_budget: int | None = None

    def __post_init__(self) -> None:
        self._check_whole_number("max_length", least=3)
        self._check_whole_number("stride", least=1)
        self._check_whole_number("top_k", least=1)
        self._check_whole_number("token_budget", least=1)
        if self.overflow not in get_args(Overflow):
            raise OptionError(
                "The option 'overflow' has a value that is not known.",
                expected=f"one of {', '.join(get_args(Overflow))}",
                found=repr(self.overflow),
            )
        for name in ("stride", "window_scores"):
            if getattr(self, name) and self.overflow != "windows":
                raise OptionError(
                    Worded(
                        "The option '{}' means nothing with {}.", (name, None), ("overflow", self.overflow)
                    ),
                    hint=Worded("pass {} as well", ("overflow", "windows")),
                )
        threshold = self.threshold
        if threshold is not None and not (isinstance(threshold, int | float) and 0 <= threshold <= 1):
            raise OptionError(
                "The option 'threshold' is not a score.",
                expected="a number between 0 and 1",
                found=repr(threshold),
            )

    def _check_whole_number(self, name: str, *, least: int) -> None:
        value = getattr(self, name)
        if value is None:
            return
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise OptionError(
                f"The option '{name}' is out of range.",
                expected=f"a whole number of at least {least}",
                found=repr(value),
            )

    def replaced(self, changes: Mapping[str, Any]) -> Options:
        """Return a copy with some options changed.

        Raises
        ------
        OptionError
            If there is no option of that name, or its value cannot be used.

        Examples
        --------
        >>> Options().replaced({"top_k": 3}).top_k
        3
        >>> Options().replaced({"topk": 3})
        Traceback (most recent call last):
        ...
        rubriek.errors.OptionError: There is no option 'topk'.
          expected: one of max_length, overflow, stride, window_scores, top_k, threshold, token_budget
          hint:     did you mean 'top_k'?
        """
        _refuse_unknown(changes, [field.name for field in dataclasses.fields(self)])
        return dataclasses.replace(self, **changes)


def _refuse_unknown(names: Iterable[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise OptionError(
                f"There is no option '{name}'.",
                expected=f"one of {', '.join(known)}",
                hint=f"did you mean '{near[0]}'?" if near else None,
            )


class OptionValues(TypedDict, total=False):
    """The fields of `Options` as keyword arguments, for type checkers and editors."""

    max_length: int | None
    overflow: Overflow
    stride: int | None
    window_scores: bool
    top_k: int | None
    threshold: float | None
    token_budget: int | None


def takes_options(function: Function) -> Function:
    """Name every option in the signature of a function that takes ``**options``.

    So ``help`` and the completion of notebooks list them, while the function itself need not repeat them. A
    name that is neither an option nor a keyword of the function is refused with the nearest of both. An
    option that is left out keeps its default, which depends on where the function stands: it is
    shown as ``...``.

    Examples
    --------
    >>> @takes_options
    ... def predict(data, **options): ...
    >>> list(inspect.signature(predict).parameters)[:4]
    ['data', 'max_length', 'overflow', 'stride']
    """
    signature = inspect.signature(function)
    named = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=..., annotation=kind)
        for name, kind in get_type_hints(OptionValues).items()
    ]
    known = [one.name for one in (*options, *named) if one.kind is one.KEYWORD_ONLY]
    taken = {one.name for one in named}

    @functools.wraps(function)
    def checked(*args: Any, **keywords: Any) -> Any:
        _refuse_unknown((name for name in keywords if name not in taken), known)
        return function(*args, **keywords)

    checked.__signature__ = signature.replace(parameters=[*named, *options])  # type: ignore[attr-defined]
    return cast(Function, checked)
