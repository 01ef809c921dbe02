"""Fine-tune a classifier on views of the items; forward passes for features and logits."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional as F
from transformers import BertForSequenceClassification

from newsdata import MAX_PIECES, Item, bucketed


@dataclass(frozen=True)
class Recipe:
    """What one fine-tuning run does."""

    epochs: int = 1
    planned_epochs: int = 1
    """Epochs that the learning rate is planned for; more than ``epochs``: the run is stopped early."""
    lr: float = 7e-5
    """Peak learning rate of the added layer, pooler and classifier."""
    layer_decay: float = 0.9
    """Learning rate of a layer relative to the layer above it."""
    frozen_layers: int = 3
    """Encoder layers, counted from the embeddings, that stay as they are (embeddings always do)."""
    batch: int = 32
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    warmup: float = 0.1
    """Share of the steps with a rising learning rate; afterwards it falls linearly to 0."""
    dropout: float = 0.1
    text_only: float = 0.1
    """Share of articles that come without their title."""
    cut: float = 0.7
    """Share of articles cut at a random place."""
    titles: float = 1.0
    """Share of items that are also shown as a headline alone."""


@dataclass(frozen=True)
class EncodedItem:
    """Piece ids of one item, [CLS] and [SEP] not included."""

    title: list[int]
    text: list[int]
    label: int


def encode_items(tokenizer: Tokenizer, items: Sequence[Item]) -> list[EncodedItem]:
    titles = tokenizer.encode_batch([item.title for item in items], add_special_tokens=False)
    texts = tokenizer.encode_batch([item.text for item in items], add_special_tokens=False)
    return [
        EncodedItem(title.ids, text.ids, item.label)
        for title, text, item in zip(titles, texts, items, strict=True)
    ]


def pad(rows: Sequence[Sequence[int]], pad_id: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, both [texts, longest]."""
    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad_id)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


def autocast() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16)


def _sorted_batches(rows: Sequence[Sequence[int]], size: int = 32) -> Iterator[list[int]]:
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for start in range(0, len(order), size):
        yield order[start : start + size]


@torch.inference_mode()
def predict(
    model: BertForSequenceClassification, rows: Sequence[Sequence[int]], bf16: bool = True
) -> np.ndarray:
    """Logits [texts, labels] in float32."""
    model.eval()
    logits = np.zeros((len(rows), model.config.num_labels), np.float32)
    for batch in _sorted_batches(rows):
        ids, mask = pad([rows[i] for i in batch])
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits[batch] = model(input_ids=ids, attention_mask=mask).logits.float().numpy()
    return logits


@torch.inference_mode()
def features(model: BertForSequenceClassification, rows: Sequence[Sequence[int]]) -> np.ndarray:
    """The last layer's [CLS], [texts, hidden]."""
    model.eval()
    found = np.zeros((len(rows), model.config.hidden_size), np.float32)
    for batch in _sorted_batches(rows):
        ids, mask = pad([rows[i] for i in batch])
        with autocast():
            hidden = model.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        found[batch] = hidden[:, 0].float().numpy()
    return found


def views(
    items: Sequence[EncodedItem], recipe: Recipe, cls: int, sep: int, rng: random.Random
) -> tuple[list[list[int]], list[int]]:
    """One epoch's inputs: every item as an article, and as a headline alone."""
    rows, labels = [], []
    for item in items:
        without_title = rng.random() < recipe.text_only
        text = item.text
        if rng.random() < recipe.cut:
            text = text[: rng.randint(min(16, len(text)), len(text))]
        inputs = [text if without_title else item.title + text]
        if rng.random() < recipe.titles:
            inputs.append(item.title)
        for pieces in inputs:
            rows.append([cls, *pieces[: MAX_PIECES - 2], sep])
            labels.append(item.label)
    return rows, labels


def _groups(model: BertForSequenceClassification, recipe: Recipe) -> list[dict]:
    """Parameter groups: one rate per layer, no weight decay on biases and norms."""
    for parameter in model.bert.embeddings.parameters():
        parameter.requires_grad_(False)
    layers = list(model.bert.encoder.layer)
    groups: list[dict] = []

    def add(module: nn.Module, rate: float) -> None:
        plain = [p for p in module.parameters() if p.ndim == 1]
        matrices = [p for p in module.parameters() if p.ndim > 1]
        groups.append({"params": plain, "lr": rate, "weight_decay": 0.0})
        groups.append({"params": matrices, "lr": rate, "weight_decay": recipe.weight_decay})

    for index, layer in enumerate(layers):
        if index < recipe.frozen_layers:
            for parameter in layer.parameters():
                parameter.requires_grad_(False)
        else:
            add(layer, recipe.lr * recipe.layer_decay ** (len(layers) - 1 - index))
    add(model.bert.pooler, recipe.lr)
    add(model.classifier, recipe.lr)
    return groups


def finetune(
    model: BertForSequenceClassification,
    items: Sequence[EncodedItem],
    recipe: Recipe,
    seed: int,
    specials: tuple[int, int],
    log: Callable[[str], None],
) -> None:
    """Train ``model`` in place. ``specials`` are the ids of [CLS] and [SEP]."""
    rng = random.Random(seed)
    torch.manual_seed(seed)
    _set_dropout(model, recipe.dropout)
    optimizer = torch.optim.AdamW(_groups(model, recipe), betas=(0.9, 0.98), fused=True)
    trained = [p for group in optimizer.param_groups for p in group["params"]]
    total = recipe.planned_epochs * math.ceil((1 + recipe.titles) * len(items) / recipe.batch)
    rising = max(1, int(total * recipe.warmup))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: max(0.0, min((step + 1) / rising, (total - step) / max(1, total - rising)))
    )
    for epoch in range(1, recipe.epochs + 1):
        started, pieces, losses = time.process_time(), 0, 0.0
        rows, labels = views(items, recipe, *specials, rng)
        batches = bucketed([len(row) for row in rows], recipe.batch, rng)
        for number, batch in enumerate(batches, 1):
            ids, mask = pad([rows[i] for i in batch])
            _training_mode(model, recipe.frozen_layers)
            with autocast():
                logits = model(input_ids=ids, attention_mask=mask).logits
            loss = F.cross_entropy(
                logits.float(),
                torch.tensor([labels[i] for i in batch]),
                label_smoothing=recipe.label_smoothing,
            )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            pieces += int(mask.sum())
            losses += loss.item()
            if number % 50 == 0 or number == len(batches):
                log(
                    f"seed {seed} epoch {epoch} step {number}/{len(batches)} "
                    f"loss {losses / number:.4f} {pieces} pieces, "
                    f"processor time {time.process_time() - started:.0f} s"
                )
    model.eval()


def _set_dropout(model: BertForSequenceClassification, share: float) -> None:
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
    for layer in model.bert.encoder.layer:
        # Without dropout inside it attention runs as one fused kernel: a third less time.
        layer.attention.self.dropout.p = 0.0


def _training_mode(model: BertForSequenceClassification, frozen_layers: int) -> None:
    model.train()
    for layer in model.bert.encoder.layer[:frozen_layers]:
        layer.eval()
