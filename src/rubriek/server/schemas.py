"""JSON Schemas of what goes in and comes out: the components of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rubriek.server.huggingface import FUNCTIONS, TRUNCATION
from rubriek.server.kserve import OUTPUTS
from rubriek.server.limits import Limits
from rubriek.server.samples import samples

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
WHOLE: Schema = {"type": "integer"}
BOOLEAN: Schema = {"type": "boolean"}


def ref(name: str) -> Schema:
    """Point at a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema, **more: Any) -> Schema:
    """Describe an array."""
    return {"type": "array", "items": items, **more}


def an_object(properties: dict[str, Schema], *required: str, closed: bool = True, **more: Any) -> Schema:
    """Describe an object."""
    told: Schema = {"type": "object", "properties": properties, **more}
    if required:
        told["required"] = list(required)
    if closed:
        told["additionalProperties"] = False
    return told


def or_null(schema: Schema) -> Schema:
    """Describe a field that may be null."""
    if "type" in schema:
        told = {**schema, "type": [schema["type"], "null"]}
        return {**told, "enum": [*schema["enum"], None]} if "enum" in schema else told
    return {"anyOf": [schema, {"type": "null"}]}


def option_schemas() -> dict[str, Schema]:
    """Describe the options of a request."""
    positive = {"type": "integer", "minimum": 1}
    return {
        "top_k": {**positive, "description": "Add `top`: so many of the best labels with their scores."},
        "threshold": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "Multi-label models: the score from which a label counts.",
        },
        "overflow": {
            "type": "string",
            "enum": ["truncate", "error", "windows"],
            "description": "Texts longer than the model reads: cut and say so (the default), refuse, or read "
            "whole in overlapping windows.",
        },
        "stride": {**positive, "description": "With `overflow` windows: pieces from one window to the next."},
        "max_length": {
            "type": "integer",
            "minimum": 3,
            "description": "Most pieces that are read at once, special tokens included; at most the model's.",
        },
    }


