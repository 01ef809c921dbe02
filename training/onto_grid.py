"""Move a trained model's weights onto the grid of a first int8 bundle, so that int8 loses next to nothing.

    python training/onto_grid.py --model build/nl-news-average --int8 BUNDLE --out build/nl-news

`rubriek models quantize` decides where an int8 model rounds: the step of each weight and activation. Here
the model learns to live with that (quantization-aware training): weights are rounded in every forward pass,
the gradient passes as if they were not (straight-through), and the rounded model is pulled towards two
others: the model as it was trained, and itself without rounded activations. No labels are used. The result is
an fp32 model whose weights lie on the grid already. Quantizing it again finds the grid and changes next to no
weight, so fp32 and int8 differ by the rounding of activations alone.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from transformers import BertForSequenceClassification

from finetune import EncodedItem, encode_items, pad
from newsdata import MAX_PIECES, bucketed, load_tokenizer, read_items
from train import Log, save

MAX_WEIGHT_STEP = 64
MAX_ROW_STEP = 127
SEED = 1
EVERY = 25


@dataclass(frozen=True)
class Recipe:
    """How the weights are moved."""

    lr: float = 3e-5
    warmup: float = 0.05
    batch: int = 32
    spans: int = 2
    """Random pieces of each article, as long as headlines and short items: most real texts are headlines."""
    span: tuple[int, int] = (6, 40)
    articles: float = 0.4
    """Share of items that are also read whole, or cut at a random place."""
    consistency: float = 2.0
    """Weight of the difference that rounded activations make, beside that to the trained model."""


class Rounded(nn.Module):
    """A linear layer that computes as the int8 graph does: weights and activations on their grids."""

    def __init__(self, linear: nn.Linear, grid: Grid) -> None:
        super().__init__()
        self.linear = linear
        self.active = True
        """Whether activations are rounded too."""
        self.register_buffer("smoothing", grid.smoothing)
        self.register_buffer("step", grid.step)
        self.register_buffer("exact", grid.exact)
        self.scale, self.zero = grid.scale, grid.zero
        with torch.no_grad():
            linear.weight.copy_(grid.weight)

    def weight(self) -> torch.Tensor:
        """The weight on its grid, [outputs, inputs]; int8 multiplies exact channels in fp32."""
        smoothed = self.linear.weight / self.smoothing
        steps = torch.clamp(torch.round(smoothed / self.step), -MAX_WEIGHT_STEP, MAX_WEIGHT_STEP)
        rounded = torch.where(self.exact, self.linear.weight, steps * self.step * self.smoothing)
        return self.linear.weight + (rounded - self.linear.weight).detach()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if self.active:
            scaled = values * self.smoothing / self.scale
            # Beyond the range the gradient is 0, as the graph's output no longer changes there.
            kept = torch.clamp(scaled, -self.zero, 255 - self.zero)
            rounded = (kept + (torch.round(kept) - kept).detach()) * self.scale / self.smoothing
            values = torch.where(self.exact, values, rounded)
        return nn.functional.linear(values, self.weight(), self.linear.bias)


@dataclass(frozen=True)
class Grid:
    """Where the int8 graph rounds one linear layer."""

    weight: torch.Tensor
    """The rounded weight, [outputs, inputs], as torch has it."""
    step: torch.Tensor
    """[outputs, 1]: the step of the smoothed weight."""
    smoothing: torch.Tensor
    """[inputs]: what activations are multiplied by before they are rounded."""
    exact: torch.Tensor
    """[inputs]: channels of the activation that are not rounded."""
    scale: float
    zero: int


def grids(int8: Path, heads: int) -> tuple[dict[str, Grid], torch.Tensor]:
    """Read the grids of all linear layers, by torch's name, and the rounded word embeddings."""
    model = onnx.load(int8)
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made_by = {output: node for node in model.graph.node for output in node.output}
    found = {}
    for node in model.graph.node:
        stored = node.input[-1].removesuffix(".rounded")
        if node.op_type != "MatMul" or f"{stored}.int8" not in tensors:
            continue
        source = made_by[node.input[0]].input[1].removesuffix(".scale")
        inputs = tensors[f"{stored}.int8"].shape[0]
        smoothing = tensors.get(f"{source}.smoothing", np.ones(inputs, np.float32))
        step = tensors[f"{stored}.scale"].astype(np.float32)
        # The graph has the division by the square root of a head's size in the query.
        if stored.endswith("query.weight"):
            step = step * np.float32(math.sqrt(len(step) // heads))
        weight = tensors[f"{stored}.int8"] * step * smoothing[:, None]
        exact = np.zeros(inputs, bool)
        if f"{stored}.which" in tensors:
            which = tensors[f"{stored}.which"]
            exact[which] = True
            weight[which] = tensors[f"{stored}.outliers"]
        found[stored.removesuffix(".weight").replace("intermediate", "intermediate.dense")] = Grid(
            torch.from_numpy(weight.T.copy()),
            torch.from_numpy(step)[:, None],
            torch.from_numpy(np.array(smoothing)),
            torch.from_numpy(exact),
            float(tensors[f"{source}.scale"]),
            int(tensors[f"{source}.zero"]),
        )
    return found, torch.from_numpy(tensors["words.int8"] * tensors["words.scale"])


def put_on(model: BertForSequenceClassification, int8: Path) -> list[Rounded]:
    """Replace the linear layers that int8 rounds; embeddings become what int8 stores of them."""
    found, words = grids(int8, model.config.num_attention_heads)
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight.copy_(words)
    model.bert.embeddings.requires_grad_(False)
    layers = []
    for name, grid in found.items():
        parent, _, last = name.rpartition(".")
        rounded = Rounded(model.get_submodule(name), grid)
        setattr(model.get_submodule(parent), last, rounded)
        layers.append(rounded)
    return layers


@torch.no_grad()
def take_off(model: BertForSequenceClassification) -> None:
    """Put plain linear layers back, their weights rounded."""
    for name, layer in [pair for pair in model.named_modules() if isinstance(pair[1], Rounded)]:
        layer.linear.weight.copy_(layer.weight())
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, layer.linear)


def texts(
    items: Sequence[EncodedItem], recipe: Recipe, cls: int, sep: int, rng: random.Random
) -> list[list[int]]:
    """Every title, spans of every article, and some articles, as piece ids."""
    rows = []
    for item in items:
        rows.append(item.title)
        for _ in range(recipe.spans):
            length = rng.randint(*recipe.span)
            start = rng.randint(0, max(0, len(item.text) - length))
            rows.append(item.text[start : start + length])
        if rng.random() < recipe.articles:
            rows.append((item.title + item.text)[: rng.randint(32, MAX_PIECES - 2)])
    return [[cls, *row[: MAX_PIECES - 2], sep] for row in rows if row]


def centred(logits: torch.Tensor) -> torch.Tensor:
    """Logits up to the constant that softmax does not see."""
    return logits - logits.mean(1, keepdim=True)


def move(
    model: BertForSequenceClassification,
    layers: list[Rounded],
    trained: BertForSequenceClassification,
    rows: list[list[int]],
    recipe: Recipe,
    log: Log,
    steps: int | None = None,
) -> None:
    """Train ``model``, whose linear layers are ``layers``, in place."""
    rng = random.Random(SEED)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.lr, betas=(0.9, 0.98), weight_decay=0.0)
    batches = bucketed([len(row) for row in rows], recipe.batch, rng)[:steps]
    rising = max(1, int(recipe.warmup * len(batches)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / rising, (len(batches) - step) / (len(batches) - rising + 1))
    )
    model.eval()  # no dropout: the rounding is the noise
    started, sums = time.process_time(), np.zeros(2)
    for number, batch in enumerate(batches, 1):
        ids, mask = pad([rows[i] for i in batch])
        with torch.no_grad():
            goal = centred(trained(input_ids=ids, attention_mask=mask).logits)
            for layer in layers:
                layer.active = False
            exact = centred(model(input_ids=ids, attention_mask=mask).logits)
        for layer in layers:
            layer.active = True
        rounded = centred(model(input_ids=ids, attention_mask=mask).logits)
        apart = (rounded - goal).square().mean(), (rounded - exact).square().mean()
        (apart[0] + recipe.consistency * apart[1]).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        sums += [part.item() for part in apart]
        if number % EVERY == 0 or number == len(batches):
            since = number % EVERY or EVERY
            log(
                f"step {number}/{len(batches)}: root mean square to the trained model "
                f"{math.sqrt(sums[0] / since):.4f}, of rounded activations {math.sqrt(sums[1] / since):.4f}, "
                f"processor time {time.process_time() - started:.0f} s"
            )
            sums[:] = 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).parent
    shared = Path(os.environ.get("RUBRIEK_SHARED", here.parents[1] / "shared"))
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face folder that train.py wrote")
    parser.add_argument("--int8", type=Path, required=True, help="the bundle that int8 made of it")
    parser.add_argument("--out", type=Path, required=True, help="Hugging Face folder to write")
    parser.add_argument("--encoder", type=Path, default=shared / "models" / "dutch-encoder")
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        default=[here.parent / "data" / f for f in ("nieuws-train.jsonl", "nieuws-train-2.jsonl")],
    )
    parser.add_argument("--steps", type=int, help="stop after so many steps (default: one pass)")
    parser.add_argument("--threads", type=int, default=2, help="default: %(default)s")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(SEED)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    log = Log(arguments.out.with_name(arguments.out.name + ".log"))
    recipe = Recipe()
    tokenizer = load_tokenizer(arguments.encoder / "tokenizer.json", None)
    items = encode_items(tokenizer, read_items(arguments.data))
    specials = (tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]"))
    rows = texts(items, recipe, *specials, random.Random(SEED))
    trained = BertForSequenceClassification.from_pretrained(arguments.model, local_files_only=True).eval()
    model = BertForSequenceClassification.from_pretrained(arguments.model, local_files_only=True)
    layers = put_on(model, arguments.int8 / "model.onnx")
    log(f"{len(layers)} layers on their grids, {len(rows)} texts: {recipe}")
    move(model, layers, trained, rows, recipe, log, arguments.steps)
    take_off(model)
    save(model, arguments.encoder, arguments.out)
    log(f"written: {arguments.out}")


if __name__ == "__main__":
    main()
