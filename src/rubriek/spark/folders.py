"""The folders of a job on Spark: Parquet files in, and for each of them a folder out."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from rubriek import strict_json
from rubriek.errors import FileError, JobError, OptionError
from rubriek.text_columns import ColumnType

COLUMN = "input_file"
"""The column that readers of the output get, with the name of the file that a row comes from."""
RECORD = "_rubriek.json"
UNFINISHED, _ROWS = "_unfinished", "rows"
"""Readers of Parquet folders pass over names that begin with an underscore."""

# As Hive, Spark and Arrow write values into folder names: ExternalCatalogUtils.escapePathName of Spark.
_ESCAPED = set("\"#%'*/:=?\\\x7f{[]^") | {chr(code) for code in range(32)}


class Place:
    """A folder that both Spark and this process reach.

    Parameters
    ----------
    name : str
        A path that every node sees, or a URL of a file system that Arrow knows: ``s3a://``, ``gs://``,
        ``hdfs://``, ``abfss://``.

    Attributes
    ----------
    url : str
        As Spark wants it.
    path : str
        As Arrow's file system wants it.
    """

    def __init__(self, name: str) -> None:
        if "://" not in name:
            path = Path(name).resolve()
            self.files, self.path, self.url = fs.LocalFileSystem(), str(path), f"file://{path}"
            return
        self.url = name.rstrip("/")
        try:
            # Hadoop's names for what everyone else calls s3 and abfs
            self.files, self.path = fs.FileSystem.from_uri(self.url.replace("s3a://", "s3://", 1))
        except (ValueError, OSError, NotImplementedError) as error:
            raise FileError(
                f"{name} cannot be reached.",
                expected="a path, or a URL of s3a, gs, hdfs or abfss",
                found=str(error),
            ) from error

    @property
    def renames(self) -> bool:
        """Whether a folder takes another name in one step; object stores copy file by file."""
        return isinstance(self.files, fs.LocalFileSystem | fs.HadoopFileSystem)

    @property
    def local(self) -> Path | None:
        """The path where it is one of this machine."""
        return Path(self.path) if isinstance(self.files, fs.LocalFileSystem) else None

    def under(self, *names: str) -> str:
        """Return a path below this place, for Arrow's file system."""
        return posixpath.join(self.path, *names)

    def url_of(self, *names: str) -> str:
        """Return the same path for Spark to write to; to read from, it has to be `literal`."""
        return "/".join((self.url, *names))


@dataclass(frozen=True)
class Footer:
    """What a Parquet file says of itself.

    Attributes
    ----------
    name : str
        The file's.
    rows : int
        How many it has.
    columns : mapping of str to type
        The columns in order, and their types.
    """

    name: str
    rows: int
    columns: Mapping[str, ColumnType]


@dataclass(frozen=True)
class InputFile:
    """A file of the input.

    Attributes
    ----------
    name : str
        What it is called in the output: its path below the folder that was named.
    url, folder : str
        The file and the folder that was named, for Spark.
    place : Place
        That folder.
    size : int
        In bytes.
    modified : str
        When it was changed last; ISO 8601, UTC.
    """

    name: str
    url: str
    folder: str
    size: int
    modified: str
    place: Place = field(compare=False, repr=False)

    @property
    def stamp(self) -> dict[str, Any]:
        """What tells one state of the file from another."""
        return {"name": self.name, "size": self.size, "modified": self.modified}

    def survey(self) -> Footer:
        """Look at what Parquet has in its last bytes.

        Raises
        ------
        FileError
            If it is no Parquet file.
        """
        try:
            with self.place.files.open_input_file(self.place.under(self.name)) as file:
                found = pq.read_metadata(file)
                columns = {field.name: field.type for field in found.schema.to_arrow_schema()}
                return Footer(self.name, int(found.num_rows), columns)
        except (pa.ArrowException, OSError) as error:
            raise FileError(f"{self.name} is no Parquet file that can be read.", found=str(error)) from error


def find_inputs(names: Sequence[str]) -> list[InputFile]:
    """Find the Parquet files of an input, in order of their names.

    Parameters
    ----------
    names : sequence of str
        Folders, searched to the bottom, and files. Names that begin with ``_`` or ``.`` are passed over, as
        everywhere in Spark.

    Raises
    ------
    FileError
        If there is none, or one of the names leads nowhere.
    OptionError
        If two files would have the same name in the output.
    """
    found: dict[str, InputFile] = {}
    for name in names:
        for file in _files(name):
            if file.name in found:
                raise OptionError(
                    f"Two inputs are called {file.name}.",
                    found=f"{found[file.name].url} and {file.url}",
                    hint="name the folder above them, or give each an output of its own",
                )
            found[file.name] = file
    if not found:
        raise FileError(f"No Parquet file in {', '.join(names)}.", expected="names that end in .parquet")
    return [found[name] for name in sorted(found)]


