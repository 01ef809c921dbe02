"""Reads a Parquet or Arrow file in a process of its own, where a damaged file ends that process and no other.

Run as a module, it writes the file's record batches onto stdout as an Arrow IPC stream. `batches` runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

MAX_MEMORY = 512 * 2**20
"""What reading may take on top of `MEMORY_FOR_A_BYTE`: a small file cannot fill a machine."""
MEMORY_FOR_A_BYTE = 8
"""What reading may take for each byte of the file, so that one large compressed batch can be read."""
MAX_ROWS_FOR_A_BYTE = 1_000
"""Rows for each byte of the file, beyond `MAX_ROWS_OF_A_SMALL_FILE`: ten bytes can claim a billion rows."""
MAX_ROWS_OF_A_SMALL_FILE = 10_000_000
MAX_SEEN_FOR_A_BYTE = 64
"""How often the views of a column may show a byte, on average, beyond `MAX_MEMORY`."""
MAX_ROW = 64 * 2**20
"""Bytes of a row, all its columns together."""
MAX_VALUES = 2**20
"""Values in the lists and structs of a row; as in a row of JSONL."""
BATCH_ROWS = 4096
BATCH_BYTES = 4 * 2**20
"""Of a batch that is handed over; those of the file may be of any size."""

_OVER_LIMIT = 3


class TableReaderError(Exception):
    """The file cannot be read; the message says why.

    Attributes
    ----------
    over_limit : bool
        Whether it is beyond a limit, rather than damaged.
    """

    def __init__(self, cause: str, *, over_limit: bool) -> None:
        super().__init__(cause)
        self.over_limit = over_limit


class _LimitError(Exception):
    """What `TableReaderError` is within the process that reads."""


def batches(path: Path, format: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file, read and validated by another process.

    Parameters
    ----------
    path : Path
        The file.
    format : {"parquet", "arrow"}
        What it is.

    Raises
    ------
    TableReaderError
        If the file is damaged, is cut off while it is read, or takes more memory than the limits allow.
    """
    command = [sys.executable, "-P", "-m", __name__, str(path.absolute()), format]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the caller to answer
        ) as process,
    ):
        assert process.stdout is not None
        try:
            broken = ""
            try:
                yield from pa.ipc.open_stream(process.stdout)
            except (pa.ArrowException, OSError) as error:
                broken = str(error)
            process.stdout.close()
            # A stream may end in good order although the reading did not.
            if (status := process.wait()) or broken:
                said.seek(0)
                cause = said.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
                if status < 0:
                    cause = "it is damaged, or was cut off while it was read"
                raise TableReaderError(cause or broken, over_limit=status == _OVER_LIMIT)
        finally:
            process.kill()


def _environment() -> dict[str, str]:
    """Let the process import what this one can, and take its memory from the system, which can bound it."""
    root = str(Path(__file__).parents[2])
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([root, *filter(None, sys.path)]),
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "OMP_NUM_THREADS": "1",
    }


def main(path: str, format: str) -> int:
    """Write the batches of a file onto stdout, or say on stderr why it cannot be read."""
    size = Path(path).stat().st_size
    _bound_memory(MAX_MEMORY + MEMORY_FOR_A_BYTE * size)
    try:
        with (_parquet if format == "parquet" else _arrow)(path) as (schema, found):
            _write(schema, _counted(found, size), sys.stdout.buffer)
    except BrokenPipeError:
        os._exit(0)  # nobody reads on
    except (MemoryError, _LimitError) as error:
        if isinstance(error, MemoryError):
            limit = f"{MAX_MEMORY // 2**20} MiB and {MEMORY_FOR_A_BYTE} times its size"
            error = _LimitError(f"reading it takes more memory than {limit}")
        sys.stderr.write(f"{error}\n")
        return _OVER_LIMIT
    except Exception as error:
        sys.stderr.write(f"{(str(error) or type(error).__name__).splitlines()[0]}\n")
        return 1
    return 0


