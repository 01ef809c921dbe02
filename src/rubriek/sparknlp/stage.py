"""What all stages share: names and types of columns, setters, and the two ways of being run."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from rubriek.errors import PipelineError
from rubriek.sparknlp.ml import Estimator, MLReadable, MLWritable, Model, Param, Params, Transformer
from rubriek.sparknlp.ml import TypeConverters as Convert
from rubriek.sparknlp.rows import Plan, Rows
from rubriek.sparknlp.saving import Writer, load

if TYPE_CHECKING:
    from rubriek.models.bundle import Bundle

StageType = TypeVar("StageType", bound="Stage")


def parameter(name: str, doc: str, convert: Callable[[Any], Any]) -> Param:
    """Declare a parameter of a class of stages."""
    return Param(Params._dummy(), name, doc, convert)


class Stage(Params, MLWritable, MLReadable):
    """A part of a pipeline.

    For every parameter ``x`` that a class declares there are ``setX(value)``, which returns the stage, and
    ``getX()``, as in Spark NLP.
    """

    UID_PREFIX: ClassVar[str]
    JVM_CLASS: ClassVar[str]
    """The class in the metadata of what is saved."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Setters and getters of parameters."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, value in list(vars(cls).items()):
            if isinstance(value, Param):
                title = name[0].upper() + name[1:]
                for accessor in (_setter(value, f"set{title}"), _getter(value, f"get{title}")):
                    if not hasattr(cls, accessor.__name__):
                        setattr(cls, accessor.__name__, accessor)

    @classmethod
    def _randomUID(cls) -> str:
        return f"{cls.UID_PREFIX}_{uuid.uuid4().hex[-12:]}"

    def plan(self, plan: Plan) -> None:
        """Check the columns of the data, and name those that this stage makes.

        Raises
        ------
        PipelineError, ColumnError
            If the columns are not there, or are not what the stage needs.
        """
        raise NotImplementedError

    def write(self) -> Writer:
        """Return a writer: ``stage.write().overwrite().save(path)``."""
        return Writer(self)

    def save(self, path: str) -> None:
        """Save the stage as Spark NLP does; nothing is overwritten.

        Parameters
        ----------
        path : str
            The folder to make.
        """
        self.write().save(path)

    @classmethod
    def load(cls: type[StageType], path: str) -> StageType:
        """Load a stage of this class, saved here or by Spark NLP.

        Parameters
        ----------
        path : str
            A folder, or a zip as the Models Hub serves it.

        Raises
        ------
        ModelError
            If it is no saved stage, or one of another class.
        """
        return load(path, cls)

    @classmethod
    def read(cls: type[StageType]) -> type[StageType]:
        """Return what loads stages of this class: ``cls.read().load(path)``."""
        return cls


def _setter(param: Param, name: str) -> Callable[..., Any]:
    def setter(self: Any, value: Any) -> Any:
        return self._set(**{param.name: value})

    setter.__name__, setter.__doc__ = name, f"Set {param.doc}."
    return setter


def _getter(param: Param, name: str) -> Callable[..., Any]:
    def getter(self: Any) -> Any:
        return self.getOrDefault(param.name)

    getter.__name__, getter.__doc__ = name, f"Return {param.doc}."
    return getter


class LocalTransformer(Stage, Transformer):
    """A stage that changes data: pandas, Polars, Arrow and Spark DataFrames.

    Attributes
    ----------
    bundle : Bundle, optional
        The model it runs, where it runs one; workers of Spark find it in a place of their own.
    """

    bundle: Bundle | None = None

    def annotate(self, rows: Rows) -> None:
        """Make this stage's columns of some rows."""
        raise NotImplementedError

    def _transform(self, dataset: Any) -> Any:
        from rubriek.sparknlp.running import transform

        return transform([self], dataset)


class LocalModel(LocalTransformer, Model):
    """A stage that changes data and that an estimator, or a file, gave."""


