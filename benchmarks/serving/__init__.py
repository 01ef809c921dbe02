"""The load test of ``rubriek serve`` and its peers: ``scripts/bench --serve``."""
