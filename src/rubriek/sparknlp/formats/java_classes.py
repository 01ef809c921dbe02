"""The classes of the JVM that Spark NLP's saved features consist of.

The long numbers are serial versions, as they stand in models saved by Spark NLP 5.1 to 5.5 (Scala 2.12).
"""

from __future__ import annotations

from collections.abc import Sequence

from rubriek.sparknlp.formats.java_records import (
    SERIALIZABLE,
    WRITE_METHOD,
    JavaClass,
    JavaField,
    JavaObject,
)


def _class(
    name: str,
    version: int,
    fields: Sequence[tuple[str, str]] = (),
    parent: JavaClass | None = None,
    flags: int = SERIALIZABLE,
) -> JavaClass:
    """Describe a class; a field is its name and its type: ``I`` for int, else a signature."""
    described = tuple(JavaField(kind[0], field, kind if kind[0] in "L[" else None) for field, kind in fields)
    cls = JavaClass(name, version, flags, described, parent)
    cls.lineage = (*(parent.lineage if parent else ()), cls)
    return cls


STRING = "Ljava/lang/String;"
OBJECT = "Ljava/lang/Object;"
CHOICE = "Lscala/Enumeration$Value;"
SEQUENCE = "Lscala/collection/Seq;"
MAP = "Lscala/collection/mutable/Map;"
OWN_WRITER = SERIALIZABLE | WRITE_METHOD

NUMBER = _class("java.lang.Number", -8742448824652078965)
INTEGER = _class("java.lang.Integer", 1360826667806852920, [("value", "I")], NUMBER)
OBJECTS = _class("[Ljava.lang.Object;", -8012369246846506644)
TUPLE = _class("scala.Tuple2", 3356420310891166197, [("_1", OBJECT), ("_2", OBJECT)])
TUPLES = _class("[Lscala.Tuple2;", 3372071182283036608)
LIST = _class("scala.collection.immutable.List$SerializationProxy", 1, flags=OWN_WRITER)
LIST_END = _class("scala.collection.immutable.ListSerializeEnd$", -8476791151975527571)
HASH_MAP = _class("scala.collection.mutable.HashMap", 1, flags=OWN_WRITER)
WRAPPED_ARRAY = _class(
    "scala.collection.mutable.WrappedArray$ofRef", 3456489343829468865, [("array", "[Ljava/lang/Object;")]
)
PATTERN = _class("java.util.regex.Pattern", 5073258162644648461, [("flags", "I"), ("pattern", STRING)])
REGEX = _class(
    "scala.util.matching.Regex",
    -2094783597747625537,
    [("pattern", "Ljava/util/regex/Pattern;"), ("scala$util$matching$Regex$$groupNames", SEQUENCE)],
)
LAMBDA = _class(
    "java.lang.invoke.SerializedLambda",
    8025925345765570181,
    [
        ("implMethodKind", "I"),
        ("capturedArgs", "[Ljava/lang/Object;"),
        ("capturingClass", "Ljava/lang/Class;"),
        ("functionalInterfaceClass", STRING),
        ("functionalInterfaceMethodName", STRING),
        ("functionalInterfaceMethodSignature", STRING),
        ("implClass", STRING),
        ("implMethodName", STRING),
        ("implMethodSignature", STRING),
        ("instantiatedMethodType", STRING),
    ],
)
ENUMERATION = _class(
    "scala.Enumeration",
    8476000850333817230,
    [
        ("nextId", "I"),
        ("scala$Enumeration$$bottomId", "I"),
        ("scala$Enumeration$$topId", "I"),
        ("ValueOrdering$module", "Lscala/Enumeration$ValueOrdering$;"),
        ("ValueSet$module", "Lscala/Enumeration$ValueSet$;"),
        ("nextName", "Lscala/collection/Iterator;"),
        ("nmap", MAP),
        ("scala$Enumeration$$vmap", MAP),
    ],
)
CHOICE_BASE = _class(
    "scala.Enumeration$Value",
    7091335633555234129,
    [("$outer", "Lscala/Enumeration;"), ("scala$Enumeration$$outerEnum", "Lscala/Enumeration;")],
)
CHOICE_CLASS = _class(
    "scala.Enumeration$Val", -3501153230598116017, [("i", "I"), ("name", STRING)], CHOICE_BASE
)
MATCH_IDS = {"MATCH_ALL": 0, "MATCH_COMPLETE": 2, "MATCH_FIRST": 1}
MATCH_STRATEGY = _class(
    "com.johnsnowlabs.nlp.util.io.MatchStrategy$",
    -1812614578357849016,
    [(name, CHOICE) for name in MATCH_IDS],
    ENUMERATION,
)
TRANSFORM_IDS = {
    "APPEND_WITH_SYMBOL": 1,
    "BREAK_AND_PROTECT_FROM_BREAK": 6,
    "NO_TRANSFORM": 0,
    "PREPEND_WITH_SYMBOL": 2,
    "PROTECT_FROM_BREAK": 5,
    "REPLACE_ALL_WITH_SYMBOL": 3,
    "REPLACE_EACH_WITH_SYMBOL": 7,
    "REPLACE_EACH_WITH_SYMBOL_AND_BREAK": 8,
    "REPLACE_WITH_SYMBOL_AND_BREAK": 4,
}
TRANSFORM_STRATEGY = _class(
    "com.johnsnowlabs.nlp.util.regex.TransformStrategy$",
    5556131749723325947,
    [(name, CHOICE) for name in TRANSFORM_IDS],
    ENUMERATION,
)
RULE = _class(
    "com.johnsnowlabs.nlp.util.regex.RegexRule",
    -2486190315528074439,
    [("identifier", STRING), ("regex", "Lscala/util/matching/Regex;"), ("rule", STRING)],
)
SYMBOLS = {
    "BREAK_INDICATOR": "\uf050",
    "COMMA": "\uf052",
    "DOT": "\uf051",
    "EXCLAMATION": "\uf055",
    "PROTECTION_MARKER_CLOSE": "\uf057",
    "PROTECTION_MARKER_OPEN": "\uf056",
    "QUESTION": "\uf054",
    "SEMICOLON": "\uf053",
    "UNPROTECTED_BREAK_INDICATOR": "\uf050(?![^\uf056]*\uf057)",
}
RULES = _class(
    "com.johnsnowlabs.nlp.util.regex.RuleFactory",
    7575128234718007790,
    [
        *((name, STRING) for name in SYMBOLS),
        ("findMatchFunc", "Lscala/Function1;"),
        ("matchStrategy", CHOICE),
        ("rules", SEQUENCE),
        ("symbolRules", SEQUENCE),
        ("transformMatchFunc", "Lscala/Function3;"),
        ("transformStrategy", CHOICE),
        ("transformWithSymbolFunc", "Lscala/Function2;"),
        ("transformWithSymbolicRulesFunc", "Lscala/Function1;"),
    ],
)
RULES_ARRAY = _class("[Lcom.johnsnowlabs.nlp.util.regex.RuleFactory;", -7576559067210617023)


def integer(value: int) -> JavaObject:
    """Box a number."""
    return JavaObject(INTEGER, {"value": value})
