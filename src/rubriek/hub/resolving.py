"""From a reference to a model: first what is here, then the network. The one way there, for every face."""

from __future__ import annotations

import contextlib
import difflib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rubriek import settings
from rubriek.errors import (
    BundleError,
    DownloadError,
    ModelError,
    ModelNotFoundError,
    OfflineError,
    UnsupportedModelError,
)
from rubriek.hub import cache, local
from rubriek.hub.cache import Record
from rubriek.hub.fetching import Wanted, fetch
from rubriek.hub.hubs import DID_YOU_MEAN, Hub, hub_named
from rubriek.hub.references import (
    FORMS,
    NLU,
    Address,
    BareName,
    LocalPath,
    Reference,
    Repository,
    SparkNlpName,
    parse,
)
from rubriek.models.bundle import RECORD, Bundle

BUILT_IN = "nl-news"
SEED = "bert_classifier_dutch_news_clf_finetuned"
"""The model of the card whose nine labels `BUILT_IN` has."""


def resolve(ref: str | Path | Reference, *, refresh: bool = False) -> Bundle:
    """Find a model: here, or where the reference says. It is then in the cache and needs no network again.

    Parameters
    ----------
    ref : str, path or Reference
        One of:

        - the name of a model that is built in or in the cache, such as ``"nl-news"``;
        - the path of a bundle, a Hugging Face folder or an ONNX folder, of a zip of one, or of a folder or
          zip that Spark NLP saved; also with ``file://``. Write ``./name`` for a folder called like a model;
        - a reference of NLU, such as ``"nl.classify.bert.news.finetuned"``;
        - ``sparknlp://LANGUAGE/NAME``: a model of Spark NLP's Models Hub, or of the hub that ``RUBRIEK_HUB``
          names; ``sparknlp://FOLDER/LANGUAGE/NAME`` of another folder of it (Spark NLP's remote_loc). The
          name alone will do where the hub has it in one language;
        - ``hf://OWNER/NAME`` or ``hf://OWNER/NAME@REVISION``: a repository of Hugging Face;
        - the address of a zip or folder: ``https://``, ``s3://`` or ``gs://``.

        All but bundles are imported into the cache, once for each content; a line of the log (INFO) says so.
    refresh : bool, default False
        Fetch it anew even if it is in the cache. What is there stays until the new one is whole.

    Returns
    -------
    Bundle

    Raises
    ------
    ModelNotFoundError
        If there is no such model; the message names the nearest and what there is. Another model never takes
        its place.
    OfflineError
        If it is not here and ``RUBRIEK_OFFLINE`` forbids to fetch it.
    DownloadError
        If it cannot be fetched.
    CacheError
        If the cache has no room, or cannot be written.
    ModelError
        If there is one that cannot be used.

    Examples
    --------
    >>> resolve("nl-news").labels[:2]
    ('Binnenland', 'Buitenland')
    >>> resolve("no-such-folder/model")
    Traceback (most recent call last):
    ...
    rubriek.errors.ModelNotFoundError: There is no folder at no-such-folder/model.
    ...
    """
    reference = parse(ref)
    with _naming_the_built_in(reference):
        if not refresh and (found := _found(reference)) is not None:
            return found
        if isinstance(reference, BareName):
            return _by_name(reference, refresh=refresh)
        return _made(_fetched(reference, refresh=refresh))


def find(ref: str | Path | Reference) -> Bundle:
    """Find a model that is here, without the network. See `resolve`.

    Raises
    ------
    ModelNotFoundError
        If it is not here.
    ModelError
        If it is here and cannot be used.
    """
    reference = parse(ref)
    with _naming_the_built_in(reference):
        found = _found(reference)
        if found is not None:
            return found
        if isinstance(reference, BareName):
            raise _no_model(reference)
        raise ModelNotFoundError(f"{reference} is not in the cache.", hint=f"rubriek models pull {reference}")


