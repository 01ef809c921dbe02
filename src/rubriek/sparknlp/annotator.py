"""What ``sparknlp.annotator`` exports, as far as it is here."""

from __future__ import annotations

from rubriek.sparknlp.bert_for_sequence_classification import BertForSequenceClassification
from rubriek.sparknlp.sentence_detector import SentenceDetector
from rubriek.sparknlp.tokenizer import Tokenizer, TokenizerModel
from rubriek.sparknlp.unknown_stages import refusing

__all__ = ["BertForSequenceClassification", "SentenceDetector", "Tokenizer", "TokenizerModel"]

__getattr__ = refusing(__name__, __all__)
