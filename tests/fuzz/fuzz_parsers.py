"""Every parser of files and requests of others: where it starts, what it reads, and how that is changed."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from fuzz_mutators import (
    Mutate,
    json_lines,
    json_text,
    packed,
    pickled,
    protobuf,
    raw,
    safetensors,
    text_of,
    unpacked,
    zipped,
)

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

import tiny  # noqa: E402

DATA = TESTS / "data"
TEXTS = ["De koning opent een museum", "", "Beurs sluit hoger"]
TENSORS = {
    "w": np.arange(12, dtype=np.float32).reshape(3, 4),
    "half": np.array([0.5, 2.0], dtype=np.float16),
    "ids": np.arange(3),
}


class Parser(NamedTuple):
    """A parser.

    Attributes
    ----------
    seeds
        Makes files that it reads, in a folder for that.
    mutate
        Changes one.
    read
        Reads one, in an empty folder. It may raise rubriek's errors and nothing else.
    cases
        How many cases are run with the other tests, where seconds count.
    """

    seeds: Callable[[Path], list[bytes]]
    mutate: Mutate
    read: Callable[[bytes, Path], object]
    cases: int = 100


# Models


def _huggingface(folder: Path, **options: Any) -> Path:
    return tiny.huggingface_folder(folder, inner=4, **options)


def _weights(form: str) -> Callable[[Path], list[bytes]]:
    writers = {
        "safetensors": tiny.write_safetensors,
        "zip": tiny.write_torch_zip,
        "legacy": tiny.write_torch_legacy,
    }

    def seeds(folder: Path) -> list[bytes]:
        writers[form](folder / "weights", TENSORS)
        real = DATA / f"torch/{form}.bin"
        return [(folder / "weights").read_bytes(), *([real.read_bytes()] if real.is_file() else [])]

    return seeds


def _read_weights(read: str) -> Callable[[bytes, Path], None]:
    def run(data: bytes, folder: Path) -> None:
        from rubriek.models.tensors import FLOATS
        from rubriek.models.weights_pickle import read_torch
        from rubriek.models.weights_safetensors import read_safetensors

        file = _file(folder, "weights", data)
        for tensor in (read_safetensors if read == "safetensors" else read_torch)(file).values():
            if tensor.dtype in FLOATS:
                tensor.float32()

    return run


def _tokenizers(folder: Path) -> list[bytes]:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    from rubriek.models.tokenizer_files import read_tokenizer

    seeds = [
        read_tokenizer(_huggingface(folder / kind, cased=kind == "cased"), None).text
        for kind in ("cased", "un")
    ]
    pieces = {piece: number for number, piece in enumerate([*tiny.SPECIAL, "a", "b", "ab", "▁a"])}
    unigram = models.Unigram([(piece, -1.0) for piece in pieces], 1)
    for model, normalizer, splitter in (
        (models.BPE(pieces, [("a", "b")]), normalizers.Replace("a", "b"), pre_tokenizers.ByteLevel()),
        (unigram, normalizers.NFKC(), pre_tokenizers.Metaspace()),
        (models.WordLevel(pieces, "[UNK]"), normalizers.Lowercase(), pre_tokenizers.Digits()),
    ):
        tokenizer = Tokenizer(model)
        tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
        tokenizer.add_special_tokens(list(tiny.SPECIAL))
        seeds.append(tokenizer.to_str())
    return [seed.encode() for seed in seeds]


def _read_tokenizer(data: bytes, folder: Path) -> None:
    from rubriek.models.tokenizer_files import read_tokenizer
    from rubriek.tokens import HuggingFaceTokenizer, SpecialIds

    _file(folder, "tokenizer.json", data)
    read = read_tokenizer(folder, 1_000)
    file = _file(folder, "read.json", read.text.encode())
    HuggingFaceTokenizer(file, SpecialIds(read.pad_id, read.cls_id, read.sep_id), threads=1).tokenize(TEXTS)


def _vocabularies(folder: Path) -> list[bytes]:
    return [(_huggingface(folder / "model") / "vocab.txt").read_bytes()]


def _read_vocabulary(data: bytes, folder: Path) -> None:
    from rubriek.models.tokenizer_files import read_tokenizer

    _file(folder, "vocab.txt", data)
    read_tokenizer(folder, None)


def _settings(folder: Path) -> list[bytes]:
    home = _huggingface(folder / "model")
    tiny.write_json(
        home / "special_tokens_map.json", {"pad_token": "[PAD]", "cls_token": {"content": "[CLS]"}}
    )
    return [_pack(home)]


def _import_huggingface(data: bytes, folder: Path) -> None:
    from rubriek.models import import_model

    import_model(_unpack(data, folder / "model"), folder / "bundle")


def _graphs(folder: Path) -> list[bytes]:
    from onnx import TensorProto, helper, numpy_helper

    from rubriek.models.graph import build_bert_classifier

    config = tiny.sizes(["a"] * 8, 3, inner=4)
    built = build_bert_classifier(config, tiny.random_weights(config))
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "pieces"]) for name in names]
    result = helper.make_tensor_value_info("kinds", TensorProto.FLOAT, None)
    branch = helper.make_graph(
        [helper.make_node("Gather", ["table", "token_type_ids"], ["kinds"])], "b", [], [result]
    )
    opset = helper.make_opsetid("", 17)
    add = helper.make_node("Add", ["a", "b"], ["c"])
    join = helper.make_function("own", "Join", ["a", "b"], ["c"], [add], [opset])
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("If", ["yes"], ["kinds"], then_branch=branch, else_branch=branch),
        helper.make_node("Join", ["words", "kinds"], ["both"], domain="own"),
        helper.make_node("ReduceSum", ["both", "axis"], ["logits"], keepdims=0),
        helper.make_node("Cast", ["attention_mask"], ["unused"], to=TensorProto.FLOAT),
    ]
    tensors = {"table": np.ones((8, 3), np.float32), "axis": np.array([1]), "yes": np.array(True)}
    graph = helper.make_graph(
        nodes,
        "bag",
        inputs,
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", 3])],
        [numpy_helper.from_array(tensor, name) for name, tensor in tensors.items()],
    )
    opsets = [opset, helper.make_opsetid("own", 1)]
    bag = helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=[join])
    return [model.SerializeToString() for model in (built, bag)]


def _inside_folder(name: str) -> Mutate:
    return {"onnx": protobuf, "json": json_text}.get(name.rpartition(".")[2], raw)


def _write_network(data: bytes, folder: Path) -> None:
    """What happens in a process with limits, here without it: nobody should have to need them."""
    from rubriek.models.onnx_summary import count_logits
    from rubriek.models.onnx_trial import write_network

    file = _file(folder, "foreign.onnx", data)
    (folder / "written").mkdir()
    count_logits(file)
    write_network(str(file), str(folder / "written/model.onnx"))


def _onnx_folders(folder: Path) -> list[bytes]:
    home = _huggingface(folder / "model")
    tiny.write_json(home / "config.json", {"id2label": {"0": "a", "1": "b", "2": "c"}})
    files = [
        (path.name, path.read_bytes()) for path in sorted(home.iterdir()) if path.suffix != ".safetensors"
    ]
    return [packed([*files, ("model.onnx", graph)]) for graph in _graphs(folder)]


def _bundle(folder: Path) -> Path:
    from rubriek.models import import_model

    return import_model(_huggingface(folder / "model"), folder / "bundle").folder


def _bundle_records(folder: Path) -> list[bytes]:
    return [(_bundle(folder) / "rubriek.json").read_bytes()]


def _bundle_zips(folder: Path) -> list[bytes]:
    return [_pack(_bundle(folder))]


def _open_bundle(data: bytes, folder: Path) -> None:
    from rubriek.models import Bundle

    home = _cached(_bundle)
    (folder / "bundle").mkdir()
    for name in ("model.onnx", "tokenizer.json"):
        (folder / "bundle" / name).symlink_to(home / name)
    _file(folder / "bundle", "rubriek.json", data)
    Bundle.open(folder / "bundle", verify=True).check_graph()


def _open_zip(data: bytes, folder: Path) -> None:
    from rubriek.hub import local

    local.at(_file(folder, "model.zip", data))


# Spark NLP's files


def _saved(_: Path) -> list[bytes]:
    homes = [DATA / "sparknlp/model", DATA / "sparknlp/pipeline", *(DATA / "sparknlp/stages").iterdir()]
    homes += (DATA / "sparknlp/compressed").iterdir()
    return [_pack(home) for home in sorted(homes)]


def _inside_saved(name: str) -> Mutate:
    return json_text if "metadata" in name else java if "fields" in name else raw


def java(random: Any, data: bytes) -> bytes:
    """Change a Java stream, or a SequenceFile with some, by its marks."""
    if random.random() < 0.6:
        return raw(random, data)
    at = random.randrange(len(data) + 1)
    handle = b"\x71" + struct.pack(">I", 0x7E0000 + random.randrange(20))
    marks = (
        *(bytes([mark]) for mark in range(0x70, 0x80)),
        handle,
        b"\x77\x00",
        b"\x7a\x00\x00\x00\x00",
        b"\x74\x00\x01a",
    )
    mark = random.choice(marks) * random.choice((1, 1, 1, 60))
    return bytes(data[:at] + mark + data[at + random.choice((0, len(mark))) :])


def _read_saved_folder(data: bytes, folder: Path) -> None:
    from rubriek.sparknlp.formats import read_saved

    read_saved(_unpack(data, folder / "saved"))


def _read_saved_zip(data: bytes, folder: Path) -> None:
    from rubriek.sparknlp.formats import read_saved

    read_saved(_file(folder, "saved.zip", data))


def _sequence_files(_: Path) -> list[bytes]:
    return [part.read_bytes() for part in sorted((DATA / "sparknlp").glob("**/fields/*/part-*"))]


def _streams(folder: Path) -> list[bytes]:
    from rubriek.sparknlp.formats.sequence_file import read_values

    return [
        value
        for part in _sequence_files(folder)[::3]
        for value in list(read_values(io.BytesIO(part), "a seed"))[:1]
    ]


def _read_stream(data: bytes, _: Path) -> None:
    from rubriek.sparknlp.formats.java_decoding import decode

    decode(data, "the stream")


def _read_sequence_file(data: bytes, _: Path) -> None:
    from rubriek.sparknlp.formats.java_decoding import decode
    from rubriek.sparknlp.formats.sequence_file import read_values

    for value in read_values(io.BytesIO(data), "the file"):
        decode(value, "a value")


# Tables

ROWS = [
    {"id": 1, "text": "Koning opent museum", "a": [1.5, None]},
    {"id": 2, "text": None},
    {"text": "é\u2028"},
]
CSV = 'id,text,note\n1,"Koning, ""opent""",x\n2,Beurs,\n3,"twee\nregels",é\n'


