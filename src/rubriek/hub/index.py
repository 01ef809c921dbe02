"""An index of a folder of cards: SQLite with full-text search, in the cache, refreshed when files change."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rubriek import settings
from rubriek.errors import CardError, FileError
from rubriek.hub.card_parts import read_facts, read_labels
from rubriek.hub.cards import Card, read_card
from rubriek.hub.queries import Found, Query
from rubriek.models.checks import is_text

log = logging.getLogger(__name__)

SCHEMA = 1
"""To be raised when the tables or what is put into them change; older indexes are then not looked at."""
MOST_CARDS = 1_000_000
WAIT_SECONDS = 60.0
BATCH = 500
DESCRIBED = 600
"""Characters of the description that are searched."""

TABLES = """
CREATE TABLE files (path TEXT PRIMARY KEY, changed INTEGER, size INTEGER, problem TEXT) WITHOUT ROWID;
CREATE TABLE cards (
    id INTEGER PRIMARY KEY, path TEXT UNIQUE, name TEXT, title TEXT, language TEXT COLLATE NOCASE,
    annotator TEXT COLLATE NOCASE, engine TEXT COLLATE NOCASE, edition TEXT, date TEXT, tasks TEXT,
    labels TEXT, size TEXT
);
CREATE TABLE tasks (task TEXT COLLATE NOCASE, card INTEGER, PRIMARY KEY (task, card)) WITHOUT ROWID;
CREATE INDEX tasks_of_card ON tasks (card);
CREATE INDEX by_language ON cards (language, date DESC, path);
CREATE INDEX by_annotator ON cards (annotator, date DESC, path);
CREATE INDEX by_engine ON cards (engine, date DESC, path);
CREATE INDEX by_date ON cards (date DESC, path);
CREATE VIRTUAL TABLE words USING fts5 (
    name, title, labels, tags, description, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3 4'
);
"""

State = tuple[int, int]
"""Of a file: its time in nanoseconds and its size."""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh of the index did.

    Attributes
    ----------
    cards : int
        Cards in the index now.
    read, removed : int
        Files that were read since they are new or changed; files that are gone.
    problems : dict of str to str
        By path: why a Markdown file of the folder is no card.
    """

    cards: int
    read: int
    removed: int
    problems: dict[str, str]