def fetched(wanted: SparkNlpName) -> Path:
    """Return the folder of a model or pipeline of a hub, as Spark NLP saved it.

    Raises
    ------
    ModelNotFoundError, OfflineError, DownloadError, CacheError
        See `resolve`.
    """
    with _naming_the_built_in(wanted):
        folder = original(wanted)
        if folder is None:
            folder = _fetched(wanted, refresh=False).folder or _fetched(wanted, refresh=True).folder
        assert folder is not None, "it was fetched or found"
        return folder


def original(wanted: SparkNlpName) -> Path | None:
    """Return the folder of a model of a hub if it is in the cache as Spark NLP saved it."""
    known = _record(wanted)
    return None if known is None else known.folder


def _found(reference: Reference) -> Bundle | None:
    if isinstance(reference, LocalPath):
        path = local.existing(reference.path)
        if path is None:
            raise _no_model(reference)
        return local.at(path)
    if isinstance(reference, BareName):
        bundle = local.here(reference.name)
        if bundle is not None:
            return bundle
        reference = _of_hub(reference)
    known = _record(reference)
    return None if known is None else _made(known)


def _of_hub(reference: BareName) -> SparkNlpName:
    return SparkNlpName(*NLU.get(reference.name, (reference.name, None)))


def _record(reference: Reference) -> Record | None:
    """Find the record of what a reference has led to; of a hub's model the newest in the cache."""
    if not isinstance(reference, SparkNlpName):
        return next((known for known in cache.records() if str(reference) in known.references), None)
    named = hub_named()
    known = [
        record
        for record in cache.records()
        if record.name == reference.name
        and record.place == reference.place
        and (not reference.language or record.language in ("", reference.language))
        and (named is None or record.hub == named)
    ]
    languages = sorted({record.language for record in known})
    if len(languages) > 1 and not reference.language:
        names = [str(SparkNlpName(reference.name, language, reference.place)) for language in languages]
        raise ModelNotFoundError(
            f"The name {reference.name!r} stands for models of several languages in the cache.",
            expected=" or ".join(names),
        )
    return max(known, key=lambda record: record.time, default=None)


def _by_name(reference: BareName, *, refresh: bool) -> Bundle:
    """Look up a name that nothing here has in the hub."""
    wanted = _of_hub(reference)
    if reference.name in NLU:
        return _made(_fetched(wanted, refresh=refresh))
    try:
        # It may just be mistyped: nobody should wait long for a hub that is out of reach.
        return _made(_fetched(wanted, refresh=refresh, retries=0))
    except (OfflineError, DownloadError, ModelNotFoundError) as error:
        raise _no_model(reference, error) from error


def _fetched(
    reference: LocalPath | SparkNlpName | Repository | Address, *, refresh: bool, retries: int | None = None
) -> Record:
    if isinstance(reference, LocalPath):
        raise ModelError(f"{reference} is a path, so there is nothing to fetch.")
    if settings.offline() and not _is_here(reference):
        raise OfflineError(
            f"{reference} is not in the cache, and RUBRIEK_OFFLINE forbids to fetch it.",
            found=f"the cache {os.pathsep.join(map(str, settings.cache_folders()))}",
            hint="rubriek models list shows what is there; unset RUBRIEK_OFFLINE, or fetch it elsewhere and "
            "bring the cache here",
        )
    if isinstance(reference, Repository):
        return _of_hugging_face(reference)
    if isinstance(reference, Address):
        return fetch(Wanted(reference.url, str(reference)), refresh=refresh)
    hub = Hub.of(reference.place)
    resource = hub.find(reference, retries=retries)
    if not resource.zipped:
        raise UnsupportedModelError(f"{resource.file} of the hub is no zip, and rubriek reads only those.")
    wanted = Wanted(
        hub.address_of(resource.file),
        str(replace(reference, language=resource.language or reference.language)),
        md5=resource.checksum,
        hub=hub.address,
        place=reference.place,
        name=resource.name,
        language=resource.language or reference.language or "",
    )
    return fetch(wanted, refresh=refresh)


