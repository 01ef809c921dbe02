"""What one writes first: a FastAPI endpoint that calls the ONNX Runtime session for each request."""

from __future__ import annotations

from typing import Any

import fastapi
import onnxruntime
import uvicorn
from pydantic import BaseModel

from benchmarks.contenders.plain_onnxruntime import PlainModel
from benchmarks.serving.peer import arguments, entries


class Question(BaseModel):
    inputs: str


def main() -> None:
    given = arguments(
        f"fastapi {fastapi.__version__}, uvicorn {uvicorn.__version__}, ONNX Runtime "
        f"{onnxruntime.__version__}, its defaults; a function in FastAPI's thread pool"
    )
    model = PlainModel(given.model, given.max_length)
    app = fastapi.FastAPI()

    @app.post("/predict")
    def predict(question: Question) -> list[dict[str, Any]]:
        (logits,) = model.logits([question.inputs])
        return entries(model.labels, logits)

    uvicorn.run(app, host="127.0.0.1", port=given.port, log_level="warning")


if __name__ == "__main__":
    main()