def _files(name: str) -> Iterator[InputFile]:
    place = Place(name)
    info = place.files.get_file_info(place.path)
    if info.type == fs.FileType.File:
        parent = Place(posixpath.dirname(name.rstrip("/")) or ".")
        yield _input(parent, info, posixpath.basename(info.path))
    elif info.type == fs.FileType.Directory:
        for inner in place.files.get_file_info(fs.FileSelector(place.path, recursive=True)):
            below = posixpath.relpath(inner.path, place.path)
            hidden = any(part.startswith(("_", ".")) for part in below.split("/"))
            if inner.type == fs.FileType.File and below.endswith(".parquet") and not hidden:
                yield _input(place, inner, below)
    else:
        raise FileError(f"There is no file or folder {name}.")


def _input(place: Place, info: Any, name: str) -> InputFile:
    modified = "" if info.mtime is None else info.mtime.isoformat()
    return InputFile(name, literal(place.url_of(name)), place.url, info.size, modified, place)


class OutputFolder:
    """``OUTPUT/input_file=NAME/`` for each input file, with ``_rubriek.json`` in it.

    A file is finished when its folder and the record in it are there; there is no second list that could
    contradict them. The folder takes its name when it is complete. On an object store, where nothing can be
    renamed, it is written in place, and the record last.

    Parameters
    ----------
    place : Place
        Where it is.
    """

    def __init__(self, place: Place) -> None:
        self.place = place

    def prepare(self) -> None:
        """Make the folder.

        Raises
        ------
        FileError
            If a file is in the way.
        """
        if self.place.files.get_file_info(self.place.path).type == fs.FileType.File:
            raise FileError(f"{self.place.path} is a file.", expected="a folder for the output")
        self.place.files.create_dir(self.place.path)

    def clear(self) -> None:
        """Throw away what an earlier run left unfinished."""
        self._remove(UNFINISHED, _ROWS)

    def close(self) -> None:
        """Take away what only a run needs."""
        self._remove(UNFINISHED)

    def _remove(self, *names: str) -> None:
        path = self.place.under(*names)
        if self.place.files.get_file_info(path).type == fs.FileType.Directory:
            self.place.files.delete_dir(path)

    def record(self, name: str) -> dict[str, Any] | None:
        """Return what was noted of a finished file; None of one that is not finished.

        Raises
        ------
        JobError
            If the note cannot be read.
        """
        path = self.place.under(self._folder(name), RECORD)
        if self.place.files.get_file_info(path).type != fs.FileType.File:
            return None
        try:
            with self.place.files.open_input_stream(path) as stream:
                found: dict[str, Any] = strict_json.parse(stream.readall())
            found["rows"], found["input"], found["settings"], found["statistics"]
        except (ValueError, KeyError, TypeError) as error:
            raise JobError(
                f"{path} is damaged: {error}", hint="remove its folder; the next run makes it anew"
            ) from error
        return found

    def first_rows(self, name: str, count: int) -> pa.Table:
        """Read the first rows of a finished file."""
        folder = self.place.under(self._folder(name))
        parts = sorted(
            info.path
            for info in self.place.files.get_file_info(fs.FileSelector(folder))
            if info.base_name.startswith("part-") and info.extension == "parquet"
        )
        with self.place.files.open_input_file(parts[0]) as stream, pq.ParquetFile(stream) as file:
            batch = next(file.iter_batches(batch_size=count), None)
            return file.schema_arrow.empty_table() if batch is None else pa.table(batch)

    def url_to_write(self, name: str) -> str:
        """Return where to write the rows of a file, for Spark."""
        return self.place.url_of(*self._written(name))

    def finish(self, name: str, record: Mapping[str, Any]) -> None:
        """Add the record, and give the folder its name; what is there under that name is replaced."""
        written = self.place.under(*self._written(name))
        with self.place.files.open_output_stream(posixpath.join(written, RECORD)) as stream:
            stream.write(json.dumps(record, ensure_ascii=False, indent=1).encode())
        if not self.place.renames:
            return
        target = self.place.under(self._folder(name))
        if self.place.files.get_file_info(target).type == fs.FileType.Directory:
            # A folder cannot be put in the place of another: killed in between, the file is done again.
            self.place.files.move(target, f"{written}.replaced")
        self.place.files.move(written, target)

    def _written(self, name: str) -> tuple[str, ...]:
        folder = self._folder(name)
        return (UNFINISHED, _ROWS, folder) if self.place.renames else (folder,)

    @staticmethod
    def _folder(name: str) -> str:
        return f"{COLUMN}={escaped(name)}"


def escaped(value: str) -> str:
    """Write a value as part of a folder's name; readers turn it back.

    Examples
    --------
    >>> escaped("2024/nieuws.parquet")
    '2024%2Fnieuws.parquet'
    """
    return "".join(f"%{ord(c):02X}" if c in _ESCAPED else c for c in value)


def literal(url: str) -> str:
    r"""Write a URL for Spark to read from, where ``*``, ``?``, ``[`` and ``{`` would be patterns.

    Examples
    --------
    >>> print(literal("file:///in/deel [1].parquet"))
    file:///in/deel \[1\].parquet
    """
    return "".join(f"\\{c}" if c in "{}[]*?\\" else c for c in url)
