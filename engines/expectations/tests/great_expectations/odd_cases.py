"""Random tables of odd values with random suites: every width of number, infinities, signed zeros, numbers beyond 2**53,
nanoseconds, time zones, nulls alone, texts that engines of regular expressions disagree on, conditions as texts, and formats
of results. SEED and ODD_CASES in the environment look elsewhere, or at more.
"""

import datetime
import decimal
import os
import random
import re

import great_expectations.expectations as gxe
import pyarrow as pa

SEED = int(os.environ.get("SEED", "20260115"))
CASES = int(os.environ.get("ODD_CASES", "4"))
EXPECTATIONS = 60
TEXTS = ["north", "a&b", "a--b", "x\ny", "x\n", "q\"t", "it's", "e\u0301a", "\u200d", "a\x1cb", "\u00a0", "ﬁ", "김하늘", "AA", "٣", "", "1.0"]
CODED = [
    "2026-01-31", "2026-1-3", "2026-02-30", "31/12/99", "12:30", "24:00", "Jan 5, 2026", "FEB 30, 2026", "٢٠٢٦-01-01", "1", "[1, 2]", "{\"a\": 1}",
    "NaN", "{\"a\": }", "\"x", "01", "-Infinity", "[1,]", "\"\\ud800\"", "null", "{}", "1e5", "2026-01-31T10:00:00.5+09:00",
]
STRFTIME = ["%Y-%m-%d", "%d/%m/%y", "%H:%M", "%b %d, %Y", "%Y-%m-%dT%H:%M:%S.%f%z", "%j", "%S"]
REGEXES = [
    "[a&&b]", "^[^&&]+$", "[x~~y]", r"^\w+$", r"\W", r"\s", r"^\S+$", r"\bb", r"a\B", "x$", r"x\Z", r"(.)\1", "(?<=a)b", "^(?!n)",
    r"\d", "(?i)aa", "^$", "(?m)^y", "a.b", "(?s)x.y", "^(x$|n)", r"[\x1c-\x1f]", "^{", r"^[\d.]+$", "e|True|-", "^.{4,10}$",
]
CONDITIONS = [
    "small > 3", "not small > 3", "~(small > 3)", "small == big", "small + 1 < wide", "2 < small <= 7", "5 >= small",
    "small in [1, 2, 3]", "small not in [1, 2]", "small == [1, 2]", "text == \"x\\ny\"", "text == 'q\"t'", "text == \"q\\\"t\"",
    "text != None", "text == None", "text.isnull()", "text.notnull() and small > 2", "whole % 2 == 0 or wide < 0", "whole // 3 == 1",
    "truth", "not truth", "truth == True", "truth and small > 2", "wide > 0", "wide != wide", "wide == wide", "small == \"x\"",
    "small != \"x\"", "text == 5", "text.str.contains(\"a\", na=False)", "text.str.startswith(\"n\", na=False)",
    "text.str.len() > 3", "text.str.lower() == \"aa\"", "whole.between(2, 5)", "small.isin([1, 4])", "abs(wide) > 1",
    "moment > \"2026-01-15\"", "\"2026-01-15 12:00:00\" <= moment", "moment.dt.hour > 11", "small > 2 and not truth", "-small < -3",
    "small * 2 - whole > 1", "small / 2 > 1.5", "small ** 2 > 10", "amount > 1.25", "amount == 2",
]
FORMATS = [
    {"result_format": "COMPLETE", "unexpected_index_column_names": ["whole"]},
    {"result_format": "SUMMARY", "unexpected_index_column_names": ["whole", "small"], "partial_unexpected_count": 3},
    {"result_format": "BASIC", "include_unexpected_rows": True, "partial_unexpected_count": 2},
    {"result_format": "COMPLETE", "exclude_unexpected_values": True},
]


