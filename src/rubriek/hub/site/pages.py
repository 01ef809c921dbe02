"""What the pages of a site show: a card as plain values, for the templates."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field

from rubriek.hub.card_parts import prose, read_examples, read_facts, read_links
from rubriek.hub.cards import Card
from rubriek.hub.describing import ANNOTATOR, TEXT
from rubriek.hub.queries import Found
from rubriek.hub.references import LANGUAGE, SparkNlpName
from rubriek.hub.site.markdown import as_html, is_address
from rubriek.models.record import NAME

SHOWN_ELSEWHERE = {"description", "predicted entities", "how to use", "model information"}
CODE = {"python": "Python", "scala": "Scala", "java": "Java", "nlu": "NLU", "text": "Text"}
BUTTONS = {"demo": "Live demo", "colab": "Open in Colab", "download": "Download"}
LONGEST_SLUG = 120


@dataclass(frozen=True)
class Page:
    """A card's page.

    Attributes
    ----------
    found : Found
        What the list shows of it.
    front : dict of str to str
        Author, date, edition and so on, by the name to show.
    description : str
        HTML.
    labels : tuple of str
        As text.
    labels_html : str
        HTML of a section of labels that is more than a list of them.
    links : dict of str to str
        Addresses by the title of the button.
    s3 : str
        The address to copy.
    rubriek, code : dict of str to str
        Snippets by the title of the tab: for rubriek, and the card's own.
    use : str
        HTML of what else stands under "How to use".
    facts : dict of str to str
        The table of facts.
    notes : str
        HTML of what else stands there.
    sections : list of (str, str)
        The other sections: title and HTML.
    """

    found: Found
    front: dict[str, str]
    description: str
    labels: tuple[str, ...]
    labels_html: str
    links: dict[str, str]
    s3: str
    rubriek: dict[str, str]
    code: dict[str, str]
    use: str
    facts: dict[str, str]
    notes: str
    sections: list[tuple[str, str]] = field(default_factory=list)


def page_of(card: Card, found: Found) -> Page:
    """Make the page of a card.

    Parameters
    ----------
    card : Card
        The card.
    found : Found
        The same card in the index.

    Returns
    -------
    Page
    """
    text = "\n\n".join(part.text for part in card.sections)
    links = read_links(text)
    entities, use, facts = map(card.section, ("Predicted Entities", "How to use", "Model Information"))
    plain = not re.sub(r"`+[^`]+`+|[,\s]", "", prose(entities))
    front = {
        name.capitalize(): card.text(name) for name in ("author", "date", "edition", "engine", "license")
    }
    return Page(
        found=found,
        front={name: value for name, value in front.items() if value},
        description=as_html("\n\n".join(filter(None, [card.opening, prose(card.section("Description"))]))),
        labels=found.labels if plain else (),
        labels_html="" if plain else as_html(prose(entities)),
        links={
            title: getattr(links, kind) for kind, title in BUTTONS.items() if is_address(getattr(links, kind))
        },
        s3=links.s3 if is_address(links.s3) else "",
        rubriek=_snippets(found, published=bool(links.s3 or links.download or found.edition)),
        code={CODE.get(name, name.capitalize()): code for name, code in read_examples(use).items()},
        use=as_html(prose(use, without="code")),
        facts={name: value for name, value in read_facts(facts).items() if value != found.name},
        notes=as_html(prose(facts, without="tables")),
        sections=[
            (part.title, as_html(prose(part.text)))
            for part in card.sections
            if part.title.lower() not in SHOWN_ELSEWHERE
        ],
    )


def _snippets(found: Found, *, published: bool) -> dict[str, str]:
    """Return how rubriek uses a model, where it does; what is pasted into a shell is quoted for it."""
    if (
        found.annotator != ANNOTATOR
        or not NAME.fullmatch(found.name)
        or not LANGUAGE.fullmatch(found.language)
    ):
        return {}
    model = str(SparkNlpName(found.name, found.language)) if published else found.name
    text = TEXT.get(found.language, "I love Spark NLP")
    body = json.dumps({"text": text}, ensure_ascii=False)
    return {
        "Python": f"import rubriek\n\nclassifier = rubriek.load({json.dumps(model)})\n"
        f"answer = classifier.predict({json.dumps(text, ensure_ascii=False)})\n"
        "print(answer.label, answer.score)",
        "CLI": f"rubriek classify texts.csv --model {shlex.quote(model)} -o labels.csv",
        "HTTP": f"rubriek serve --model {shlex.quote(model)}\n\n# and in another terminal\n"
        f"curl http://127.0.0.1:8000/v1/classify -H 'Content-Type: application/json' -d {shlex.quote(body)}",
    }


def slugs(cards: Iterable[Found]) -> list[str]:
    """Return a name for the page of each card: safe in any file system, no two alike in any case.

    Examples
    --------
    >>> card = Found("a.md", "News/NL", "", "nl", "", "", "Spark NLP 5.1.4", "2023-10-31", (), (), "")
    >>> slugs([card, card])
    ['news-nl_nl_5.1.4', 'news-nl_nl_5.1.4_2']
    """
    made: list[str] = []
    taken: set[str] = set()
    counts: dict[str, int] = {}
    for card in cards:
        parts = [card.name, card.language, card.edition.rpartition(" ")[2]]
        base = "_".join(re.sub(r"[^a-z0-9._-]+", "-", part.lower()).strip("-.") for part in parts if part)
        slug = base = base[:LONGEST_SLUG].strip("-._") or "card"
        count = counts.get(base, 1)
        while slug in taken:
            count += 1
            slug = f"{base}_{count}"
        counts[base] = count
        taken.add(slug)
        made.append(slug)
    return made
