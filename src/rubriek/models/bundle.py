"""The bundle: a model on disk, as rubriek runs it.

A folder with ``model.onnx`` (and ``model.onnx.data`` where the weights are too large for one file),
``tokenizer.json`` and ``rubriek.json``, which holds all that is needed to read the logits.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rubriek.engines import STORED, Stored
from rubriek.errors import BundleError, ModelNotFoundError
from rubriek.models import checks
from rubriek.models.checks import Fields, listing
from rubriek.models.onnx_summary import count_logits, loop_in
from rubriek.models.record import (
    FORMAT_VERSION,
    MODEL,
    MODEL_DATA,
    NAME,
    RECORD,
    TOKENIZER,
    Agreement,
    ProblemType,
    TruncationSide,
    agreement_of,
    encoder_of,
    files_of,
    labels_of,
    problem_type_of,
    side_of,
    threshold_of,
)

__all__ = [
    "MODEL",
    "MODEL_DATA",
    "NAME",
    "RECORD",
    "TOKENIZER",
    "Agreement",
    "Bundle",
    "ProblemType",
    "parse_record",
]

AGAIN = "copy or import the model again"


@dataclass(frozen=True)
class Bundle:
    """A model on disk.

    Attributes
    ----------
    folder : Path
        Where it lies.
    name : str
        Its name: letters, digits, ``.``, ``_`` and ``-``.
    labels : tuple of str
        The labels, in the order of the logits.
    problem_type : str
        ``"single_label_classification"``, ``"multi_label_classification"`` or ``"regression"``.
    max_length : int
        Most pieces that the model sees at once, special tokens included.
    precision : {"fp32", "int8"}
        What model.onnx computes in.
    weight_bits : int, default 8
        Bits of int8 weights. With 7, as `rubriek.models.quantize` writes them, the quickest int8 kernel of
        every processor is exact; with 8, as in older bundles, processors without VNNI need a slower one.
    pad_id, unk_id, cls_id, sep_id : int
        Ids of the special tokens.
    truncation_side : {"right", "left"}, default "right"
        The end of a text that is cut off where it has too many pieces.
    threshold : float or tuple of float, default 0.5
        Multi-label models: the score from which a label counts, for all labels or for each.
    encoder : dict of str to int, optional
        ``hidden_size``, ``layers``, ``heads``, ``intermediate_size``, ``vocab_size``, ``max_positions``; None
        where a foreign ONNX file does not tell.
    source : dict
        Where it came from: ``format``, ``path`` or ``name``, ``checksums`` of what was imported, ...
    agreement : Agreement, optional
        Of a lower precision with fp32.
    checksums : dict of str to str
        SHA-256 of model.onnx, model.onnx.data and tokenizer.json. Cards and notices may be edited.
    sizes : dict of str to int
        Bytes of the same files.

    Examples
    --------
    >>> Bundle.open("no-such-folder")
    Traceback (most recent call last):
    ...
    rubriek.errors.ModelNotFoundError: There is no bundle at no-such-folder.
      expected: a folder with rubriek.json
    """

    folder: Path
    name: str
    labels: tuple[str, ...]
    problem_type: ProblemType
    max_length: int
    precision: Stored
    pad_id: int
    unk_id: int
    cls_id: int
    sep_id: int
    truncation_side: TruncationSide = "right"
    threshold: float | tuple[float, ...] = 0.5
    weight_bits: int = 8
    encoder: dict[str, int] | None = None
    source: dict[str, Any] = field(default_factory=dict)
    agreement: Agreement | None = None
    checksums: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def model_file(self) -> Path:
        """The ONNX graph."""
        return self.folder / MODEL

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer, in the format of the ``tokenizers`` library."""
        return self.folder / TOKENIZER

    @property
    def size(self) -> int:
        """Bytes on disk, rubriek.json left out."""
        return sum(self.sizes.values())

    @classmethod
    def open(cls, folder: Path | str, *, verify: bool = False) -> Bundle:
        """Read a bundle's record and check it.

        Parameters
        ----------
        folder : path
            The bundle.
        verify : bool, default False
            Compute the checksums of all files too, not only their sizes.

        Returns
        -------
        Bundle

        Raises
        ------
        ModelNotFoundError
            If there is no such folder.
        BundleError
            If it is incomplete, contradicts itself, or is not what was written.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise ModelNotFoundError(f"There is no bundle at {folder}.", expected=f"a folder with {RECORD}")
        if not (folder / RECORD).is_file():
            raise BundleError(
                f"{folder} is not a bundle.",
                expected=f"a file {RECORD}",
                found=listing(folder),
                hint="import the model first: rubriek models import FOLDER",
            )
        bundle = parse_record(folder, checks.read_object(folder / RECORD, error=BundleError))
        bundle._check_sizes()
        if verify:
            bundle.verify()
        return bundle

    def _check_sizes(self) -> None:
        for name, expected in self.sizes.items():
            file = self.folder / name
            if not file.is_file():
                raise BundleError(
                    f"The bundle {self.folder} is incomplete.",
                    expected=f"a file {name}",
                    found=listing(self.folder),
                    hint=AGAIN,
                )
            if file.stat().st_size != expected:
                checks.refuse_stand_in(file, BundleError)
                raise BundleError(
                    f"{file} is not the file that was written.",
                    expected=f"{expected:,} bytes",
                    found=f"{file.stat().st_size:,} bytes",
                    hint=AGAIN,
                )

    def check_graph(self) -> None:
        """Compare the labels with the graph, and look for loops in it, before anything is computed.

        A graph that does not state how many logits it gives, or cannot be read, is left to the engine.

        Raises
        ------
        BundleError
            If the graph gives another number of logits than there are labels, or has a loop.
        """
        if loop := loop_in(self.model_file):
            raise BundleError(
                f"{self.model_file} has a loop, and nothing says that it ends.",
                expected="operators that run once",
                found=loop,
                hint="import the model again; its ONNX file must be exported without loops",
            )
        found = count_logits(self.model_file)
        if found is not None and found != len(self.labels):
            raise BundleError(
                f"The bundle {self.folder} has labels of another model.",
                expected=f"{found} labels, as {MODEL} has logits",
                found=str(len(self.labels)),
                hint=AGAIN,
            )

    def verify(self) -> None:
        """Compare every file with its checksum.

        Raises
        ------
        BundleError
            If one differs.
        """
        self._check_sizes()
        for name, expected in self.checksums.items():
            found = checks.sha256(self.folder / name)
            if found != expected:
                raise BundleError(
                    f"{self.folder / name} is not the file that was written.",
                    expected=f"SHA-256 {expected}",
                    found=f"SHA-256 {found}",
                    hint=AGAIN,
                )

    def seal(self) -> Bundle:
        """Write rubriek.json, with the checksums of the files that lie in the folder now.

        Returns
        -------
        Bundle
            The bundle with its checksums.

        Raises
        ------
        BundleError
            If it could not be opened again: a field out of range, a file missing.
        """
        names = {name: self.folder / name for name in (MODEL, MODEL_DATA, TOKENIZER)}
        names = {name: path for name, path in names.items() if path.is_file()}
        sealed = replace(
            self,
            checksums={name: checks.sha256(path) for name, path in names.items()},
            sizes={name: path.stat().st_size for name, path in names.items()},
        )
        text = json.dumps(_record(sealed), ensure_ascii=False, indent=2, allow_nan=False)
        parse_record(self.folder, Fields(json.loads(text), RECORD, BundleError))
        # A path that is not Unicode gets question marks: it says where the model came from, and no more.
        (self.folder / RECORD).write_bytes(text.encode("utf-8", "replace") + b"\n")
        return sealed


def _record(bundle: Bundle) -> dict[str, Any]:
    return {
        "format": "rubriek bundle",
        "format_version": FORMAT_VERSION,
        "name": bundle.name,
        "labels": list(bundle.labels),
        "problem_type": bundle.problem_type,
        "threshold": list(bundle.threshold) if isinstance(bundle.threshold, tuple) else bundle.threshold,
        "max_length": bundle.max_length,
        "truncation_side": bundle.truncation_side,
        "precision": bundle.precision,
        "weight_bits": bundle.weight_bits,
        "special_ids": {kind: getattr(bundle, f"{kind}_id") for kind in ("pad", "unk", "cls", "sep")},
        "encoder": bundle.encoder,
        "agreement": None if bundle.agreement is None else asdict(bundle.agreement),
        "source": bundle.source,
        "files": {
            name: {"bytes": bundle.sizes[name], "sha256": digest} for name, digest in bundle.checksums.items()
        },
    }


def parse_record(folder: Path, record: Fields) -> Bundle:
    """Make a bundle of what rubriek.json says, every field checked.

    Raises
    ------
    BundleError
        If a field is missing, of the wrong type, out of range, or contradicts another.
    """
    version = record.integer("format_version", least=1)
    if version > FORMAT_VERSION:
        raise record.wrong(
            "format_version", f"at most {FORMAT_VERSION}", hint="a newer rubriek reads this bundle"
        )
    name = record.text("name", most=100)
    if not NAME.fullmatch(name):
        raise record.wrong("name", "letters, digits, '.', '_' and '-'")
    labels = labels_of(record)
    encoder = encoder_of(record)
    ids = record.fields("special_ids")
    most_id = encoder["vocab_size"] - 1 if encoder else 2**31 - 1
    files = files_of(record)
    return Bundle(
        folder=folder,
        name=name,
        labels=labels,
        problem_type=problem_type_of(record, len(labels)),
        max_length=record.integer(
            "max_length", least=3, most=encoder["max_positions"] if encoder else 1_000_000
        ),
        precision=record.text("precision", choices=STORED),  # type: ignore[arg-type]
        weight_bits=record.integer("weight_bits", least=1, most=8) if "weight_bits" in record else 8,
        pad_id=ids.integer("pad", least=0, most=most_id),
        unk_id=ids.integer("unk", least=0, most=most_id),
        cls_id=ids.integer("cls", least=0, most=most_id),
        sep_id=ids.integer("sep", least=0, most=most_id),
        truncation_side=side_of(record) if "truncation_side" in record else "right",
        threshold=threshold_of(record, len(labels)),
        encoder=encoder,
        source=record.fields("source").values,
        agreement=agreement_of(record),
        checksums={name: file.text("sha256", most=64) for name, file in files.items()},
        sizes={name: file.integer("bytes", least=0, most=2**50) for name, file in files.items()},
    )