def _is_here(reference: SparkNlpName | Repository | Address) -> bool:
    """Tell whether a reference is of a hub that is a folder."""
    return isinstance(reference, SparkNlpName) and Hub.of(reference.place).address.startswith("file://")


def _of_hugging_face(repository: Repository) -> Record:
    from rubriek.hub import huggingface

    key = cache.key_of(str(repository))
    with cache.locked(key):
        folder, commit = huggingface.snapshot(repository)
        name = repository.name.replace("/", "-")
        made = (local.kept if (folder / RECORD).is_file() else local.at)(folder, name=name)
        record = Record(
            key=key,
            references=(str(repository),),
            address=str(repository),
            time=time.time(),
            revision=commit,
            bundle=made.folder.name,
        )
        cache.write(record)
    return record


def _made(record: Record) -> Bundle:
    """Return the bundle of what was fetched, imported if it is none yet."""
    cache.used(record.file)
    if (found := _bundle(record)) is not None:
        return found
    with cache.locked(record.key):
        record = cache.record(record.key) or record  # another process may have been quicker
        if (found := _bundle(record)) is not None:
            return found
        assert record.folder is not None, "a record without folder has a bundle"
        name = "_".join(part for part in (record.name, record.language) if part)
        name = name or record.key.rpartition("-")[0]
        if (record.folder / RECORD).is_file():
            own = settings.cache_folder() in record.folder.parents
            bundle = local.kept(record.folder, name=name, move=own)
            if own:
                shutil.rmtree(record.folder, ignore_errors=True)
        else:
            bundle = local.at(record.folder, name=name)
        cache.write(replace(record, bundle=bundle.folder.name))
    return bundle


def _bundle(record: Record) -> Bundle | None:
    made = cache.bundle_folder(record.bundle)
    if made is None:
        return None
    try:
        return _opened(made)
    except BundleError:
        if record.folder is None:
            raise
        return None  # it is imported anew


def _opened(folder: Path) -> Bundle:
    cache.used(folder / RECORD)
    return Bundle.open(folder)


def _no_model(reference: LocalPath | BareName, of_hub: ModelError | None = None) -> ModelNotFoundError:
    names = sorted({folder.name for folder in local.folders()})
    text = str(reference)
    near = [repr(name) for name in difflib.get_close_matches(Path(text).name, names, n=3)]
    found = None
    if of_hub is not None:
        reason = of_hub.found if isinstance(of_hub, DownloadError) else of_hub.expected
        found = (
            of_hub.message[:1].lower() + of_hub.message[1:].rstrip(".") + (f": {reason}" if reason else "")
        )
        if of_hub.hint and of_hub.hint.startswith(DID_YOU_MEAN):
            near += of_hub.hint.removeprefix(DID_YOU_MEAN).rstrip("?").split(" or ")
    hint = f"{DID_YOU_MEAN}{' or '.join(near)}?" if near else "rubriek models list"
    return ModelNotFoundError(
        f"There is no folder at {text}." if os.sep in text else f"There is no model {text!r}.",
        expected=f"one of {', '.join([*names, *NLU])}; or {FORMS.removeprefix('a name, ')}",
        found=found,
        hint=hint,
    )


@contextlib.contextmanager
def _naming_the_built_in(reference: Reference) -> Iterator[None]:
    """Where the model of the card cannot be had, say there is one of the same labels; a hint, no more."""
    try:
        yield
    except (ModelNotFoundError, DownloadError) as error:
        if SEED not in str(_of_hub(reference) if isinstance(reference, BareName) else reference):
            raise
        hint = f"the built-in model {BUILT_IN!r} has the same nine labels; it is another model"
        raise type(error)(
            error.message,
            expected=error.expected,
            found=error.found,
            hint=f"{error.hint}; {hint}" if error.hint else hint,
        ) from error
