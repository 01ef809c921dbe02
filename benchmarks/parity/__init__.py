"""The real Spark NLP and rubriek.sparknlp on the same texts, side by side; see ``scripts/parity``."""
