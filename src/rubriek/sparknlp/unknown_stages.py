"""What is said where a stage of Spark NLP is imported that is not here."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from rubriek.errors import UnknownStageError


def refusing(module: str, here: list[str]) -> Callable[[str], NoReturn]:
    """Make the ``__getattr__`` of a module that has some of the stages of Spark NLP's.

    Parameters
    ----------
    module : str
        Its name.
    here : list of str
        What it exports.

    Returns
    -------
    callable
        Raises `UnknownStageError` for names of classes, and `AttributeError` for others, as tools expect that
        look at modules.
    """

    def __getattr__(name: str) -> NoReturn:
        if not name[:1].isupper():
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise UnknownStageError(
            f"{module} has no {name}.",
            expected=f"one of {', '.join(here)}",
            hint="docs/migration.md says what of Spark NLP is here, and what takes the place of the rest",
        )

    return __getattr__
