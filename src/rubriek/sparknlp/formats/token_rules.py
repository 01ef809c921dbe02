"""The rules of a saved tokenizer: a RuleFactory, read for its regular expressions and built around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rubriek.errors import SavedModelError
from rubriek.sparknlp.formats import java_classes as java
from rubriek.sparknlp.formats.java_records import JavaArray, JavaClass, JavaClassValue, JavaObject
from rubriek.sparknlp.formats.saved import TokenRule

FACTORY = "com/johnsnowlabs/nlp/util/regex/RuleFactory"
VIRTUAL_STATIC = 6
"""MethodHandleInfo.REF_invokeStatic."""
HASH_MAP_HEAD = (750).to_bytes(4), (4).to_bytes(4) + b"\0"
"""Load factor in thousandths; after the number of entries the table's seed, and no size map."""

# The order in which Scala's hash maps hold small numbers, so that the bytes are those that the JVM writes.
MATCH_ORDER = [2, 1, 0]
TRANSFORM_ORDER = [8, 2, 5, 4, 7, 1, 3, 6, 0]


def read_rules(arrays: list[list[Any]], where: str) -> tuple[TokenRule, ...]:
    """Read token rules: the regular expressions of the RegexRules in a RuleFactory.

    How Scala wrote the list around them differs between its versions, so they are looked for wherever they
    stand in it.

    Raises
    ------
    SavedModelError
        If there is not one RuleFactory, or it has no rules.
    """
    match arrays:
        case [[JavaObject(cls=cls, fields={"rules": rules})]] if cls.name == java.RULES.name:
            found = tuple(_token_rules(rules))
            if found:
                return found
            problem = "one without rules"
        case _:
            problem = "something else"
    raise SavedModelError(
        f"{where} is not what a tokenizer holds.", expected="one RuleFactory with rules", found=problem
    )


def _token_rules(value: Any) -> Iterator[TokenRule]:
    todo, seen = [value], set()
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        match value:
            case JavaObject(
                cls=cls, fields={"regex": JavaObject(fields={"pattern": JavaObject() as regex})}
            ) if cls.name == java.RULE.name:
                if isinstance(regex.fields.get("pattern"), str) and isinstance(
                    regex.fields.get("flags"), int
                ):
                    yield TokenRule(regex.fields["pattern"], regex.fields["flags"])
            case JavaObject():
                inner = [*value.fields.values(), *(one for extra in value.extras.values() for one in extra)]
                todo += reversed(inner)
            case JavaArray() if isinstance(value.items, list):
                todo += reversed(value.items)


def rules_array(rules: Sequence[TokenRule]) -> JavaArray:
    """Build the RuleFactory of a tokenizer, in the array that its feature is, as `encode` takes it."""
    factory = JavaObject(java.RULES)
    end = JavaObject(java.LIST_END)
    no_names = JavaObject(java.WRAPPED_ARRAY, {"array": JavaArray(java.OBJECTS, [])})
    boxed = [java.integer(number) for number in range(len(java.TRANSFORM_IDS))]
    factory.fields = {
        **java.SYMBOLS,
        **_functions(factory),
        "matchStrategy": _choice(java.MATCH_STRATEGY, java.MATCH_IDS, MATCH_ORDER, boxed, "MATCH_FIRST"),
        "rules": JavaObject(
            java.LIST, {}, {java.LIST.name: [*(_rule(rule, no_names) for rule in rules), end]}
        ),
        "symbolRules": JavaObject(java.LIST, {}, {java.LIST.name: [end]}),
        "transformStrategy": _choice(
            java.TRANSFORM_STRATEGY, java.TRANSFORM_IDS, TRANSFORM_ORDER, boxed, "NO_TRANSFORM"
        ),
    }
    return JavaArray(java.RULES_ARRAY, [factory])


def _rule(rule: TokenRule, names: JavaObject) -> JavaObject:
    pattern = JavaObject(java.PATTERN, {"flags": rule.flags, "pattern": rule.pattern})
    regex = JavaObject(java.REGEX, {"pattern": pattern, "scala$util$matching$Regex$$groupNames": names})
    return JavaObject(java.RULE, {"identifier": rule.pattern, "regex": regex, "rule": rule.pattern})


def _choice(
    cls: JavaClass, ids: dict[str, int], order: list[int], boxed: list[JavaObject], chosen: str
) -> JavaObject:
    """Build an enumeration with all its constants, and return the chosen one."""
    enumeration = JavaObject(cls)
    constants = {
        number: JavaObject(
            java.CHOICE_CLASS,
            {"$outer": enumeration, "scala$Enumeration$$outerEnum": enumeration, "i": number, "name": None},
        )
        for number in ids.values()
    }
    enumeration.fields = {
        "nextId": len(ids),
        "scala$Enumeration$$bottomId": 0,
        "scala$Enumeration$$topId": len(ids),
        "ValueOrdering$module": None,
        "ValueSet$module": None,
        "nextName": None,
        "nmap": _hash_map([]),
        "scala$Enumeration$$vmap": _hash_map([(boxed[number], constants[number]) for number in order]),
        **{name: constants[number] for name, number in ids.items()},
    }
    return constants[ids[chosen]]


def _hash_map(entries: list[tuple[JavaObject, JavaObject]]) -> JavaObject:
    head = HASH_MAP_HEAD[0] + len(entries).to_bytes(4) + HASH_MAP_HEAD[1]
    items = [item for entry in entries for item in entry]
    return JavaObject(java.HASH_MAP, {}, {java.HASH_MAP.name: [head, *items]})


def _functions(factory: JavaObject) -> dict[str, JavaObject]:
    """Build the four methods that a RuleFactory holds as values."""
    of_class, any_, text = JavaClassValue(java.RULES), java.OBJECT, java.STRING
    regex, function = "Lscala/util/matching/Regex;", "Lscala/Function1;"
    signatures = {number: f"({any_ * number}){any_}" for number in (1, 2, 3)}
    interfaces = {number: f"scala/Function{number}" for number in (1, 2, 3)}
    apply = "apply"

    def function_value(name: str, takes: list[str], gives: str) -> JavaObject:
        return JavaObject(
            java.LAMBDA,
            {
                "implMethodKind": VIRTUAL_STATIC,
                "capturedArgs": JavaArray(java.OBJECTS, [factory]),
                "capturingClass": of_class,
                "functionalInterfaceClass": interfaces[len(takes)],
                "functionalInterfaceMethodName": apply,
                "functionalInterfaceMethodSignature": signatures[len(takes)],
                "implClass": FACTORY,
                "implMethodName": f"$anonfun${name}$1",
                "implMethodSignature": f"(L{FACTORY};{''.join(takes)}){gives}",
                "instantiatedMethodType": f"({''.join(takes)}){gives}",
            },
        )

    return {
        "findMatchFunc": function_value("findMatchFunc", [text], java.SEQUENCE),
        "transformMatchFunc": function_value("transformMatchFunc", [text, regex, function], text),
        "transformWithSymbolFunc": function_value("transformWithSymbolFunc", [text, text], text),
        "transformWithSymbolicRulesFunc": function_value("transformWithSymbolicRulesFunc", [text], text),
    }
