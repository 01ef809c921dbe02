"""What became of every request, and the figures that follow from it."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any, Literal

Fate = Literal["good", "refused", "failed", "unanswered"]
QUANTILES = (0.5, 0.95, 0.99)
WARM_UP_SHARE = 0.2
"""Of a stage: throughput is counted after it, when the first answers have come and the queue has settled."""


@dataclass(frozen=True)
class Outcome:
    """One request. Times are seconds since the stage began.

    Attributes
    ----------
    text : int
        Which text it asked about.
    intended : float
        When it was to be sent. Latency counts from here: a generator or a connection that is held up by a
        slow service must not hide that.
    sent : float
        When it was sent; NaN if it never was.
    ended : float
        When the answer was whole, or the connection failed; NaN if neither happened before patience ended.
    status : int or None
        None: no answer.
    label : str or None
        The best label of a good answer; None if it is not the answer it should be.
    """

    text: int
    intended: float
    sent: float = math.nan
    ended: float = math.nan
    status: int | None = None
    label: str | None = None

    @property
    def fate(self) -> Fate:
        """What it was: 200 is good, 429 refused, anything else an error; else still waiting at the end."""
        if self.status == HTTPStatus.OK:
            return "good"
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return "refused"
        return "unanswered" if math.isnan(self.ended) else "failed"

    @property
    def latency(self) -> float:
        return self.ended - self.intended


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all do not exceed; NaN of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def drift(samples: Sequence[float], warm_up: float = 0.1) -> float:
    """How much more there is at the end than after the warm-up, as a share.

    The median of the last tenth is compared with that of the tenth after the warm-up, a share of the whole.
    """
    tenth = len(samples) // 10
    if tenth == 0:
        return math.nan
    begin = int(warm_up * len(samples))
    return statistics.median(samples[-tenth:]) / statistics.median(samples[begin : begin + tenth]) - 1


@dataclass
class Stage:
    """One stage of the load, in figures.

    Attributes
    ----------
    name : str
        What the report calls it.
    offered : float or None
        Requests per second; None where clients wait for their answers (closed loop).
    seconds : float
        How long requests were sent.
    fates : dict
        How many requests were good, refused, failed, unanswered. They add up to all that were sent.
    errors : dict
        Of the failed, how many by status; "broken" where the connection ended without an answer.
    throughput : float
        Good answers per second, in texts of average length: the pieces of the texts answered, divided by the
        pieces of the average text. A service that refuses the articles first gains nothing by it.
    latencies : dict
        Of good answers, in seconds, by kind of text (all, headlines, articles): the quantiles in `QUANTILES`.
    checked, wrong : int
        Good answers whose label the local classifier gave, too; those where it gave another.
    late : float
        p99 of the seconds by which requests were sent late: the generator's own fault, and in every latency.
    cpu : dict
        Shares of all cores: service, generator, others.
    memory : list of float
        Resident bytes of the service, sampled evenly from begin to end.
    """

    name: str
    offered: float | None
    seconds: float
    fates: dict[str, int]
    errors: dict[str, int]
    throughput: float
    latencies: dict[str, list[float]]
    checked: int
    wrong: int
    late: float
    cpu: dict[str, float] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return sum(self.fates.values())

    @property
    def lost(self) -> int:
        """Requests that got neither an answer nor a refusal."""
        return self.fates["failed"] + self.fates["unanswered"]

    def latency(self, share: float, kind: str = "all") -> float:
        return self.latencies[kind][QUANTILES.index(share)]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Texts:
    """What is asked, and what is known of it.

    Attributes
    ----------
    texts : list of str
    pieces : list of int
        Of each, as the model reads it.
    labels : list of str
        The local classifier's answers to the first of them; those to the rest are not known.
    longest_headline : int
        Characters; longer texts are articles.
    """

    texts: list[str]
    pieces: list[int]
    labels: list[str]
    longest_headline: int

    @property
    def average_pieces(self) -> float:
        return statistics.fmean(self.pieces)

    def kind(self, text: int) -> str:
        return "headlines" if len(self.texts[text]) <= self.longest_headline else "articles"


def summarise(
    name: str, outcomes: Iterable[Outcome], texts: Texts, *, seconds: float, offered: float | None = None
) -> Stage:
    """Add up a stage. ``seconds``: how long requests were sent."""
    outcomes = list(outcomes)
    good = [outcome for outcome in outcomes if outcome.fate == "good"]
    fates: dict[str, int] = dict.fromkeys(("good", "refused", "failed", "unanswered"), 0)
    for outcome in outcomes:
        fates[outcome.fate] += 1
    # Clients that wait for their answers are all served from the first second to the last.
    begin = WARM_UP_SHARE * seconds if offered is not None else 0.0
    pieces = sum(texts.pieces[one.text] for one in good if begin <= one.ended <= seconds)
    by_kind: dict[str, list[float]] = {"all": [], "headlines": [], "articles": []}
    for one in good:
        by_kind["all"].append(one.latency)
        by_kind[texts.kind(one.text)].append(one.latency)
    return Stage(
        name,
        offered,
        seconds,
        fates,
        dict(Counter(str(one.status or "broken") for one in outcomes if one.fate == "failed")),
        pieces / texts.average_pieces / (seconds - begin),
        {kind: [quantile(values, share) for share in QUANTILES] for kind, values in by_kind.items()},
        checked=sum(one.text < len(texts.labels) for one in good),
        wrong=sum(one.text < len(texts.labels) and one.label != texts.labels[one.text] for one in good),
        late=quantile([one.sent - one.intended for one in outcomes if not math.isnan(one.sent)], 0.99),
    )


def best_label(body: bytes) -> str | None:
    """The best label of an answer of /predict: a list of labels with scores. None if it is none."""
    try:
        entries = json.loads(body)
        return str(max(entries, key=lambda entry: entry["score"])["label"])
    except (ValueError, TypeError, KeyError):
        return None
