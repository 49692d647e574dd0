"""Random documents with random JSON Schemas of all drafts. SEED and SCHEMA_CASES in the environment look elsewhere, or at more."""

import json
import os
import random

import great_expectations.expectations as gxe
import pyarrow as pa

SEED = int(os.environ.get("SEED", "20260115"))
CASES = int(os.environ.get("SCHEMA_CASES", "2"))
# Theirs checks the schema for each value.
EXPECTATIONS = 40
DRAFTS = {
    "http://json-schema.org/draft-04/schema#": 4,
    "http://json-schema.org/draft-06/schema#": 6,
    "http://json-schema.org/draft-07/schema#": 7,
    "https://json-schema.org/draft/2019-09/schema": 2019,
    "https://json-schema.org/draft/2020-12/schema": 2020,
}
NAMES = ["a", "b", "ab", "id", "김", "x-1"]
TEXTS = ["", "a", "ab", "abc", "김하늘", "x\n", "2026-01-31", "😀", "no"]
NUMBERS = [0, 1, -1, 2, 3, 1.0, 2.5, 0.1, 0.3, 1e20, 10**20, 2**53 + 1, -0.0, 7, 100, 0.30000000000000004]
PATTERNS = ["^a", "b$", r"\d", "^.{2}$", r"^\w+$", "(?i)A", "^(?!n)", "김|x"]


def document(random: random.Random, depth: int = 0):
    """A value; of an object more often than not."""
    kinds = ["text", "number", "number", "true", "null"] + (["object"] * 6 + ["list"] * 3 if depth < 3 else [])
    match random.choice(kinds):
        case "text":
            return random.choice(TEXTS)
        case "number":
            return random.choice(NUMBERS)
        case "true":
            return random.choice([True, False])
        case "null":
            return None
        case "object":
            return {random.choice(NAMES): document(random, depth + 1) for _ in range(random.randint(0, 4))}
        case "list":
            return [document(random, depth + 1) for _ in range(random.randint(0, 4))]


def text_of(random: random.Random, value: object) -> str:
    text = json.dumps(value, ensure_ascii=random.random() < 0.5, indent=random.choice([None, None, 1]))
    return text.replace("100", random.choice(["100", "100.0", "1e2", "NaN", "Infinity"]), 1) if random.random() < 0.3 else text


