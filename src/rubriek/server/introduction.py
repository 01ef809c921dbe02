"""What a model's own card says to people who try it: a title, what labels are called, example texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rubriek.hub.card_parts import read_example_texts
from rubriek.hub.describing import own_card

if TYPE_CHECKING:
    from rubriek.models.bundle import Bundle

WORDS = ("title", "label", "labels", "examples")
LANGUAGES = ("nl", "en")
SEVERAL = "xx"
EXAMPLES = "Example texts"
MAX_WORD = 200
MAX_EXAMPLES = 20
MAX_EXAMPLE = 5_000


def introduce(bundle: Bundle) -> dict[str, Any]:
    """Read from the card in a bundle what the page shows.

    Parameters
    ----------
    bundle : Bundle
        The model. Its card may have, in the front matter, ``page``: for ``nl`` and ``en`` the page's
        ``title``, the words for ``label`` and ``labels``, and the heading of the ``examples``; and a section
        "Example texts", a list. What the card does not say is left to the page, and so is what is longer than
        `MAX_WORD`, `MAX_EXAMPLE` and `MAX_EXAMPLES` allow.

    Returns
    -------
    dict
        ``title``, ``language`` (empty if unknown), ``words`` and ``examples``.

    Examples
    --------
    >>> from rubriek import hub
    >>> told = introduce(hub.resolve("nl-news"))
    >>> told["language"], told["words"]["nl"]["labels"]
    ('nl', 'rubrieken')
    """
    card = own_card(bundle)
    if card is None:
        return {"title": bundle.name, "language": "", "words": {}, "examples": []}
    by_language = card.front.get("page")
    texts = read_example_texts(card.section(EXAMPLES))
    return {
        "title": card.title if len(card.title) <= MAX_WORD else bundle.name,
        "language": card.language if card.language != SEVERAL and len(card.language) <= MAX_WORD else "",
        "words": {language: _words(by_language, language) for language in LANGUAGES},
        "examples": [text for text in texts if len(text) <= MAX_EXAMPLE][:MAX_EXAMPLES],
    }


def _words(by_language: object, language: str) -> dict[str, str]:
    words = by_language.get(language) if isinstance(by_language, Mapping) else None
    if not isinstance(words, Mapping):
        return {}
    given = {name: words.get(name) for name in WORDS}
    return {name: word for name, word in given.items() if isinstance(word, str) and 0 < len(word) <= MAX_WORD}
