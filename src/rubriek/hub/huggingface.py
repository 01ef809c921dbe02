"""Models of Hugging Face, through huggingface_hub and in its own cache, which other tools share."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
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

BUNDLE = (RECORD, MODEL, MODEL_DATA, TOKENIZER, "README.md", "NOTICE", "LICENSE")
SETTINGS = ("*.json", "*.txt")
WEIGHTS = (
    ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model-*.bin", "pytorch_model.bin.index.json"),
    ("model.onnx", "model.onnx*", "onnx/model.onnx", "onnx/model.onnx_data"),
)
"""Kinds of weights, the one preferred first. Repositories hold the same in several."""
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
        wanted = wanted_files(sizes)
        paths.check_names(wanted, error=DownloadError, where=str(repository))
        commit = str(info.sha)
        if not COMMIT.fullmatch(commit):  # it names a folder of the cache
            raise DownloadError(
                f"{repository} has no commit.", expected="40 digits", found=checks.shown(commit)
            )
        total = sum(wanted.values())
        check_room(_existing(Path.home()), total, str(repository))
        watcher().started(repository.name, total, 0)
        folder = snapshot_download(
            repository.name,
            revision=commit,
            endpoint=endpoint,
            allow_patterns=[glob.escape(name) for name in wanted],
            library_name="rubriek",
            tqdm_class=_silent_bar(),
        )
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
    except (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError, TypeError, LookupError) as error:
        raise DownloadError(
            f"{repository} cannot be fetched.",
            found=f"{type(error).__name__}: {_first_line(error)}",
            hint="try again; what has arrived is kept. HF_ENDPOINT and HTTPS_PROXY name other ways there",
        ) from error
    finally:
        watcher().ended()
    return Path(folder), commit


def wanted_files(sizes: Mapping[str, int]) -> dict[str, int]:
    """Choose the files that a bundle is made of: all of a bundle, else settings and one kind of weights.

    Raises
    ------
    ModelNotFoundError
        If there are no weights that rubriek reads.

    Examples
    --------
    >>> list(wanted_files({"config.json": 1, "model.safetensors": 2, "pytorch_model.bin": 2, "a.h5": 2}))
    ['config.json', 'model.safetensors']
    """
    if RECORD in sizes:
        return {name: sizes[name] for name in BUNDLE if name in sizes}
    for kind in WEIGHTS:
        if any(fnmatch(name, pattern) for name in sizes for pattern in kind):
            return {
                name: size
                for name, size in sizes.items()
                if any(fnmatch(name, pattern) for pattern in kind)
                or ("/" not in name and any(fnmatch(name, pattern) for pattern in SETTINGS))
            }
    raise ModelNotFoundError(
        "The repository holds no weights that rubriek reads.",
        expected=", ".join(kind[0] for kind in WEIGHTS),
        found=", ".join(sorted(sizes)[:12]) or "nothing",
    )


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