def components(limits: Limits, models: list[str]) -> dict[str, Schema]:
    """Describe all that goes in and comes out."""
    text = {"type": "string", "maxLength": limits.text_characters}
    texts = array(or_null(text), maxItems=limits.texts, description="null stands for no text")
    name = {"type": "string", "enum": models}
    asked = {
        "model": or_null({**name, "description": "Default: the first."}),
        "scores": or_null({**BOOLEAN, "description": "Whether the answer has the scores of all labels."}),
        **{option: or_null(schema) for option, schema in option_schemas().items()},
    }
    ranked = an_object({"label": STRING, "score": NUMBER}, "label", "score")
    by_label = {"type": "object", "additionalProperties": NUMBER}
    tensor = an_object(
        {
            "name": STRING,
            "shape": array({"type": "integer", "minimum": 0}, minItems=1, maxItems=2),
            "datatype": {"type": "string", "enum": ["BYTES"]},
            "parameters": {"type": "object"},
            "data": array({"anyOf": [text, array(text, minItems=1, maxItems=1)]}),
        },
        "name",
        "shape",
        "datatype",
    )
    span = {"start": WHOLE, "end": WHOLE, "text": STRING, "weight": NUMBER, "without": NUMBER}
    explained = {
        "label": STRING,
        "score": NUMBER,
        "scores": by_label,
        "spans": array(an_object(span, *span)),
        "read": WHOLE,
        "tokens": WHOLE,
        "truncated": BOOLEAN,
        "windows": WHOLE,
    }
    words = {
        "type": "object",
        "additionalProperties": {"type": "object", "additionalProperties": STRING},
    }
    about = {
        "name": STRING,
        "labels": array(STRING),
        "problem_type": STRING,
        "threshold": or_null({"anyOf": [NUMBER, array(NUMBER)], "description": "Multi-label models."}),
        "max_length": WHOLE,
        "precision": STRING,
        "engine": STRING,
        "threads": WHOLE,
        "loaded": {"type": "string", "format": "date-time"},
        "title": STRING,
        "language": {**STRING, "description": "Of the texts, as the model's card says; empty if unknown."},
        "words": {**words, "description": "What the page calls things, by its languages."},
        "examples": array(STRING, description="Texts of the model's card."),
    }
    result = {
        "label": or_null(STRING),
        "score": or_null(NUMBER),
        "scores": or_null({**by_label, "description": "With `scores`."}),
        "top": or_null({**array(ranked), "description": "With `top_k`."}),
        "labels": or_null({**array(STRING), "description": "Multi-label models."}),
        "tokens": or_null({**WHOLE, "description": "Pieces of the whole text, before any cut."}),
        "truncated": or_null(BOOLEAN),
        "windows": or_null(WHOLE),
        "empty": or_null(BOOLEAN),
    }
    classifier = {
        "id2label": {"type": "object", "additionalProperties": STRING},
        "label2id": {"type": "object", "additionalProperties": WHOLE},
    }
    info = {
        "model_id": STRING,
        "model_sha": {"type": "null"},
        "model_dtype": STRING,
        "served_model_name": STRING,
        "model_type": an_object({"classifier": an_object(classifier, *classifier)}, "classifier"),
        "max_concurrent_requests": WHOLE,
        "max_input_length": WHOLE,
        "max_batch_tokens": WHOLE,
        "max_batch_requests": {"type": "null"},
        "max_client_batch_size": WHOLE,
        "auto_truncate": BOOLEAN,
        "tokenization_workers": WHOLE,
        "version": STRING,
        "sha": {"type": "null"},
        "docker_label": {"type": "null"},
    }
    schemas: dict[str, Schema] = {
        "ClassifyRequest": {
            "oneOf": [
                an_object({"text": text, **asked}, "text"),
                an_object({"texts": texts, **asked}, "texts"),
            ]
        },
        "Result": an_object(result, "label", "score", "tokens", "truncated", "windows", "empty"),
        "ClassifyResponse": an_object({"model": STRING, "results": array(ref("Result"))}, "model", "results"),
        "ExplainRequest": an_object(
            {
                "text": text,
                "model": or_null(name),
                "label": or_null({**STRING, "description": "Default: the best one."}),
                "spans": or_null({"type": "integer", "minimum": 1, "maximum": 128}),
                "max_length": or_null({"type": "integer", "minimum": 3}),
            },
            "text",
        ),
        "ExplainResponse": an_object({"model": STRING, **explained}, "model", *explained),
        "Models": an_object({"models": array(an_object(about, *about))}, "models"),
        "Status": an_object({"status": STRING}, "status"),
        "Unhealthy": an_object({"error": STRING, "error_type": STRING}, "error", "error_type"),
        "Info": an_object(info, *info),
        "PredictRequest": an_object(
            {
                "inputs": {
                    "anyOf": [
                        text,
                        array(text, minItems=1, maxItems=1),
                        array(array(text, minItems=1, maxItems=1), minItems=1, maxItems=limits.texts),
                    ]
                },
                "truncate": or_null(
                    {**BOOLEAN, "description": "Cut longer texts, instead of refusing them."}
                ),
                "truncation_direction": or_null({"type": "string", "enum": ["Right", "right"]}),
                "raw_scores": or_null({**BOOLEAN, "description": "Give logits."}),
            },
            "inputs",
        ),
        "PredictResponse": {"anyOf": [array(ranked), array(array(ranked))]},
        "TextClassificationRequest": an_object(
            {
                "inputs": {"anyOf": [text, array(text, maxItems=limits.texts)]},
                "parameters": or_null(
                    an_object(
                        {
                            "top_k": or_null({"type": "integer", "minimum": 1}),
                            "function_to_apply": or_null({"type": "string", "enum": list(FUNCTIONS)}),
                            "truncation": {
                                "enum": [*TRUNCATION, None],
                                "description": "Whether longer texts are cut (the default) or refused.",
                            },
                            "return_all_scores": or_null(
                                {**BOOLEAN, "description": "All labels, or the best alone; not with `top_k`."}
                            ),
                        }
                    )
                ),
                "options": or_null({"type": "object"}),
            },
            "inputs",
        ),
        "TextClassificationResponse": array(array(ranked)),
        "InferRequest": an_object(
            {
                "id": or_null(STRING),
                "parameters": or_null({"type": "object"}),
                "inputs": array(tensor, minItems=1, maxItems=1),
                "outputs": or_null(
                    array(
                        an_object(
                            {
                                "name": {"type": "string", "enum": list(OUTPUTS)},
                                "parameters": or_null({"type": "object"}),
                            },
                            "name",
                        )
                    )
                ),
            },
            "inputs",
        ),
        "InferResponse": an_object(
            {
                "model_name": STRING,
                "model_version": STRING,
                "id": STRING,
                "outputs": array({"type": "object"}),
            },
            "model_name",
            "outputs",
        ),
        "ServerMetadata": an_object(
            {"name": STRING, "version": STRING, "extensions": array(STRING)}, "name", "version", "extensions"
        ),
        "ModelMetadata": an_object(
            {
                "name": STRING,
                "versions": array(STRING),
                "platform": STRING,
                "inputs": array({"type": "object"}),
                "outputs": array({"type": "object"}),
            },
            "name",
            "platform",
            "inputs",
            "outputs",
        ),
        "ModelReady": an_object({"name": STRING, "ready": BOOLEAN}, "name", "ready"),
        "Error": an_object(
            {
                "error": {**STRING, "description": "What went wrong, in one sentence."},
                "error_type": {**STRING, "description": "The same in one word, for programs."},
                "expected": STRING,
                "found": STRING,
                "hint": STRING,
                "id": {**STRING, "description": "Of the request; the service's log has it."},
            },
            "error",
            "error_type",
            "id",
        ),
    }
    for schema, sample in samples(models[0]).items():
        schemas[schema]["examples"] = [sample]
    return schemas