def _constant(*seeds: str | bytes) -> Callable[[Path], list[bytes]]:
    return lambda _: [seed.encode() if isinstance(seed, str) else seed for seed in seeds]


def _tables() -> Iterator[pa.Table]:
    texts = pa.array(["Koning opent museum", None, "é" * 40] * 20)
    yield pa.table({"text": texts, "id": pa.array(range(60))})
    yield pa.table({"text": texts.dictionary_encode(), "nested": pa.array([[{"a": 1}], None, []] * 20)})
    yield pa.table({"text": texts.cast(pa.large_string()), "view": texts.cast(pa.string_view())})


def _arrow(_: Path) -> list[bytes]:
    seeds = []
    for table in _tables():
        for make in (pa.ipc.new_file, pa.ipc.new_stream):
            stream = io.BytesIO()
            with make(stream, table.schema) as writer:
                writer.write_table(table)
            seeds.append(stream.getvalue())
    return seeds


def _parquet(_: Path) -> list[bytes]:
    seeds = []
    for table in list(_tables())[:2]:
        for compression in ("none", "zstd"):
            stream = io.BytesIO()
            pa.parquet.write_table(table, stream, compression=compression)
            seeds.append(stream.getvalue())
    return seeds


def _read_table(format: Any) -> Callable[[bytes, Path], None]:
    def run(data: bytes, folder: Path) -> None:
        from rubriek.files import open_source
        from rubriek.files.text_columns import choose_text_columns

        source = open_source(_file(folder, f"input.{format}", data), format)
        columns = choose_text_columns(source, ["text"])
        survey = source.survey(columns, lambda problem: None)
        for table in source.tables(survey, columns):
            table.to_pylist()

    return run