def _bound_memory(more: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    statm = Path("/proc/self/statm")
    if statm.exists():
        now = int(statm.read_text().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        if hard == resource.RLIM_INFINITY or now + more < hard:
            resource.setrlimit(resource.RLIMIT_AS, (now + more, hard))


@contextmanager
def _parquet(path: str) -> Iterator[tuple[pa.Schema, Iterable[pa.RecordBatch]]]:
    import pyarrow.parquet as pq

    # With a buffer a column chunk is read a page at a time, not whole.
    with pq.ParquetFile(path, buffer_size=2**20) as file:
        metadata = file.metadata
        size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
        rows = BATCH_BYTES * metadata.num_rows // max(size, 1)
        yield (
            file.schema_arrow,
            file.iter_batches(batch_size=min(max(rows, 1), BATCH_ROWS), use_threads=False),
        )


@contextmanager
def _arrow(path: str) -> Iterator[tuple[pa.Schema, Iterable[pa.RecordBatch]]]:
    options = pa.ipc.IpcReadOptions(use_threads=False)
    with pa.memory_map(path) as source:
        if source.read(6) == b"ARROW1":
            with pa.ipc.open_file(source, options=options) as file:
                yield file.schema, map(file.get_batch, range(file.num_record_batches))
        else:
            source.seek(0)
            with pa.ipc.open_stream(source, options=options) as stream:
                yield stream.schema, stream


def _counted(found: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in found:
        rows += batch.num_rows
        if rows > max(MAX_ROWS_OF_A_SMALL_FILE, MAX_ROWS_FOR_A_BYTE * size):
            raise _LimitError(f"it holds more than {MAX_ROWS_FOR_A_BYTE:,} rows for each of its bytes")
        yield batch


def _write(schema: pa.Schema, found: Iterable[pa.RecordBatch], target: BinaryIO) -> None:
    with pa.ipc.new_stream(target, schema) as stream:
        for batch in found:
            for piece in _pieces(batch):
                stream.write_batch(piece)


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Validate a batch, and cut it into pieces of about `BATCH_BYTES`."""
    batch.validate()
    views = [i for i, field in enumerate(batch.schema) if pa.types.is_string_view(field.type)]
    seen = sum((_seen(batch.column(i)) for i in views), np.zeros(batch.num_rows, np.int64))
    if seen.sum() > max(MAX_MEMORY, MAX_SEEN_FOR_A_BYTE * batch.get_total_buffer_size()):
        raise _LimitError(f"its rows show each of its bytes more than {MAX_SEEN_FOR_A_BYTE} times")
    _validate(batch)
    rest = batch.select([i for i in range(batch.num_columns) if i not in views])
    whole = rest.slice(0, 0).nbytes  # what every slice has whole, such as a dictionary
    start = 0
    while start < batch.num_rows:
        rows = batch.num_rows - start
        while (
            size := rest.slice(start, rows).nbytes - whole + seen[start : start + rows].sum()
        ) > BATCH_BYTES:
            if rows == 1:
                break
            rows = (rows + 1) // 2
        if size > MAX_ROW:
            raise _LimitError(f"a row of {size / 2**20:,.0f} MiB is longer than {MAX_ROW // 2**20} MiB")
        # Last, so that it looks at a few megabytes each time.
        while (values := sum(map(_inner_values, batch.slice(start, rows).columns))) > MAX_VALUES:
            if rows == 1:
                raise _LimitError(f"a row has {values:,} values, and may have {MAX_VALUES:,}")
            rows = (rows + 1) // 2
        piece = batch.slice(start, rows)
        for i in views:
            # A slice of views keeps all the text that they look into; this copies what they show.
            copied = piece.column(i).cast(pa.large_string()).cast(pa.string_view())
            piece = piece.set_column(i, batch.schema.field(i), copied)
        yield piece
        start += rows


def _inner_values(column: pa.Array) -> int:
    """Count the values in lists and structs. A bit or nothing in Arrow, each is an object in Python."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _inner_values(column.storage)
    if pa.types.is_dictionary(kind):
        return _inner_values(column.dictionary_decode()) if pa.types.is_nested(kind.value_type) else 0
    if pa.types.is_union(kind):
        children = [column.field(i) for i in range(kind.num_fields)]
    elif pa.types.is_nested(kind):
        flat = column.flatten()
        children = flat if pa.types.is_struct(kind) else [flat]
    else:
        children = []
    return sum(len(child) + _inner_values(child) for child in children)


def _validate(batch: pa.RecordBatch) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowException as error:
            utf8 = "UTF8" in str(error)
            cause = "text that is not UTF-8" if utf8 else f"damaged values ({error})"
            raise ValueError(f"the column {name!r} holds {cause}") from error


def _seen(column: pa.Array) -> Any:
    """Return how many bytes each view shows."""
    lengths = np.frombuffer(column.buffers()[1], np.int32)[::4][column.offset :][: len(column)]
    return np.where(column.is_valid().to_numpy(zero_copy_only=False), lengths, 0).astype(np.int64)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
