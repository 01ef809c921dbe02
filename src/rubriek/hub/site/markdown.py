"""Markdown of cards as HTML. Cards come from anywhere: no HTML of theirs passes, nor links of other kinds."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from rubriek.errors import need

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

LONGEST = 2**16
"""Characters of a text; a longer one is shown as it is."""
LONGEST_LINKED = 2**13
"""Of one in which bare addresses become links: finding them takes time with the square of its length."""
ADDRESS = re.compile(r"(?:https?|s3)://[^\s\"'<>\\]+", re.I)


def is_address(address: str) -> bool:
    """Whether an address may become a link.

    Examples
    --------
    >>> is_address("https://example.org/a"), is_address("javascript:alert(1)"), is_address("../secret")
    (True, False, False)
    """
    return bool(ADDRESS.fullmatch(address))


def as_html(text: str) -> str:
    r"""Write Markdown as HTML.

    Parameters
    ----------
    text : str
        Markdown: CommonMark with tables.

    Returns
    -------
    str
        HTML in which everything that is not Markdown stands escaped.

    Raises
    ------
    MissingExtraError
        If the package ``markdown-it-py`` is not installed.

    Examples
    --------
    >>> as_html("**No** <script>")
    '<p><strong>No</strong> &lt;script&gt;</p>\n'
    """
    from html import escape

    if len(text) > LONGEST:
        return f"<pre>{escape(text)}</pre>\n"
    return str(_reader(linkify=len(text) <= LONGEST_LINKED).render(text))


@cache
def _reader(*, linkify: bool) -> MarkdownIt:
    markdown_it = need("markdown_it", extra="site", purpose="Making a site of cards")
    need("linkify_it", extra="site", purpose="Making a site of cards")
    reader: Any = markdown_it.MarkdownIt("commonmark", {"html": False, "linkify": linkify})
    reader.enable(["table", "linkify"]).disable(["image"])
    reader.linkify.set({"fuzzy_link": False, "fuzzy_email": False})  # model.zip is no address
    reader.validateLink = is_address
    reader.add_render_rule("link_open", _link_open)
    return reader  # type: ignore[no-any-return]


def _link_open(self: Any, tokens: Any, number: int, options: Any, env: Any) -> Any:
    tokens[number].attrSet("rel", "noopener noreferrer nofollow")
    return self.renderToken(tokens, number, options, env)