# The hub

ROW = {
    "name": "news",
    "language": "nl",
    "libVersion": {"parts": [5, 5, 3]},
    "sparkVersion": {"parts": [3, 4]},
    "readyToUse": True,
    "time": "2024-05-01T10:00:00.000Z",
    "isZipped": True,
    "category": "ml",
    "checksum": "a" * 32,
    "annotator": "BertForSequenceClassification",
}


def _read_catalogue(data: bytes, folder: Path) -> None:
    from rubriek.hub.hubs import _read

    _read(_file(folder, "metadata.json", data), "the catalogue")


def _cards(_: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((DATA / "cards").iterdir())]


def _read_card(data: bytes, folder: Path) -> None:
    from rubriek.hub.cards import card_text, read_card
    from rubriek.hub.site.markdown import as_html

    card = read_card(_file(folder, "card.md", data))
    card_text(card)
    for section in card.sections:
        as_html(section.text)


def _unzip(data: bytes, folder: Path) -> None:
    from rubriek.hub.unzipping import unzip

    (folder / "target").mkdir()
    unzip(_file(folder, "model.zip", data), folder / "target")
    assert {path.name for path in folder.iterdir()} == {"model.zip", "target"}


def _zips(folder: Path) -> list[bytes]:
    files = [("a/config.json", b"{}"), ("a/labels.txt", b"x\ny\n"), ("a/b/c", b"0" * 5_000)]
    return [packed(files), packed(files, 8), _pack(_bundle(folder))]


