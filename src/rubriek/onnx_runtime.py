"""ONNX Runtime with its telemetry off: left on, it puts an identity and a database in the user's cache."""

from __future__ import annotations

import os

SWITCH = "ORT_DISABLE_TELEMETRY"

# ONNX Runtime looks at it when it is loaded and never again, and `disable_telemetry_events` comes too late.
_asked = os.environ.get(SWITCH)
os.environ[SWITCH] = "1"
try:
    import onnxruntime as ort
finally:
    if _asked is None:
        del os.environ[SWITCH]
    else:
        os.environ[SWITCH] = _asked

__all__ = ["ort"]
