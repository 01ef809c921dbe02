"""Who is compared: each contender is a module of this package, run in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.peers import install_line

REFERENCE = "ONNX Runtime fp32, one by one"
SPARK_NLP = "Spark NLP, local[2]"
FP32, INT8 = "rubriek fp32", "rubriek int8"
OPENVINO_FP32 = "rubriek, OpenVINO fp32"


@dataclass(frozen=True)
class Contender:
    """One row of the table.

    Attributes
    ----------
    name : str
        What the table calls it.
    module : str
        The module of this package that runs it.
    model : {"onnx", "huggingface", "fp32", "int8"}
        Which form of the model it reads: the plain export, the Hugging Face folder, or a bundle of rubriek's.
    environment : {"rubriek", "sparknlp", "transformers"}
        Whose interpreter runs it.
    options : dict of str to str
        Passed on to the module.
    needs : tuple of str
        What must be installed; see `benchmarks.peers.install_line`.
    """

    name: str
    module: str
    model: Literal["onnx", "huggingface", "fp32", "int8"]
    environment: Literal["rubriek", "sparknlp", "transformers"] = "rubriek"
    options: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    @property
    def is_rubriek(self) -> bool:
        return self.module == "rubriek_classifier"

    def missing(self) -> str | None:
        """The line that installs what it lacks; None when it can run."""
        return next((line for line in map(install_line, self.needs) if line), None)


# The plain export is made by torch in the transformers environment, so whoever reads it needs that too.
CONTENDERS = (
    Contender(SPARK_NLP, "spark_nlp", "onnx", "sparknlp", needs=("java", "sparknlp", "transformers")),
    *(
        Contender(
            f"transformers pipeline, torch fp32, batch {size}",
            "transformers_pipeline",
            "huggingface",
            "transformers",
            {"batch_size": str(size)},
            ("transformers",),
        )
        for size in (1, 8)
    ),
    Contender(REFERENCE, "plain_onnxruntime", "onnx", options={"batch_size": "1"}, needs=("transformers",)),
    Contender(
        "ONNX Runtime fp32, by 8 in arrival order",
        "plain_onnxruntime",
        "onnx",
        options={"batch_size": "8"},
        needs=("transformers",),
    ),
    *(
        Contender(
            f"text-embeddings-inference, {clients} client{'s' if clients > 1 else ''}",
            "embeddings_inference",
            "onnx",
            options={"clients": str(clients)},
            needs=("tei", "transformers"),
        )
        for clients in (1, 32)
    ),
    Contender(FP32, "rubriek_classifier", "fp32"),
    Contender(INT8, "rubriek_classifier", "int8"),
    *(
        Contender(
            f"rubriek, OpenVINO {precision}",
            "rubriek_classifier",
            "int8" if precision.startswith("int8") else "fp32",
            options={"engine": "openvino", "precision": precision},
            needs=("openvino",),
        )
        for precision in ("fp32", "bf16", "int8", "int8-bf16")
    ),
)