def _records(_: Path) -> list[bytes]:
    from rubriek.hub.cache import Record

    files = {"a": {"bytes": 1, "sha256": "0"}}
    made = Record("a-1", ("a", "b"), "https://example.org/a.zip", name="a", time=1.0, bundle="a", files=files)
    return [json.dumps(asdict(made)).encode()]


def _read_record(data: bytes, folder: Path) -> None:
    from rubriek.hub import cache

    downloads = folder / "cache/downloads"
    (downloads / "a-1").mkdir(parents=True)
    _file(downloads, "a-1.json", data)
    for found in cache.records():
        cache.write(found)


# The service


@cache
def _client() -> Any:
    from starlette.testclient import TestClient

    import rubriek
    from rubriek.server import create_app

    client = TestClient(create_app({"tiny": rubriek.load(_cached(_bundle))}))
    return client.__enter__()


def _post(path: str, content_type: str, **headers: str) -> Callable[[bytes, Path], None]:
    def run(data: bytes, _: Path) -> None:
        answer = _client().post(path, content=data, headers={"content-type": content_type, **headers})
        if answer.status_code >= 500:
            raise AssertionError(f"{path} answered {answer.status_code}: {answer.text[:300]}")

    return run


BODIES = ({"text": "Koning", "top_k": 2, "scores": True}, {"texts": ["a", None], "overflow": "windows"})
LINES = b'"Koning opent museum"\n{"text": "Beurs", "id": 7}\nnull\n{"text": "a", "id": {"b": [1.5]}}\n'
INFER = {
    "id": "1",
    "inputs": [{"name": "text", "shape": [2, 1], "datatype": "BYTES", "data": ["Koning", "Beurs"]}],
    "outputs": [{"name": "label"}, {"name": "scores"}],
}
PREDICT = ({"inputs": "Koning"}, {"inputs": [["a"], ["b"]], "raw_scores": True})
JSON_TYPE = "application/json"
MARKDOWN = text_of("---", "#", "|", "`", "[a](b)", "<script>", "\0", "- ", "&a [*a]", "!!python/object", ": ")
WORDS = text_of("[PAD]", "##", "\r", "\u2028", "\ud800", " ", "é")
FOLDER = zipped(_inside_folder)
SAVED = zipped(_inside_saved)
TORCH = zipped(lambda name: pickled if name.endswith("pkl") else raw)
TABLE = text_of(",", '"', "\r", "\n", "\0", "\ufeff", ";", "\t", "\ud800", '"\n', "é")


