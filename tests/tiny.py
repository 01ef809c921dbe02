"""Writes tiny models with random weights, in the forms that Hugging Face has, without torch."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rubriek.models.bert_weights import expected_shapes
from rubriek.models.graph import BertConfig

Tensors = Mapping[str, NDArray[np.generic]]

WORDS = [
    *("de", "het", "een", "kamer", "minister", "zegt", "Amsterdam", "Kamer", "café", "##s", "##je", "##en"),
    *("a", "b", "c", "A", "B", ".", ",", "!", "?"),
]
UNCASED = sorted({word.lower().replace("é", "e") for word in WORDS})
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

SAFETENSORS_TYPES = {"<f4": "F32", "<f8": "F64", "<f2": "F16", "<i8": "I64"}
TORCH_TYPES = {"<f4": "Float", "<f8": "Double", "<f2": "Half", "<i8": "Long"}


def sizes(vocabulary: Sequence[str], labels: int, inner: int = 16) -> BertConfig:
    return BertConfig(
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=inner,
        vocab_size=len(vocabulary),
        max_position_embeddings=32,
        num_labels=labels,
    )


def random_weights(config: BertConfig, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Weights large enough that different texts get clearly different logits."""
    random = np.random.default_rng(seed)
    return {
        name: random.normal(1.0 if name.endswith("LayerNorm.weight") else 0.0, 0.5, shape).astype(np.float32)
        for name, shape in expected_shapes(config)
    }


def huggingface_folder(
    folder: Path,
    *,
    labels: Sequence[str] = ("Sport", "Economie", "Cultuur & Media"),
    problem_type: str | None = "single_label_classification",
    cased: bool = True,
    special: Sequence[str] = SPECIAL,
    special_at: int = 0,
    weights: str = "safetensors",
    seed: int = 0,
    inner: int = 16,
    **config: object,
) -> Path:
    """Write a folder as ``save_pretrained`` does: config.json, weights, vocab.txt, tokenizer_config.json.

    Parameters
    ----------
    special, special_at
        The order of the special tokens, and how many other pieces stand before them.
    weights
        ``"safetensors"``, ``"zip"`` (today's pytorch_model.bin) or ``"legacy"`` (that of torch before 1.6).
    inner
        The intermediate size.
    config
        Fields of config.json to change; None takes one out.
    """
    words = list(WORDS if cased else UNCASED)
    vocabulary = [*words[:special_at], *special, *words[special_at:]]
    shape = sizes(vocabulary, len(labels), inner)
    fields: dict[str, object] = {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
        "problem_type": problem_type,
        "hidden_act": "gelu",
        **{name: getattr(shape, name) for name in shape.__dataclass_fields__ if name != "num_labels"},
        **config,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", {name: value for name, value in fields.items() if value is not None})
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in vocabulary), encoding="utf-8")
    write_json(folder / "tokenizer_config.json", {"do_lower_case": not cased, "model_max_length": 24})
    tensors = random_weights(shape, seed)
    if weights == "safetensors":
        write_safetensors(folder / "model.safetensors", tensors)
    else:
        {"zip": write_torch_zip, "legacy": write_torch_legacy}[weights](folder / "pytorch_model.bin", tensors)
    return folder


def write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def change_json(file: Path, **changes: object) -> None:
    """Change fields of a JSON file; None takes one out."""
    value = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    write_json(file, {name: field for name, field in value.items() if field is not None})


def safetensors_bytes(tensors: Tensors, **changes: object) -> bytes:
    header: dict[str, object] = {}
    parts: list[bytes] = []
    at = 0
    for name, tensor in tensors.items():
        data = tensor.tobytes()
        header[name] = {
            "dtype": SAFETENSORS_TYPES[tensor.dtype.str],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(data)],
        }
        parts.append(data)
        at += len(data)
    text = json.dumps({"__metadata__": {"format": "pt"}, **header, **changes}).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def write_safetensors(file: Path, tensors: Tensors) -> None:
    file.write_bytes(safetensors_bytes(tensors))


# What torch.save writes, put together from pickle's opcodes. Files of torch's own are in tests/data/torch.


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def storage(key: str, kind: str, elements: int, *, legacy: bool = False) -> bytes:
    parts = text("storage") + name("torch", f"{kind}Storage") + text(key) + text("cpu") + number(elements)
    return b"(" + parts + (b"N" if legacy else b"") + b"tQ"


def tensor_program(
    place: bytes, shape: Sequence[int], strides: Sequence[int], offset: int = 0, *, parameter: bool = False
) -> bytes:
    hooks = name("collections", "OrderedDict") + b")R"
    tuples = b"".join(b"(" + b"".join(map(number, numbers)) + b"t" for numbers in (shape, strides))
    rebuilt = name("torch._utils", "_rebuild_tensor_v2") + b"(" + place + number(offset) + tuples + b"\x89"
    rebuilt += hooks + b"tR"
    if not parameter:
        return rebuilt
    return name("torch._utils", "_rebuild_parameter") + rebuilt + b"\x88" + hooks + b"\x87R"


def dictionary(programs: Mapping[str, bytes]) -> bytes:
    items = b"".join(text(key) + program for key, program in programs.items())
    return b"\x80\x02" + name("collections", "OrderedDict") + b")R(" + items + b"u."


def state_dictionary(tensors: Tensors, *, legacy: bool = False) -> bytes:
    programs = {}
    for index, (key, tensor) in enumerate(tensors.items()):
        strides = [step // tensor.itemsize for step in tensor.strides]
        place = storage(str(index), TORCH_TYPES[tensor.dtype.str], tensor.size, legacy=legacy)
        programs[key] = tensor_program(place, tensor.shape, strides)
    return dictionary(programs)


def write_torch_zip(file: Path, tensors: Tensors, program: bytes | None = None) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", state_dictionary(tensors) if program is None else program)
        archive.writestr("archive/byteorder", "little")
        for index, tensor in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{index}", tensor.tobytes(order="A"))
        archive.writestr("archive/version", "3\n")


def write_torch_legacy(file: Path, tensors: Tensors, program: bytes | None = None) -> None:
    magic = b"\x80\x02\x8a\x0a" + (0x1950A86A20F9469CFC6C).to_bytes(10, "little") + b"."
    system = b"\x80\x02}(" + text("little_endian") + b"\x88u."
    keys = b"\x80\x02](" + b"".join(text(str(index)) for index in range(len(tensors))) + b"e."
    parts = [struct.pack("<Q", tensor.size) + tensor.tobytes(order="A") for tensor in tensors.values()]
    content = state_dictionary(tensors, legacy=True) if program is None else program
    file.write_bytes(b"".join([magic, b"\x80\x02M\xe9\x03.", system, content, keys, *parts]))
