"""What the stages need of ``pyspark.ml`` where pyspark is not installed: the same names, the same behaviour.

Only what a stage inherits: parameters with defaults, ``fit`` and ``transform`` with extra parameters. See
`rubriek.sparknlp.ml` for which of the two is used.
"""

from __future__ import annotations

import copy as copying
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Self = TypeVar("Self", bound="Params")


class Param:
    """A parameter of a class of stages, or of one stage."""

    def __init__(
        self,
        parent: Any,
        name: str,
        doc: str,
        typeConverter: Callable[[Any], Any] | None = None,
    ) -> None:
        self.parent = parent if isinstance(parent, str) else parent.uid
        self.name = name
        self.doc = doc
        self.typeConverter = typeConverter or (lambda value: value)

    def __repr__(self) -> str:
        return f"{self.parent}__{self.name}"

    def __hash__(self) -> int:
        return hash(repr(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Param) and repr(self) == repr(other)


class TypeConverters:
    """Checks of the types of values, with pyspark's kind of error."""

    @staticmethod
    def toString(value: Any) -> Any:
        """Accept a string."""
        return _checked(value, str, "string")

    @staticmethod
    def toBoolean(value: Any) -> Any:
        """Accept a bool."""
        return _checked(value, bool, "bool")

    @staticmethod
    def toInt(value: Any) -> Any:
        """Accept a whole number."""
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return _checked(value, int, "int")

    @staticmethod
    def toFloat(value: Any) -> Any:
        """Accept a number."""
        return float(_checked(value, int | float, "float"))

    @staticmethod
    def toListString(value: Any) -> Any:
        """Accept a list or tuple of strings."""
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return list(value)
        raise TypeError(f"Could not convert {value!r} to list of strings")


def _checked(value: Any, kind: Any, name: str) -> Any:
    if isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
        return value
    raise TypeError(f"Could not convert {value!r} to {name}")


class Params:
    """Parameters: what was set, and defaults."""

    def __init__(self) -> None:
        self.uid = self._randomUID()
        self._paramMap: dict[Param, Any] = {}
        self._defaultParamMap: dict[Param, Any] = {}
        for name, param in self._class_params():
            setattr(self, name, Param(self, param.name, param.doc, param.typeConverter))

    @classmethod
    def _class_params(cls) -> list[tuple[str, Param]]:
        found = [(name, getattr(cls, name, None)) for name in dir(cls) if name != "params"]
        return [(name, value) for name, value in found if isinstance(value, Param)]

    @classmethod
    def _randomUID(cls) -> str:
        return f"{cls.__name__}_{uuid.uuid4().hex[-12:]}"

    @staticmethod
    def _dummy() -> Params:
        dummy = Params.__new__(Params)
        dummy.uid = "undefined"
        return dummy

    def __repr__(self) -> str:
        return self.uid

    @property
    def params(self) -> list[Param]:
        """All parameters, by name."""
        return [getattr(self, name) for name, _ in self._class_params()]

    def getParam(self, paramName: str) -> Param:
        """Return a parameter by its name."""
        found = getattr(self, paramName, None)
        if isinstance(found, Param):
            return found
        raise ValueError(f"Cannot find param with name {paramName}.")

    def hasParam(self, paramName: str) -> bool:
        """Whether there is a parameter of that name."""
        return isinstance(getattr(self, paramName, None), Param)

    def isSet(self, param: str | Param) -> bool:
        """Whether it was set."""
        return self._resolveParam(param) in self._paramMap

    def hasDefault(self, param: str | Param) -> bool:
        """Whether it has a default."""
        return self._resolveParam(param) in self._defaultParamMap

    def isDefined(self, param: str | Param) -> bool:
        """Whether it was set or has a default."""
        return self.isSet(param) or self.hasDefault(param)

    def getOrDefault(self, param: str | Param) -> Any:
        """Return what was set, or the default."""
        resolved = self._resolveParam(param)
        return self._paramMap[resolved] if resolved in self._paramMap else self._defaultParamMap[resolved]

    def explainParam(self, param: str | Param) -> str:
        """Describe a parameter and its value."""
        resolved = self._resolveParam(param)
        values = [
            f"{label}: {known[resolved]}"
            for label, known in (("default", self._defaultParamMap), ("current", self._paramMap))
            if resolved in known
        ]
        return f"{resolved.name}: {resolved.doc} ({', '.join(values) or 'undefined'})"

    def explainParams(self) -> str:
        """Describe all parameters."""
        return "\n".join(self.explainParam(param) for param in self.params)

    def extractParamMap(self, extra: Mapping[Param, Any] | None = None) -> dict[Param, Any]:
        """Return defaults, overridden by what was set, overridden by what is given."""
        return {**self._defaultParamMap, **self._paramMap, **(extra or {})}

    def copy(self: Self, extra: Mapping[Param, Any] | None = None) -> Self:
        """Return a copy with the same uid, and with extra parameters set."""
        that = copying.copy(self)
        own = {param: value for param, value in (extra or {}).items() if param.parent == self.uid}
        that._paramMap = {**self._paramMap, **own}
        that._defaultParamMap = dict(self._defaultParamMap)
        return that

    def set(self, param: Param, value: Any) -> None:
        """Set a parameter."""
        self._set(**{self._resolveParam(param).name: value})

    def clear(self, param: Param) -> None:
        """Forget what was set."""
        self._paramMap.pop(self._resolveParam(param), None)

    def _set(self: Self, **values: Any) -> Self:
        for name, value in values.items():
            if value is not None:
                param = self.getParam(name)
                try:
                    self._paramMap[param] = param.typeConverter(value)
                except TypeError as error:
                    raise TypeError(f'Invalid param value given for param "{name}". {error}') from error
        return self

    def _setDefault(self: Self, **values: Any) -> Self:
        for name, value in values.items():
            self._defaultParamMap[self.getParam(name)] = value
        return self

    def _resolveParam(self, param: str | Param) -> Param:
        return self.getParam(param if isinstance(param, str) else param.name)

    def _resetUid(self: Self, newUid: str) -> Self:
        # Parameters are keyed by the uid of their stage.
        set_, defaults = self._paramMap, self._defaultParamMap
        self.uid = newUid
        for name, param in self._class_params():
            setattr(self, name, Param(self, param.name, param.doc, param.typeConverter))
        self._paramMap = {self.getParam(param.name): value for param, value in set_.items()}
        self._defaultParamMap = {self.getParam(param.name): value for param, value in defaults.items()}
        return self


class Transformer(Params):
    """What changes data."""

    def transform(self, dataset: Any, params: Mapping[Param, Any] | None = None) -> Any:
        """Return the data with the columns of this stage; parameters given here hold for this call only."""
        return (self.copy(params) if params else self)._transform(dataset)

    def _transform(self, dataset: Any) -> Any:
        raise NotImplementedError


class Estimator(Params):
    """What becomes a model."""

    def fit(self, dataset: Any, params: Mapping[Param, Any] | None = None) -> Any:
        """Return the model; parameters given here hold for this call only."""
        return (self.copy(params) if params else self)._fit(dataset)

    def _fit(self, dataset: Any) -> Any:
        raise NotImplementedError


class Model(Transformer):
    """What an estimator became."""


class MLWritable:
    """What can be saved."""


class MLReadable:
    """What can be loaded."""
