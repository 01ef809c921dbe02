"""What the service takes on: sizes, times, and how much may wait."""

from __future__ import annotations

from dataclasses import dataclass

MAX_CONNECTIONS = 4096
"""More at once are answered 503. Of headlines, the queue holds a thousand: it is full long before, and says
429 and when to come again."""
MAX_OTHER_VALUES = 1000
"""Values in the JSON of a body beside its texts."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the service.

    Attributes
    ----------
    body_bytes : int, default 16 MiB
        Largest request body, and largest line of a streamed one; 413 beyond it.
    text_characters : int, default 200,000
        Longest text; 413 beyond it.
    texts : int, default 10,000
        Most texts of a request that is not streamed; 413 beyond it.
    queue_tokens : int, default 16,384
        Pieces that may wait for each model; 429 beyond it.
    timeout : float, default 30
        Seconds until an answer, unless the client asks for fewer; 504 beyond it.
    body_timeout : float, default 10
        Seconds that headers, a body, or more of a streamed one may take to arrive; 408 beyond it.
    cache : int, default 0
        How many sequences' logits are kept for each model, for texts that come again; 0 keeps none.

    Examples
    --------
    >>> Limits().queue_tokens
    16384
    """

    body_bytes: int = 16 * 1024 * 1024
    text_characters: int = 200_000
    texts: int = 10_000
    queue_tokens: int = 16_384
    timeout: float = 30.0
    body_timeout: float = 10.0
    cache: int = 0

    @property
    def json_values(self) -> int:
        """Most values in the JSON of a body: each text may stand in an array of its own."""
        return 2 * self.texts + MAX_OTHER_VALUES
