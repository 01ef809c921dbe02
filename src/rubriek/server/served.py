"""The models a service answers with, by name; each with an engine, a queue and threads of its own."""

from __future__ import annotations

import difflib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rubriek.server import memory
from rubriek.server.introduction import introduce
from rubriek.server.problems import Problem
from rubriek.server.requests import shown
from rubriek.server.scheduler import Scheduler
from rubriek.server.tickets import Observer

if TYPE_CHECKING:
    from rubriek.classifier import Classifier
    from rubriek.server.limits import Limits

log = logging.getLogger("rubriek.server")

WARM_UP = "Het weer: morgen is het overal zonnig."


class Served:
    """A model under its name.

    Parameters
    ----------
    name : str
        What clients call it.
    classifier : Classifier
        What answers.
    limits : Limits
        How much may wait.
    observer : Observer, optional
        Is told of batches.
    """

    def __init__(
        self, name: str, classifier: Classifier, limits: Limits, observer: Observer | None = None
    ) -> None:
        self.name = name
        self.classifier = classifier
        self.loaded = datetime.now(UTC)
        self._introduction = introduce(classifier.bundle)
        self._users = 0
        self._free = threading.Condition()
        self._warm_up()
        self.scheduler = Scheduler(
            classifier.engine,
            len(classifier.labels),
            limit=limits.queue_tokens,
            token_budget=classifier.options.token_budget,
            cache=limits.cache,
            observer=observer,
        )

    def use(self) -> None:
        """Begin a request: the model is kept for its time, whatever takes its place meanwhile."""
        with self._free:
            self._users += 1

    def leave(self) -> None:
        """End a request."""
        with self._free:
            self._users -= 1
            self._free.notify_all()

    def retire(self) -> None:
        """Wait for the requests that use it, finish what waits, and end its threads."""
        with self._free:
            self._free.wait_for(lambda: self._users == 0)
        self.scheduler.close()

    def _warm_up(self) -> None:
        """Answer one text, then many, so that no client waits for a session to be made."""
        self.classifier.predict(WARM_UP)
        self.classifier.predict([f"{WARM_UP} {number}" for number in range(self.classifier.engine.parallel)])

    def about(self) -> dict[str, Any]:
        """Say what clients may want to know."""
        bundle, engine = self.classifier.bundle, self.classifier.engine
        return {
            "name": self.name,
            "labels": list(bundle.labels),
            "problem_type": bundle.problem_type,
            "threshold": self._threshold(),
            "max_length": self.classifier.options.max_length or bundle.max_length,
            "precision": engine.precision,
            "engine": engine.name,
            "threads": engine.threads,
            "loaded": self.loaded.isoformat(timespec="seconds"),
            **self._introduction,
        }

    def _threshold(self) -> float | list[float] | None:
        """Return the score from which a label counts, for all labels or for each; None if just one counts."""
        bundle, asked = self.classifier.bundle, self.classifier.options.threshold
        if bundle.problem_type != "multi_label_classification":
            return None
        threshold = bundle.threshold if asked is None else asked
        return list(threshold) if isinstance(threshold, tuple) else threshold


class Models:
    """All models of a service; the first is the one that answers when none is named.

    Parameters
    ----------
    serve : callable
        Makes a `Served` of a name and a classifier.
    """

    def __init__(self, serve: Callable[[str, Classifier], Served]) -> None:
        self._serve = serve
        self._served: dict[str, Served] = {}
        self._replacing = threading.Lock()
        self._swapping = threading.Lock()

    def __iter__(self) -> Iterator[Served]:
        return iter(list(self._served.values()))

    def get(self, name: str | None) -> Served:
        """Find a model.

        Raises
        ------
        Problem
            If there is none of that name.
        """
        if name is None:
            return next(iter(self._served.values()))
        found = self._served.get(name)
        if found is None:
            near = difflib.get_close_matches(name[:100], self._served, n=1)
            raise Problem(
                404,
                "NotFound",
                "There is no such model here.",
                expected=f"one of {', '.join(self._served)}",
                found=shown(name),
                hint=f"did you mean '{near[0]}'?" if near else "GET /v1/models lists them",
            )
        return found

    @contextmanager
    def using(self, name: str) -> Iterator[Served]:
        """Keep a model for the time of a request; see `get`."""
        with self._swapping:
            served = self.get(name)
            served.use()
        try:
            yield served
        finally:
            served.leave()

    def replace(self, classifiers: Mapping[str, Classifier]) -> None:
        """Answer with other models from now on; what the old ones have taken on they finish.

        The new ones are warm before the first request meets them. If one fails, nothing changes.
        """
        with self._replacing:
            new: dict[str, Served] = {}
            try:
                for name, classifier in classifiers.items():
                    new[name] = self._serve(name, classifier)
            except Exception:
                for served in new.values():
                    served.scheduler.close()
                raise
            with self._swapping:
                old, self._served = self._served, new
        for served in old.values():
            threading.Thread(target=_retire, args=(served,), name="rubriek-retire", daemon=True).start()

    def close(self) -> None:
        """Finish what waits, and end."""
        for served in self:
            served.retire()


def _retire(served: Served) -> None:
    served.retire()
    memory.give_back()