class LocalEstimator(Stage, Estimator):
    """A stage that becomes a model. None of Spark NLP's looked at here learns from the data."""

    def model(self) -> LocalModel:
        """Return the model."""
        raise NotImplementedError

    def _fit(self, dataset: Any) -> LocalModel:
        return self.model()


class Annotator(Stage):
    """A stage that makes annotations of annotations.

    Attributes
    ----------
    inputAnnotatorTypes : list of str
        What annotations it needs; its input columns are told apart by this, not by their order.
    outputAnnotatorType : str
        What annotations it makes.
    """

    inputAnnotatorTypes: ClassVar[list[str]]
    outputAnnotatorType: ClassVar[str]

    inputCols = parameter("inputCols", "the columns of annotations it reads", Convert.toListString)
    outputCol = parameter("outputCol", "the column it makes", Convert.toString)
    lazyAnnotator = parameter(
        "lazyAnnotator", "whether a RecursivePipeline runs it only on demand", Convert.toBoolean
    )

    def setInputCols(self, *value: Any) -> Self:
        """Set the columns of annotations it reads.

        Parameters
        ----------
        *value : str or list of str
            As many as it has input types.

        Raises
        ------
        TypeError
            If there are too many or too few.
        """
        names = list(value[0]) if len(value) == 1 and isinstance(value[0], list | tuple) else list(value)
        if len(names) != len(self.inputAnnotatorTypes):
            raise PipelineError(
                f"setInputCols in {self.uid} expecting {len(self.inputAnnotatorTypes)} columns. Provided "
                f"column amount: {len(names)}. Which should be columns from the following annotators: "
                f"{self.inputAnnotatorTypes}"
            )
        return self._set(inputCols=names)

    def plan(self, plan: Plan) -> None:
        """Check that the columns hold the annotations it needs, and name the one it makes."""
        self.inputs(plan.types)
        plan.annotate(self.output(), self.outputAnnotatorType)

    def output(self) -> str:
        """Return the name of the column it makes."""
        if not self.isDefined("outputCol"):
            raise PipelineError(
                f"The stage {self.uid} has no output column.", hint="call .setOutputCol('...') on it"
            )
        name: str = self.getOrDefault("outputCol")
        return name

    def inputs(self, types: dict[str, str | None]) -> list[str]:
        """Find the input columns by the annotations they hold.

        Parameters
        ----------
        types : dict of str to str or None
            All columns and what annotations they hold.

        Returns
        -------
        list of str
            One for each of `inputAnnotatorTypes`.

        Raises
        ------
        PipelineError
            If one is missing or holds others.
        """
        if not self.isDefined("inputCols"):
            raise PipelineError(
                f"The stage {self.uid} has no input columns.", hint="call .setInputCols([...]) on it"
            )
        named = self.getOrDefault("inputCols")
        found = [
            next((name for name in named if types.get(name) == wanted), None)
            for wanted in self.inputAnnotatorTypes
        ]
        if None in found or not all(name in types for name in named):
            raise self._wrong_inputs(named, types)
        return [name for name in found if name is not None]

    def _wrong_inputs(self, named: list[str], types: dict[str, str | None]) -> PipelineError:
        missing = [kind for kind in self.inputAnnotatorTypes if kind not in {types.get(n) for n in named}]
        listed = [
            f"column_name={name},is_nlp_annotator={str(kind is not None).lower()}"
            + (f",type={kind}" if kind else "")
            for name, kind in types.items()
        ]
        candidates = [f"{name!r} ({kind})" for name, kind in types.items() if kind in missing]
        return PipelineError(
            f"requirement failed: Wrong or missing inputCols annotators in {self.uid}.\n\n"
            f"Current inputCols: {','.join(named)}. Dataset's columns:\n"
            + "\n".join(f"({line})" for line in listed)
            + ".\nMake sure such annotators exist in your pipeline, with the right output names and that "
            f"they have following annotator types: {', '.join(self.inputAnnotatorTypes)}",
            hint=f"there is {', '.join(candidates)}: name it in setInputCols"
            if candidates
            else f"put a stage that makes {' and '.join(missing) or 'these columns'} before this one",
        )
