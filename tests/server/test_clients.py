"""Clients of other services, from PyPI, unchanged."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from huggingface_hub import InferenceClient
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

TEXTS = ["De koning opent een museum", "Beurs sluit hoger in Café ë 京都", ""]


def test_hugging_face_s_client(process, tiny):
    client = InferenceClient(model=process.url)
    answer = client.text_classification(TEXTS[0])
    assert {entry.label: entry.score for entry in answer} == pytest.approx(
        tiny.predict(TEXTS[0]).scores, abs=1e-6
    )
    named = InferenceClient(model=f"{process.url}/models/tiny-a")
    best = named.text_classification(TEXTS[1], top_k=2)
    assert [entry.label for entry in best] == [
        entry["label"] for entry in tiny.predict(TEXTS[1], top_k=2).top
    ]


def test_hugging_face_s_client_may_choose_the_function(process, tiny):
    client = InferenceClient(model=process.url)
    logits = {e.label: e.score for e in client.text_classification(TEXTS[0], function_to_apply="none")}
    sigmoid = {e.label: e.score for e in client.text_classification(TEXTS[0], function_to_apply="sigmoid")}
    softmax = {e.label: e.score for e in client.text_classification(TEXTS[0], function_to_apply="softmax")}
    values = np.array([logits[label] for label in tiny.labels])
    assert [sigmoid[label] for label in tiny.labels] == pytest.approx(1 / (1 + np.exp(-values)), abs=1e-5)
    assert [softmax[label] for label in tiny.labels] == pytest.approx(
        np.exp(values) / np.exp(values).sum(), abs=1e-5
    )


@pytest.fixture(scope="module")
def triton_client(process) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(process.url.removeprefix("http://"))
    yield client
    client.close()


def asked(texts: list[str], shape: list[int], *, binary: bool) -> list[triton.InferInput]:
    tensor = triton.InferInput("text", shape, "BYTES")
    values = np.array([text.encode() for text in texts], dtype=np.object_).reshape(shape)
    tensor.set_data_from_numpy(values, binary_data=binary)
    return [tensor]


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize("shape", [[3], [3, 1]], ids=str)
def test_triton_s_client(triton_client, tiny, binary, shape):
    names = ["label", "score", "scores", "tokens", "truncated"]
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in names]
    answer = triton_client.infer(
        "tiny-a", asked(TEXTS, shape, binary=binary), outputs=outputs, request_id="zeven"
    )
    wanted = list(tiny.predict(TEXTS))
    labels = answer.as_numpy("label").tolist()
    assert [value.decode() if isinstance(value, bytes) else value for value in labels] == [
        prediction.label for prediction in wanted
    ]
    assert answer.as_numpy("score") == pytest.approx([prediction.score for prediction in wanted], abs=1e-6)
    assert answer.as_numpy("scores").shape == (3, len(tiny.labels))
    assert answer.as_numpy("scores")[1] == pytest.approx(list(wanted[1].scores.values()), abs=1e-6)
    assert answer.as_numpy("tokens").tolist() == [prediction.tokens for prediction in wanted]
    assert answer.as_numpy("truncated").tolist() == [False, False, False]
    assert answer.get_response()["id"] == "zeven"


def test_triton_s_client_gets_all_outputs_when_it_names_none(triton_client):
    answer = triton_client.infer("tiny-a", asked(TEXTS, [3], binary=True), model_version="1")
    assert {tensor["name"] for tensor in answer.get_response()["outputs"]} >= {"label", "scores"}


def test_triton_s_client_asks_about_server_and_model(triton_client):
    assert triton_client.is_server_live()
    assert triton_client.is_server_ready()
    assert triton_client.is_model_ready("tiny-a")
    assert not triton_client.is_model_ready("another")
    assert triton_client.get_server_metadata()["name"] == "rubriek"
    (tensor,) = triton_client.get_model_metadata("tiny-a")["inputs"]
    assert (tensor["name"], tensor["datatype"]) == ("text", "BYTES")


def test_triton_s_client_reads_our_errors(triton_client):
    with pytest.raises(InferenceServerException, match="no such model"):
        triton_client.infer("another", asked(TEXTS, [3], binary=True))
    number = triton.InferInput("text", [1], "INT32")
    number.set_data_from_numpy(np.array([1], np.int32))
    with pytest.raises(InferenceServerException, match="holds no texts"):
        triton_client.infer("tiny-a", [number])