def _json(*values: object) -> Callable[[Path], list[bytes]]:
    return _constant(*(json.dumps(value) for value in values))


PARSERS = {
    "safetensors": Parser(_weights("safetensors"), safetensors, _read_weights("safetensors")),
    "torch-zip": Parser(_weights("zip"), TORCH, _read_weights("zip")),
    "torch-legacy": Parser(_weights("legacy"), pickled, _read_weights("legacy")),
    "tokenizer": Parser(_tokenizers, json_text, _read_tokenizer),
    "vocabulary": Parser(_vocabularies, WORDS, _read_vocabulary),
    "settings": Parser(_settings, FOLDER, _import_huggingface, 20),
    "onnx": Parser(_graphs, protobuf, _write_network),
    "onnx-folder": Parser(_onnx_folders, FOLDER, _import_huggingface, 3),
    "bundle": Parser(_bundle_records, json_text, _open_bundle),
    "bundle-zip": Parser(_bundle_zips, FOLDER, _open_zip, 20),
    "spark-nlp-folder": Parser(_saved, SAVED, _read_saved_folder, 40),
    "spark-nlp-zip": Parser(_saved, SAVED, _read_saved_zip, 40),
    "java": Parser(_streams, java, _read_stream),
    "sequence-file": Parser(_sequence_files, java, _read_sequence_file),
    "csv": Parser(_constant(CSV, CSV.replace(",", ";"), "\ufeff" + CSV), TABLE, _read_table("csv")),
    "jsonl": Parser(_constant("\n".join(map(json.dumps, ROWS))), json_lines, _read_table("jsonl")),
    "lines": Parser(_constant("een\ntwee\r\ndrie"), TABLE, _read_table("lines")),
    "parquet": Parser(_parquet, raw, _read_table("parquet")),
    "arrow": Parser(_arrow, raw, _read_table("arrow")),
    "catalogue": Parser(_constant("\n".join([json.dumps(ROW)] * 2)), json_lines, _read_catalogue),
    "card": Parser(_cards, MARKDOWN, _read_card),
    "unzip": Parser(_zips, zipped(lambda _: raw), _unzip),
    "cache-record": Parser(_records, json_text, _read_record),
    "classify": Parser(_json(*BODIES), json_text, _post("/v1/classify", JSON_TYPE), 40),
    "ndjson": Parser(_constant(LINES), json_lines, _post("/v1/classify", "application/x-ndjson"), 40),
    "tei": Parser(_json(*PREDICT), json_text, _post("/predict", JSON_TYPE), 40),
    "kserve": Parser(_json(INFER), json_text, _post("/v2/models/tiny/infer", JSON_TYPE), 40),
}


# Files


def _file(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def _pack(home: Path) -> bytes:
    files = sorted(path for path in home.rglob("*") if path.is_file())
    return packed([(path.relative_to(home).as_posix(), path.read_bytes()) for path in files])


def _unpack(data: bytes, home: Path) -> Path:
    """Make the folder that a case stands for; names that no folder has are left out."""
    home.mkdir()
    with contextlib.suppress(Exception):  # no zip, or a damaged one, is a folder with less in it
        for name, content in unpacked(data):
            place = Path(name)
            if place.is_absolute() or ".." in place.parts:
                continue
            with contextlib.suppress(OSError, ValueError):
                (home / place).parent.mkdir(parents=True, exist_ok=True)
                (home / place).write_bytes(content)
    return home


SHARED_HOME: list[Path] = []
"""Where what all cases of a process share is made; set by the process."""


@cache
def _cached(make: Callable[[Path], Path]) -> Path:
    home = SHARED_HOME[0] / make.__name__
    home.mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(home)
