"""A BertForSequenceClassification that starts as a linear probe on mean-pooled features.

The encoder was trained with mean pooling, while BertForSequenceClassification reads the last
layer's [CLS] only. One more encoder layer computes the mean inside the plain architecture, so that
any runtime that knows BERT can run it:

* query and key weights are 0: every piece attends to every unmasked piece equally;
* value weights are the identity: attention gives the mean of the last layer;
* the output projection is ``GAIN`` times the identity, so that in the layer norm that follows the
  mean outweighs the residual [CLS] vector;
* the feed-forward block gives 0 and its layer norm only normalises again.

The pooler standardises the features (its weight is a scaled diagonal, its tanh a soft clip) and the
classifier is a logistic regression on them. Everything is trainable from there.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, BertModel

from newsdata import LABELS

GAIN = 30.0
TANH_SCALE = 0.3
"""Standard deviation of a feature before the pooler's tanh: nearly linear, outliers clipped."""


def start_model(encoder_folder: Path) -> BertForSequenceClassification:
    """Load the encoder, add the mean-pooling layer; pooler and classifier are still to be fitted."""
    base = BertModel.from_pretrained(
        encoder_folder, add_pooling_layer=False, dtype=torch.float32, local_files_only=True
    )
    settings = base.config.to_dict()
    layers = settings["num_hidden_layers"]
    for stale in ("architectures", "tokenizer_class", "position_embedding_type", "dtype"):
        settings.pop(stale, None)
    settings.update(
        num_hidden_layers=layers + 1,
        id2label=dict(enumerate(LABELS)),
        label2id={name: i for i, name in enumerate(LABELS)},
        problem_type="single_label_classification",
    )
    model = BertForSequenceClassification(BertConfig(**settings))
    missing, unexpected = model.bert.load_state_dict(base.state_dict(), strict=False)
    new = (f"encoder.layer.{layers}.", "pooler.")
    if unexpected or not all(name.startswith(new) for name in missing):
        raise SystemExit(f"{encoder_folder}: unexpected weights {unexpected}, missing {missing}")
    _make_mean_pooling(model.bert.encoder.layer[layers])
    return model.eval()


@torch.no_grad()
def _make_mean_pooling(layer: nn.Module) -> None:
    attention, output = layer.attention.self, layer.attention.output
    size = attention.value.weight.shape[0]
    for linear in (attention.query, attention.key, attention.value, output.dense):
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
    attention.value.weight.copy_(torch.eye(size))
    output.dense.weight.copy_(GAIN * torch.eye(size))
    nn.init.zeros_(layer.output.dense.weight)
    nn.init.zeros_(layer.output.dense.bias)


@torch.no_grad()
def fit_probe(
    model: BertForSequenceClassification, features: np.ndarray, labels: np.ndarray, c: float
) -> float:
    """Set pooler and classifier from a logistic regression on ``features`` [texts, hidden].

    The features are the last layer's [CLS]. Returns the accuracy on the same texts.
    """
    mean, spread = features.mean(0), features.std(0)
    scale = TANH_SCALE / spread
    pooler, classifier = model.bert.pooler.dense, model.classifier
    pooler.weight.copy_(torch.diag(torch.from_numpy(scale)))
    pooler.bias.copy_(torch.from_numpy(-mean * scale))
    pooled = np.tanh((features - mean) * scale)
    probe = LogisticRegression(C=c, max_iter=2000).fit(pooled, labels)
    classifier.weight.copy_(torch.from_numpy(probe.coef_))
    classifier.bias.copy_(torch.from_numpy(probe.intercept_))
    return float(probe.score(pooled, labels))