class Index:
    """The index of a folder of cards.

    Parameters
    ----------
    folder : path
        Every ``.md`` file below it is looked at; hidden folders and links to folders are not followed.
    file : path, optional
        Where the index lies. Default: in rubriek's cache folder. Where nothing can be written, the index is
        made in memory, and a line of the log says so.

    Raises
    ------
    FileError
        If there is no such folder.
    """

    def __init__(self, folder: Path | str, file: Path | None = None) -> None:
        self.folder = Path(folder).expanduser().absolute()
        if not self.folder.is_dir():
            raise FileError(f"There is no folder {folder}.", expected="a folder of model cards (Markdown)")
        digest = hashlib.sha256(os.fsencode(self.folder.resolve())).hexdigest()[:16]
        self.file = file or settings.cache_folder() / "cards" / f"{digest}-{SCHEMA}.sqlite"
        self._base = self._opened()

    def __enter__(self) -> Index:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the index."""
        self._base.close()

    def _opened(self) -> sqlite3.Connection:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            try:
                return _prepared(self.file)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                log.warning("the index %s is damaged and is made anew", self.file)
                self.file.unlink()
                return _prepared(self.file)
        except (OSError, sqlite3.OperationalError) as error:
            return self._in_memory(error)

    def _in_memory(self, error: Exception) -> sqlite3.Connection:
        log.warning("the index cannot be kept in %s (%s), so it is made in memory", self.file, error)
        return _prepared(":memory:")

    def refresh(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Refreshed:
        """Bring the index up to date with the folder; files whose time and size are the same are not read.

        Parameters
        ----------
        progress : callable, optional
            Is told how many files have been read, and how many there are to read.

        Returns
        -------
        Refreshed

        Raises
        ------
        FileError
            If the folder has more than a million cards, or cannot be listed.
        """
        there = dict(_files(self.folder))
        try:
            read, removed = self._bring_up(there, progress)
        except sqlite3.OperationalError as error:  # read-only, full, or locked for too long
            self._base.close()
            self._base = self._in_memory(error)
            read, removed = self._bring_up(there, progress)
        problems = "SELECT path, problem FROM files WHERE problem IS NOT NULL ORDER BY path"
        (cards,) = self._base.execute("SELECT count(*) FROM cards").fetchone()
        return Refreshed(cards, read, removed, dict(self._base.execute(problems)))

    def _bring_up(self, there: dict[str, State], progress: Callable[[int, int], None]) -> tuple[int, int]:
        if not any(self._changes(there)):
            return 0, 0
        with self._changing():
            old, to_read = self._changes(there)  # somebody else may have done it meanwhile
            self._forget(old)
            for number, path in enumerate(to_read):
                self._add(path, there[path])
                if number % BATCH == 0:
                    progress(number, len(to_read))
        progress(len(to_read), len(to_read))
        return len(to_read), len(set(old) - there.keys())

    def _changes(self, there: dict[str, State]) -> tuple[list[str], list[str]]:
        """Return the files of the index that are gone or have changed, and those to read."""
        rows = self._base.execute("SELECT path, changed, size FROM files")
        known = {path: (changed, size) for path, changed, size in rows}
        old = [path for path, state in known.items() if there.get(path) != state]
        return old, sorted(path for path, state in there.items() if known.get(path) != state)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._base.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.OperationalError):  # SQLite has done so itself
                self._base.execute("ROLLBACK")
            raise

    def _forget(self, paths: Iterable[str]) -> None:
        for path in paths:
            self._base.execute("DELETE FROM files WHERE path = ?", [path])
            for (card,) in self._base.execute("SELECT id FROM cards WHERE path = ?", [path]).fetchall():
                self._base.execute("DELETE FROM words WHERE rowid = ?", [card])
                self._base.execute("DELETE FROM tasks WHERE card = ?", [card])
                self._base.execute("DELETE FROM cards WHERE id = ?", [card])

    def _add(self, path: str, state: State) -> None:
        problem = None
        try:
            self._insert(path, read_card(self.folder / path))
        except CardError as error:
            said = error.message.replace(str(self.folder / path), "it")
            problem = said + (f" Expected: {error.expected}." if error.expected else "")
        self._base.execute("INSERT INTO files VALUES (?, ?, ?, ?)", [path, *state, problem])

    def _insert(self, path: str, card: Card) -> None:
        labels, tasks = read_labels(card.section("Predicted Entities")), card.texts("task")
        values = [path, card.name, card.title, card.language, card.text("annotator"), card.text("engine")]
        values += [card.text("edition"), card.text("date")]
        values += [json.dumps(texts, ensure_ascii=False) for texts in (tasks, labels)]
        values.append(read_facts(card.section("Model Information")).get("Size", ""))
        made = self._base.execute(f"INSERT INTO cards VALUES (NULL{', ?' * len(values)})", values).lastrowid
        pairs = [(task, made) for task in tasks]
        self._base.executemany("INSERT OR IGNORE INTO tasks VALUES (?, ?)", pairs)
        words = [card.name, card.title, " ".join(labels), " ".join([*card.texts("tags"), *tasks])]
        words.append(card.section("Description")[:DESCRIBED])
        statement = (
            "INSERT INTO words (rowid, name, title, labels, tags, description) VALUES (?, ?, ?, ?, ?, ?)"
        )
        self._base.execute(statement, [made, *words])

    def search(self, query: Query | None = None, *, limit: int = 20) -> list[Found]:
        """Find cards.

        Parameters
        ----------
        query : Query, optional
            Default: all.
        limit : int, default 20
            How many at most; -1 for all.

        Returns
        -------
        list of Found
        """
        statement, values = (query or Query()).statement()
        return [Found.of(row) for row in self._base.execute(f"{statement} LIMIT ?", [*values, limit])]

    def count(self, query: Query | None = None) -> int:
        """Count the cards that there are for a query."""
        statement, values = (query or Query()).statement()
        unordered = statement.partition(" ORDER BY ")[0]
        return int(self._base.execute(f"SELECT count(*) FROM ({unordered})", values).fetchone()[0])

    def plan(self, query: Query) -> str:
        """Tell by which tables and indexes SQLite answers a query."""
        statement, values = query.statement()
        return "\n".join(row[3] for row in self._base.execute(f"EXPLAIN QUERY PLAN {statement}", values))


def _prepared(file: Path | str) -> sqlite3.Connection:
    base = sqlite3.connect(file, timeout=WAIT_SECONDS, isolation_level=None)
    try:
        if not base.execute("PRAGMA user_version").fetchone()[0]:
            base.execute("BEGIN IMMEDIATE")
            if not base.execute("PRAGMA user_version").fetchone()[0]:  # nobody else was quicker
                for statement in filter(str.strip, TABLES.split(";")):
                    base.execute(statement)
                base.execute(f"PRAGMA user_version = {SCHEMA}")
            base.execute("COMMIT")
    except BaseException:
        base.close()
        raise
    return base


def _files(folder: Path) -> Iterator[tuple[str, State]]:
    waiting, count = [(str(folder), "")], 0
    while waiting:
        place, start = waiting.pop()
        try:
            entries = list(os.scandir(place))
        except OSError as error:
            raise FileError(f"{place} cannot be listed.", found=str(error)) from error
        for entry in entries:
            if entry.name.startswith(".") or not is_text(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, f"{start}{entry.name}/"))
            elif entry.name.endswith(".md") and entry.is_file():
                count += 1
                if count > MOST_CARDS:
                    raise FileError(f"{folder} is too large.", expected=f"at most {MOST_CARDS:,} cards")
                with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                    state = entry.stat()
                    yield f"{start}{entry.name}", (state.st_mtime_ns, state.st_size)