def random_regex(random: random.Random, depth: int = 0) -> str:
    """A regular expression that Python accepts, and the engine that pandas prefers for simple ones, too."""
    atoms = [
        "a", "b", "x", "e", "1", "north", "&", "-", "\\.", ".", "^", "$", r"\Z", r"\b", r"\B", r"\w", r"\W", r"\s", r"\S", r"\d", r"\n", "[^a]",
        "[a&&b]", "[+--]", "[x~~|]", r"[\w-]", r"[^\s]", "[]a]", "{", "}", "]", r"\x41", "é", r"\u0301", "김", "A", '"', "'",
    ]
    parts = []
    for _ in range(random.randint(1, 4)):
        part = random.choice(atoms)
        if depth < 2 and random.random() < 0.3:
            start = random.choice(["(", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?i:", "(?s:", "(?m:"])
            inner = random.choice(atoms) if "<" in start else random_regex(random, depth + 1)
            part = start + inner + ")"
        elif random.random() < 0.3:
            part += random.choice(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "|"])
        parts.append(part)
    regex = "".join(parts)
    if depth == 0:
        regex = random.choice(["", "", "", "(?i)", "(?m)", "(?s)"]) + regex
    try:
        re.compile(regex)
    except re.error:
        return random_regex(random, depth)
    return regex


def odd_table(random: random.Random) -> pa.Table:
    rows = random.choice([0, 1, 6, 30, 60])
    pick = random.choice

    def column(values, data_type, nulls=0.0):
        made = [None if random.random() < nulls else values() for _ in range(rows)]
        return pa.array(made, data_type)

    noon = datetime.datetime(2026, 1, 15, 12)
    start = 1_768_478_400_000_000_000
    odd = [0.0, -0.0, 1.0, -1.5, 0.1, 1e300, 5e-324] + [float("inf"), float("-inf")] * pick([0, 1])
    small = pick([pa.int8(), pa.int16(), pa.int32()])
    unsigned = pick([pa.uint8(), pa.uint16(), pa.uint32()])
    return pa.table(
        {
            "small": column(lambda: random.randrange(0, 9), small),
            # pandas subtracts unsigned numbers modulo their size: they are no part of what orders or reckons.
            "narrow": column(lambda: random.randrange(0, 9), unsigned),
            "whole": column(lambda: random.randrange(0, 9), pa.int64()),
            "big": column(lambda: 2**53 + random.randrange(-3, 4), pa.int64()),
            "huge": column(lambda: 2**64 - 1 - random.randrange(0, 3), pa.uint64()),
            "wide": column(lambda: pick(odd), pa.float64(), pick([0.0, 0.2])),
            "any": column(lambda: random.uniform(-1, 1) * 10.0 ** random.randrange(-9, 9), pa.float64()),
            "single": column(lambda: pick([0.1, 0.25, -3.5, 7.0]), pa.float32(), pick([0.0, 0.2])),
            "truth": column(lambda: pick([True, False]), pa.bool_()),
            "maybe": column(lambda: pick([True, False]), pa.bool_(), 0.3),
            "text": column(lambda: pick(TEXTS), pa.string(), pick([0.0, 0.2])),
            "coded": column(lambda: pick(CODED), pa.string(), pick([0.0, 0.2])),
            "twin": column(lambda: random.randrange(3, 6), pa.int64()),
            "amount": column(lambda: decimal.Decimal(random.randrange(-9, 20) * 25).scaleb(-2), pa.decimal128(12, 2), pick([0.0, 0.2])),
            "day": column(lambda: datetime.date(2026, 1, random.randrange(1, 9)), pa.date32(), pick([0.0, 0.2])),
            "moment": column(lambda: noon + datetime.timedelta(hours=random.randrange(-40, 40)), pa.timestamp("us")),
            "fine": column(lambda: start + random.randrange(0, 40), pa.timestamp("ns"), pick([0.0, 0.2])),
            "zoned": column(lambda: noon + datetime.timedelta(hours=random.randrange(0, 9)), pa.timestamp("us", tz="UTC"), 0.1),
            "nothing": pa.nulls(rows),
            "clock": column(lambda: datetime.time(random.randrange(0, 24), 30), pa.time64("us"), 0.2),
        }
    )


class OddMaker:
    """Makes expectations on a table of odd values."""

    def __init__(self, random: random.Random, table: pa.Table):
        self.random = random
        self.table = table

    def values(self, name: str, most: int = 4) -> list:
        present = [value for value in self.table[name].to_pylist() if value is not None and abs(value) != float("inf")]
        return [self.random.choice(present) for _ in range(self.random.randint(1, most)) if present]

    def bounds(self, name: str) -> dict:
        values = sorted(self.values(name)) or [0]
        arguments = self.random.choice(
            [{"min_value": values[0]}, {"max_value": values[-1]}, {"min_value": values[0], "max_value": values[-1]}]
        )
        for argument in ("strict_min", "strict_max"):
            if self.random.random() < 0.3:
                arguments[argument] = True
        return arguments

    def make(self):
        pick = self.random.choice
        mostly = pick([{}, {"mostly": pick([0.0, 0.25, 0.5, 0.9])}])
        joined = [pick(CONDITIONS), f"({pick(CONDITIONS)}) and not ({pick(CONDITIONS)})", f"{pick(CONDITIONS)} or {pick(CONDITIONS)}"]
        where = {"row_condition": pick(joined), "condition_parser": "pandas"} if self.random.random() < 0.5 else {}
        rows = {**mostly, **where}
        numbers = ["small", "narrow", "whole", "wide", "any", "single"]
        # Nor are infinities: the difference of two is none.
        infinite = any(value is not None and abs(value) == float("inf") for value in self.table["wide"].to_pylist())
        ordered = ["small", "whole", "big", "any", "single"] + ["wide"] * (not infinite)

        def aggregate(expectation, names):
            name = pick(names)
            return expectation(column=name, **self.bounds(name), **where)

        def extreme(expectation):
            # Theirs makes bounds floating-point numbers: none for numbers beyond 2**53.
            return aggregate(expectation, ["small", "whole", "wide", "any", "single"])

        def in_set(expectation):
            name = pick(["small", "narrow", "big", "wide", "any", "single", "maybe"])
            values = [pick([0, 1, True])] if name == "maybe" else self.values(name) or [1]
            return expectation(column=name, value_set=values, **rows)

        def between():
            name = pick(numbers)
            return gxe.ExpectColumnValuesToBeBetween(column=name, **self.bounds(name), **rows)

        def quantiles():
            return gxe.ExpectColumnQuantileValuesToBeBetween(
                column=pick(["wide", "single", "whole"]),
                quantile_ranges={"quantiles": [0.25, 0.5, 1.0], "value_ranges": [[None, 1.0], [-2.0, None], [0.0, 1e301]]},
                allow_relative_error=pick([False, "lower", "higher", "nearest"]),
                **where,
            )

        spelt = ["text", "text", "text", "small", "whole", "truth", "maybe", "amount", "day", "nothing", "any"]
        present = self.table.column_names
        unique = ["small", "narrow", "big", "huge", "wide", "any", "single", "maybe", "text", "amount", "day", "fine", "zoned", "nothing", "clock"]
        choices = [
            lambda: gxe.ExpectColumnValuesToNotBeNull(column=pick(present), **rows),
            lambda: gxe.ExpectColumnValuesToBeNull(column=pick([name for name in present if name != "clock"]), **rows),
            lambda: gxe.ExpectColumnValuesToBeUnique(column=pick(unique), **rows),
            lambda: gxe.ExpectColumnUniqueValueCountToBeBetween(column=pick(unique), min_value=pick([0, 2, 5]), **where),
            lambda: in_set(gxe.ExpectColumnValuesToBeInSet),
            lambda: in_set(gxe.ExpectColumnValuesToNotBeInSet),
            between,
            between,
            lambda: gxe.ExpectColumnValuesToBeIncreasing(column=pick(ordered), strictly=pick([True, False]), **mostly),
            lambda: gxe.ExpectColumnValuesToBeDecreasing(column=pick(ordered), strictly=pick([True, False]), **mostly),
            lambda: gxe.ExpectColumnValuesToMatchRegex(column=pick(spelt), regex=pick(REGEXES), **rows),
            lambda: gxe.ExpectColumnValuesToMatchRegex(column="text", regex=random_regex(self.random)),
            lambda: gxe.ExpectColumnValuesToMatchRegex(column="text", regex=random_regex(self.random), **mostly),
            lambda: gxe.ExpectColumnValuesToNotMatchRegex(column=pick(spelt), regex=pick(REGEXES), **rows),
            lambda: gxe.ExpectColumnValueLengthsToBeBetween(column=pick(spelt), min_value=pick([1, 3]), max_value=pick([3, 5]), **rows),
            lambda: extreme(gxe.ExpectColumnMinToBeBetween),
            lambda: extreme(gxe.ExpectColumnMaxToBeBetween),
            lambda: aggregate(gxe.ExpectColumnSumToBeBetween, ["small", "whole", "any"]),
            lambda: aggregate(gxe.ExpectColumnMeanToBeBetween, ["small", "whole", "any"]),
            lambda: aggregate(gxe.ExpectColumnMedianToBeBetween, ["small", "whole", "any", "wide"]),
            lambda: gxe.ExpectColumnSumToBeBetween(column=pick(["truth", "maybe", "nothing"]), min_value=pick([0, 3, 12]), **where),
            lambda: gxe.ExpectColumnMeanToBeBetween(column=pick(["truth", "maybe"]), min_value=pick([0.25, 0.5]), **where),
            lambda: gxe.ExpectColumnMinToBeBetween(column="nothing", min_value=0),
            quantiles,
            lambda: gxe.ExpectColumnValuesToMatchStrftimeFormat(column="coded", strftime_format=pick(STRFTIME), **rows),
            lambda: gxe.ExpectColumnValuesToBeJsonParseable(column=pick(["coded", "text"]), **rows),
            lambda: gxe.ExpectColumnValueZScoresToBeLessThan(
                column=pick(["small", "whole", "any", "single"]), threshold=pick([0.5, 1.0, 2.0]), double_sided=pick([True, False]), **rows
            ),
            lambda: gxe.ExpectColumnValuesToNotBeOutliers(
                column=pick(["small", "whole", "any", "twin"]), method=pick(["iqr", "std"]), multiplier=pick([0.5, 1.0, 1.5]), **rows
            ),
            lambda: gxe.ExpectColumnProportionOfNonNullValuesToBeBetween(column=pick(present), min_value=pick([0.0, 0.75, 1.0]), **where),
            lambda: gxe.ExpectMulticolumnValuesToBeEqual(
                column_list=pick([["small", "whole"], ["whole", "twin"], ["maybe", "truth"], ["wide", "single", "small"]]),
                ignore_row_if=pick(["all_values_are_missing", "any_value_is_missing", "never"]),
                **rows,
            ),
            lambda: gxe.ExpectTableRowCountToEqual(value=pick([0, 1, 6, 30]), **where),
            lambda: gxe.ExpectTableRowCountToBeBetween(min_value=pick([0, 2, 10]), max_value=pick([10, 40]), **where),
        ]
        return pick(choices)()


def odd_cases():
    """Name, table, expectations and a format of the results of each case."""
    for number in range(CASES):
        seeded = random.Random(SEED + number)
        table = odd_table(seeded)
        maker = OddMaker(seeded, table)
        yield f"odd{number:02d}", table, [maker.make() for _ in range(EXPECTATIONS)], FORMATS[number % len(FORMATS)]
