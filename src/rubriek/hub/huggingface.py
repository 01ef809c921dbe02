"""Models of Hugging Face, through huggingface_hub and in its own cache, which other tools share."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from rubriek import paths, settings
from rubriek.errors import DownloadError, ModelNotFoundError, RubriekError
from rubriek.hub.download import check_room
from rubriek.hub.progress import watcher
from rubriek.hub.references import Repository
from rubriek.models import checks
from rubriek.models.bundle import MODEL, MODEL_DATA, RECORD, TOKENIZER
from rubriek.models.config_file import CONFIG, needs_onnx, read_config
from rubriek.models.importing import ADAPTER, adapter_alone
from rubriek.models.onnx_folder import PLACES, choose_onnx

BUNDLE = (RECORD, MODEL, MODEL_DATA, TOKENIZER, "README.md", "NOTICE", "LICENSE")
SETTINGS = ("*.json", "*.txt")
WEIGHTS = (
    ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model-*.bin", "pytorch_model.bin.index.json"),
)
"""Kinds of weights, the one preferred first. Repositories hold the same in several."""
UNCHECKED = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What huggingface_hub raises for JSON that is not of the form it takes for granted."""
COMMIT = re.compile(r"[0-9a-f]{40}")


def snapshot(repository: Repository) -> tuple[Path, str]:
    """Fetch the files of a repository that a bundle is made of.

    ``HF_ENDPOINT``, ``HF_HOME``, ``HF_TOKEN`` and the other variables of huggingface_hub count.

    Parameters
    ----------
    repository : Repository
        Its name and revision.

    Returns
    -------
    folder : Path
        In Hugging Face's cache.
    commit : str
        What the revision stands for now.

    Raises
    ------
    ModelNotFoundError
        If there is no such repository or revision, or it may not be read.
    DownloadError
        If it cannot be fetched.
    """
    import httpx2
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    endpoint = os.environ.get("HF_ENDPOINT")
    try:
        api = HfApi(endpoint=endpoint, library_name="rubriek")
        info = api.model_info(
            repository.name,
            revision=repository.revision,
            files_metadata=True,
            timeout=settings.network_timeout(),
        )
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        commit = str(info.sha)
        if not COMMIT.fullmatch(commit):  # it names a folder of the cache
            raise DownloadError(
                f"{repository} has no commit.", expected="40 digits", found=checks.shown(commit)
            )

        def fetch(names: Iterable[str]) -> Path:
            names = list(names)
            paths.check_names(names, error=DownloadError, where=str(repository))
            return Path(
                snapshot_download(
                    repository.name,
                    revision=commit,
                    endpoint=endpoint,
                    allow_patterns=[glob.escape(name) for name in names],
                    library_name="rubriek",
                    tqdm_class=_silent_bar(),
                )
            )

        wanted = wanted_files(sizes)
        has_both = not _graphs(wanted) and _graphs(sizes)
        # The settings say which of two kinds of weights a bundle can be made of.
        if has_both and CONFIG in wanted and needs_onnx(read_config(fetch([CONFIG]))):
            wanted = wanted_files(sizes, graph_first=True)
        total = sum(wanted.values())
        check_room(_existing(Path.home()), total, str(repository))
        watcher().started(repository.name, total, 0)
        folder = fetch(wanted)
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise ModelNotFoundError(
            f"There is no {repository}, or it may not be read.",
            found=_first_line(error),
            hint="is the name right? For what is private or gated, HF_TOKEN must hold a token",
        ) from error
    except OfflineModeIsEnabled as error:
        raise DownloadError(f"{repository} cannot be fetched.", found="HF_HUB_OFFLINE is set") from error
    except RubriekError:
        raise
    except (HfHubHTTPError, httpx2.HTTPError, OSError, *UNCHECKED) as error:
        raise DownloadError(
            f"{repository} cannot be fetched.",
            found=f"{type(error).__name__}: {_first_line(error)}",
            hint="try again; what has arrived is kept. HF_ENDPOINT and HTTPS_PROXY name other ways there",
        ) from error
    finally:
        watcher().ended()
    return folder, commit


def wanted_files(sizes: Mapping[str, int], *, graph_first: bool = False) -> dict[str, int]:
    """Choose the files that a bundle is made of: all of a bundle, else settings and one kind of weights.

    Parameters
    ----------
    sizes : mapping of str to int
        All files of the repository.
    graph_first : bool, default False
        Prefer an ONNX graph to weights, where there are both: the weights are of a model of another kind.

    Raises
    ------
    ModelNotFoundError
        If there are no weights that rubriek reads.
    UnsupportedModelError
        If there is an adapter alone.

    Examples
    --------
    >>> list(wanted_files({"config.json": 1, "model.safetensors": 2, "pytorch_model.bin": 2, "a.h5": 2}))
    ['config.json', 'model.safetensors']
    """
    if RECORD in sizes:
        return {name: sizes[name] for name in BUNDLE if name in sizes}
    weights = next((kind for kind in WEIGHTS if _any_of(kind, sizes)), None)
    graph = None if weights and not graph_first else _graph(sizes)
    chosen = graph or weights
    if chosen is not None:
        return {
            name: size
            for name, size in sizes.items()
            if _any_of(chosen, [name]) or ("/" not in name and _any_of(SETTINGS, [name]))
        }
    if ADAPTER in sizes:
        raise adapter_alone("The repository")
    raise ModelNotFoundError(
        "The repository holds no weights that rubriek reads.",
        expected=", ".join([*(kind[0] for kind in WEIGHTS), *PLACES]),
        found=", ".join(sorted(sizes)[:12]) or "nothing",
    )


def _graph(sizes: Mapping[str, int]) -> tuple[str, ...] | None:
    """Find an ONNX graph, and name it and the files of its tensors."""
    chosen = choose_onnx(_graphs(sizes))
    return None if chosen is None else (chosen, f"{chosen}_data*", f"{chosen}.data*")


def _graphs(names: Iterable[str]) -> list[str]:
    return sorted(
        name for name in names if name.endswith(".onnx") and name.rpartition("/")[0] in ("", "onnx")
    )


def _any_of(patterns: Sequence[str], names: Iterable[str]) -> bool:
    return any(fnmatch(name, pattern) for name in names for pattern in patterns)


def _silent_bar() -> Any:
    """Make a bar of tqdm that shows nothing and tells our watcher of the bytes."""
    from tqdm import tqdm

    told, done = watcher(), [0]

    class Silent(tqdm):  # type: ignore[type-arg]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)  # of huggingface_hub's own subclass
            self._counts = options.get("unit") == "B"
            super().__init__(*arguments, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            if self._counts:
                done[0] += int(n or 0)
                told.progressed(done[0])
            return None

    return Silent


def _existing(folder: Path) -> Path:
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    return next((parent for parent in [cache, *cache.parents] if parent.is_dir()), folder)


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
