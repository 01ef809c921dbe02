"""The settings that transformers writes into a BERT's config.json and tokenizer_config.json.

What changes the pieces that a model reads or the scores that it gives is honoured, or refused by name. The
lists hold the keys of transformers 5, and those that versions 3 and 4 wrote besides.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from rubriek.errors import ModelError, RubriekWarning
from rubriek.models.checks import Fields, shown

USE_FAST = "save it with a fast tokenizer, which writes tokenizer.json"
USE_ONNX = "export the model to ONNX and import that folder: model.onnx with tokenizer.json and config.json"


class Refused(NamedTuple):
    """The values of a setting that change nothing, the usual one first, and what to do about others."""

    usual: tuple[Any, ...]
    hint: str


RefusedSettings: TypeAlias = dict[str, Refused]


@dataclass(frozen=True)
class KnownSettings:
    """The keys of a file.

    Attributes
    ----------
    honoured : frozenset of str
        Settings that count.
    refused : dict of str to Refused
        Settings that count in transformers, and that rubriek follows for their usual values only.
    without_effect : frozenset of str
        Settings that change no score: training, generation, how results are packed, where files came from.
    """

    honoured: frozenset[str]
    refused: RefusedSettings
    without_effect: frozenset[str]

    def __contains__(self, name: str) -> bool:
        return name in self.honoured or name in self.refused or name in self.without_effect


MODEL_SETTINGS = KnownSettings(
    honoured=frozenset(
        {
            *(
                "architectures",
                "hidden_act",
                "hidden_size",
                "id2label",
                "intermediate_size",
                "layer_norm_eps",
            ),
            *("max_position_embeddings", "model_type", "num_attention_heads", "num_hidden_layers"),
            *("num_labels", "problem_type", "tokenizer_class", "type_vocab_size", "vocab_size"),
        }
    ),
    refused={
        "position_embedding_type": Refused(("absolute",), USE_ONNX),
        "is_decoder": Refused((False,), USE_ONNX),
        "add_cross_attention": Refused((False,), USE_ONNX),
        "is_encoder_decoder": Refused((False,), USE_ONNX),
        "pruned_heads": Refused(({},), USE_ONNX),
        "quantization_config": Refused(({},), USE_ONNX),
        "per_layer_config": Refused(({},), USE_ONNX),
        "auto_map": Refused(({},), "rubriek runs no code of a model; " + USE_ONNX),
    },
    without_effect=frozenset(
        {
            # Training.
            *(
                "attention_probs_dropout_prob",
                "classifier_dropout",
                "finetuning_task",
                "gradient_checkpointing",
            ),
            *("hidden_dropout_prob", "initializer_range", "loss_type"),
            # What comes back, and how it is computed; rubriek computes in fp32, or as the bundle says.
            *("_attn_implementation", "_attn_implementation_autoset", "_attn_implementation_internal"),
            *("_experts_implementation", "_output_attentions", "attn_implementation"),
            *("chunk_size_feed_forward", "dtype", "experts_implementation", "output_attentions"),
            *(
                "output_hidden_states",
                "output_past",
                "return_dict",
                "torch_dtype",
                "torchscript",
                "use_bfloat16",
            ),
            *("use_cache", "use_return_dict"),
            # Where it came from. The names of labels are those of id2label.
            *(
                "_commit_hash",
                "_name_or_path",
                "_num_labels",
                "label2id",
                "name_or_path",
                "transformers_version",
            ),
            *("language", "model_card"),
            # Ids of special tokens: the tokenizer's count. Padding is masked.
            *("bos_token_id", "decoder_start_token_id", "eos_token_id", "eos_token_ids", "pad_token_id"),
            *("sep_token_id", "tie_encoder_decoder", "tie_last_hidden_states", "tie_word_embeddings"),
            "cross_attention_hidden_size",
            # Of the first BERT, in TensorFlow.
            *("directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers"),
            *("pooler_size_per_head", "pooler_type"),
            # Generation of text.
            *("assistant_confidence_threshold", "assistant_lookbehind", "encoder_repetition_penalty"),
            *("epsilon_cutoff", "eta_cutoff", "num_assistant_tokens", "num_assistant_tokens_schedule"),
            "target_lookbehind",
            *("bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample", "early_stopping"),
            *("encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "forced_bos_token_id"),
            *("forced_eos_token_id", "length_penalty", "max_length", "min_length", "no_repeat_ngram_size"),
            *("num_beam_groups", "num_beams", "num_return_sequences", "output_scores", "prefix"),
            *("remove_invalid_values", "repetition_penalty", "return_dict_in_generate", "suppress_tokens"),
            *("task_specific_params", "temperature", "tf_legacy_loss", "top_k", "top_p", "typical_p"),
        }
    ),
)

TOKENIZER_SETTINGS = KnownSettings(
    honoured=frozenset(
        {
            *("added_tokens_decoder", "additional_special_tokens", "bos_token", "cls_token", "do_lower_case"),
            *("eos_token", "extra_special_tokens", "mask_token", "max_len", "model_max_length", "pad_token"),
            *("sep_token", "strip_accents", "tokenize_chinese_chars", "tokenizer_class", "truncation_side"),
            *("add_prefix_space", "unk_token"),
        }
    ),
    refused={
        "split_special_tokens": Refused((False,), "texts would be cut inside [SEP]; set it to false"),
        "auto_map": Refused(({}, []), f"rubriek runs no code of a model; {USE_FAST}"),
    },
    without_effect=frozenset(
        {
            # Where it came from, and which class of transformers reads it.
            *(
                "_commit_hash",
                "backend",
                "device_map",
                "fix_mistral_regex",
                "from_slow",
                "is_local",
                "legacy",
            ),
            *(
                "local_files_only",
                "name_or_path",
                "processor_class",
                "special_tokens_map_file",
                "tokenizer_file",
            ),
            *("use_fast", "verbose", "vocab_file", "init_inputs", "files_loaded", "torch_dtype"),
            # How calls pad and cut by default. Padding is masked, and the length is the model's.
            *("max_length", "model_input_names", "pad_to_multiple_of", "pad_token_type_id", "padding"),
            *("padding_side", "stride", "truncation", "truncation_strategy", "return_token_type_ids"),
            # BERT's own frame of [CLS] and [SEP] stands whatever these say.
            *("add_bos_token", "add_eos_token"),
            # From ids to text, and chats.
            *("chat_control_tokens", "chat_template", "clean_up_tokenization_spaces", "response_schema"),
            *("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", "response_template"),
        }
    ),
)

VOCABULARY_SETTINGS: RefusedSettings = {
    "do_basic_tokenize": Refused((True,), USE_FAST),
    "never_split": Refused(([],), USE_FAST),
    "wordpieces_prefix": Refused(("##",), USE_FAST),
}
"""Settings of the tokenizers of transformers before version 5 that were written in Python; they count where
there is no tokenizer.json."""


def refuse_settings(fields: Fields, refused: RefusedSettings, error: type[ModelError]) -> None:
    """Raise ``error`` if a setting is there that rubriek does not follow."""
    for name, (usual, hint) in refused.items():
        if name in fields and fields.values[name] not in usual:
            raise error(
                f"{fields.where} has a setting that rubriek does not follow.",
                expected=f"{name} = {usual[0]!r}",
                found=f"{name} = {shown(fields.values[name])}",
                hint=hint,
            )


def warn_of_unknown(fields: Fields, *known: KnownSettings | RefusedSettings) -> None:
    """Warn of settings that stand in none of the lists: what they change, nobody has looked at."""
    unknown = sorted(name for name in fields.values if not any(name in names for names in known))
    if unknown:
        warnings.warn(
            f"{fields.where} has settings that rubriek does not know, so they have no effect: "
            f"{shown(', '.join(unknown), most=300)}",
            RubriekWarning,
            stacklevel=2,
        )