class SchemaMaker:
    """Makes schemas of one draft."""

    def __init__(self, random: random.Random, draft: int):
        self.random = random
        self.draft = draft

    def schema(self, depth: int = 0) -> dict | bool:
        pick, draft = self.random.choice, self.draft
        if draft > 4 and self.random.random() < 0.1:
            return pick([True, True, False])
        inner = lambda: self.schema(depth + 1)
        count = lambda: self.random.randint(0, 3)
        names = lambda: self.random.sample(NAMES, self.random.randint(1, 2))
        schemas = lambda: [inner() for _ in range(self.random.randint(1, 3))]
        some = lambda make: {name: make() for name in self.random.sample(NAMES, self.random.randint(1, 3))}
        types = ["array", "boolean", "integer", "null", "number", "object", "string"]
        keywords = {
            "type": lambda: pick([pick(types), pick(types), self.random.sample(types, 2)]),
            "minimum": lambda: pick(NUMBERS),
            "maximum": lambda: pick(NUMBERS),
            "multipleOf": lambda: pick([1, 2, 3, 0.1, 0.5, 2.0]),
            "minLength": count,
            "maxLength": count,
            "pattern": lambda: pick(PATTERNS),
            "minItems": count,
            "maxItems": count,
            "uniqueItems": lambda: pick([True, False]),
            "minProperties": count,
            "maxProperties": count,
            "required": names,
            "enum": lambda: self.random.sample([*TEXTS, *range(4), True, False, None, 1.5, [1], {"a": 1}], 5),
            "format": lambda: pick(["email", "date", "ipv4", "regex"]),
            "title": lambda: "a",
        }
        deep = {
            "properties": lambda: some(inner),
            "patternProperties": lambda: {pick(PATTERNS): inner()},
            "additionalProperties": lambda: pick([True, False, inner()]),
            "allOf": schemas,
            "anyOf": schemas,
            "oneOf": schemas,
            "not": inner,
            "items": inner,
        }
        if draft == 4:
            keywords["exclusiveMinimum"] = keywords["exclusiveMaximum"] = lambda: pick([True, False])
        else:
            keywords["exclusiveMinimum"] = keywords["exclusiveMaximum"] = lambda: pick(NUMBERS)
            keywords["const"] = lambda: pick([*TEXTS, *NUMBERS, True, None, [1.0, True], {"a": 1}])
            deep["contains"] = inner
            deep["propertyNames"] = inner
        if draft >= 7:
            deep["if"] = deep["then"] = deep["else"] = inner
        if draft <= 7:
            deep["dependencies"] = lambda: some(lambda: pick([names(), inner()]))
        if draft < 2020:
            deep["items"] = lambda: pick([inner(), schemas()])
            deep["additionalItems"] = lambda: pick([True, False, inner()])
        if draft >= 2019:
            keywords["minContains"] = keywords["maxContains"] = count
            deep["dependentRequired"] = lambda: some(names)
            deep["dependentSchemas"] = lambda: some(inner)
            deep["unevaluatedItems"] = inner
            deep["unevaluatedProperties"] = inner
        if draft == 2020:
            deep["prefixItems"] = schemas
        if self.random.random() < 0.15:
            return {"$ref": pick(["#/definitions/one", "#/definitions/two/x", "#/elsewhere"]), **({"type": "string"} if draft <= 7 else {})}
        chosen = self.random.sample(sorted(keywords), self.random.randint(0, 2)) + ["type"] * (self.random.random() < 0.3)
        if depth < 3:
            chosen += self.random.sample(sorted(deep), self.random.randint(1 if depth == 0 else 0, 2))
        made = {name: {**keywords, **deep}[name]() for name in chosen}
        if draft == 4:
            for name in ("minimum", "maximum"):
                if f"exclusive{name.title()}" in made:
                    made.setdefault(name, 1)
        if draft < 2020 and made.get("items") in (True, False):
            # Theirs asks for the length of a truth value.
            made.pop("additionalItems", None)
        return made

    def root(self) -> dict:
        made = {}
        while not isinstance(made, dict) or not made or "$ref" in made:
            made = self.schema()
        flat = {"type": self.random.choice(["string", "integer", "object", "array"])}
        made["definitions"] = {"one": flat, "two": {"properties": {"x": self.schema(3)}, "x": {"minimum": 1}}}
        made["elsewhere"] = {"maxProperties": 2, "maxLength": 2, "maximum": 2}
        return made


def schema_cases():
    """Name, table and expectations of each case."""
    for number in range(CASES):
        seeded = random.Random(SEED + number)
        rows = seeded.choice([1, 8, 12])
        made = [text_of(seeded, document(seeded)) for _ in range(rows)]
        nulls = [None if seeded.random() < 0.2 and place else text for place, text in enumerate(made)]
        broken = [*made[:-1], "{"]
        table = pa.table({"document": pa.array(made), "some": pa.array(nulls), "broken": pa.array(broken)})
        expectations = []
        for _ in range(EXPECTATIONS):
            name = seeded.choice(sorted(DRAFTS))
            schema = SchemaMaker(seeded, DRAFTS[name]).root()
            if DRAFTS[name] < 2020 or seeded.random() < 0.5:
                schema = {"$schema": name, **schema}
            if seeded.random() < 0.03:
                schema["type"] = "text"
            column = seeded.choice(["document"] * 9 + ["some"] * 9 + ["broken"])
            expectations.append(gxe.ExpectColumnValuesToMatchJsonSchema(column=column, json_schema=schema, mostly=seeded.choice([1.0, 0.5])))
        yield f"schema{number:02d}", table, expectations
