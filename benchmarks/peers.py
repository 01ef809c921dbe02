"""Where the peers are, and the line that installs one that is not there."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeVar

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ROOT / "benchmarks" / ".peers"
SPARKNLP_PACKAGE = "com.johnsnowlabs.nlp:spark-nlp_2.12:5.5.3"
INSTALL_PEERS = "scripts/bench --peers"


def python_of(environment: str) -> Path:
    """The interpreter of a contender's environment; rubriek's own is the one that runs this."""
    return Path(sys.executable) if environment == "rubriek" else ENVIRONMENTS / environment / "bin" / "python"


def shared_peers() -> Path:
    """Folder of the peers' binaries: in the one that RUBRIEK_SHARED names, default ../shared."""
    return Path(os.environ.get("RUBRIEK_SHARED", ROOT.parent / "shared")) / "peers"


def sparknlp_jars() -> list[str]:
    """Spark NLP's jars on this machine; none means that Spark fetches `SPARKNLP_PACKAGE`."""
    return sorted(str(jar) for jar in (shared_peers() / "sparknlp-jars").glob("*.jar"))


def tei_binary() -> Path:
    return shared_peers() / "tei" / "text-embeddings-router"


def tei_command(model: Path, port: int) -> list[str]:
    """The command line that serves a folder with text-embeddings-inference on a port of 127.0.0.1."""
    command = [str(tei_binary()), "--model-id", str(model.resolve()), "--hostname", "127.0.0.1"]
    return [*command, "--port", str(port), "--auto-truncate", "--max-client-batch-size", "32"]


def tei_environment() -> dict[str, str]:
    """What its ONNX Runtime backend needs to find: the library that the onnxruntime package brings."""
    import onnxruntime

    library = next(Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so.*"))
    return {"ORT_DYLIB_PATH": str(library)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def install_line(need: str) -> str | None:
    """None when ``need`` is there, else the line that installs it.

    Parameters
    ----------
    need : {"sparknlp", "serving", "transformers", "transformers on spark", "java", "tei", "openvino"}
        An environment under benchmarks/.peers, a program, or a package of rubriek's own environment.
    """
    there, line = {
        "sparknlp": (python_of("sparknlp").exists(), INSTALL_PEERS),
        "transformers": (python_of("transformers").exists(), INSTALL_PEERS),
        "serving": (python_of("serving").exists(), INSTALL_PEERS),
        "transformers on spark": (
            any((ENVIRONMENTS / "transformers").glob("lib/python3*/site-packages/pyspark")),
            INSTALL_PEERS,
        ),
        "java": (shutil.which("java") is not None, "apt-get install openjdk-17-jre-headless"),
        "tei": (
            tei_binary().exists(),
            "cargo install --path router -F ort (in text-embeddings-inference's source), "
            "then put text-embeddings-router into $RUBRIEK_SHARED/peers/tei/",
        ),
        "openvino": (importlib.util.find_spec("openvino") is not None, "scripts/install --dev"),
    }[need]
    return None if there else line


class Candidate(Protocol):
    """Who may be measured: a contender or a service."""

    @property
    def name(self) -> str: ...

    def missing(self) -> str | None: ...


AnyCandidate = TypeVar("AnyCandidate", bound=Candidate)


def split(candidates: Iterable[AnyCandidate], only: str = "") -> tuple[list[AnyCandidate], dict[str, str]]:
    """Of those whose name holds ``only``: who can run here, and the line that installs each of the others."""
    chosen = [one for one in candidates if only.lower() in one.name.lower()]
    missing = {one.name: line for one in chosen if (line := one.missing())}
    return [one for one in chosen if one.name not in missing], missing
