"""Random tables with random suites: what nobody thought of. The seed is fixed, so that a difference stays;
SEED and CASES in the environment look elsewhere, or at more.
"""

import datetime
import decimal
import os
import random

import great_expectations.expectations as gxe
import pyarrow as pa
from great_expectations.expectations.row_conditions import Column

SEED = int(os.environ.get("SEED", "20260115"))
CASES = int(os.environ.get("CASES", "4"))
EXPECTATIONS = 60
WORDS = ["north", "south", "west", "", " north", "North", "über", "김하늘", "n-1", "n-22", "z\u00e9", "a b"]
REGEXES = ["^n", "o.t", "[0-9]+", "^$", "^[a-z]+$", "\\d{2}", "(?i)NORTH", "^.{4}$", "\\s", "ü|é"]


def column(random: random.Random, kind: str, rows: int) -> pa.Array:
    """A column with few different values, or many, and nulls or none."""
    nulls = random.choice([0.0, 0.0, 0.1, 0.5])
    spread = random.choice([3, 10, 1000])

    def value():
        if random.random() < nulls:
            return None
        number = random.randrange(-spread, spread)
        match kind:
            case "int":
                return number
            case "float":
                return random.choice([number / 4, float(number), number * 1e-3])
            case "text":
                return random.choice(WORDS[: max(2, min(spread, len(WORDS)))])
            case "bool":
                return number > 0
            case "decimal":
                return decimal.Decimal(number * 25).scaleb(-2)
            case "date":
                return datetime.date(2026, 1, 15) + datetime.timedelta(days=number)
            case "time":
                return datetime.datetime(2026, 1, 15, 12) + datetime.timedelta(seconds=number * 1800)

    types = {
        "int": pa.int64(),
        "float": pa.float64(),
        "text": pa.string(),
        "bool": pa.bool_(),
        "decimal": pa.decimal128(12, 2),
        "date": pa.date32(),
        "time": pa.timestamp("us"),
    }
    return pa.array([value() for _ in range(rows)], types[kind])


def random_table(random: random.Random) -> pa.Table:
    rows = random.choice([1, 7, 40, 40, 120])
    kinds = ["int", "int", "float", "float", "text", "text", "bool", "decimal", "date", "time"]
    return pa.table({f"{kind}{number}": column(random, kind, rows) for number, kind in enumerate(kinds)})


class Maker:
    """Makes expectations on a table. Only what is allowed: Great Expectations itself refuses the rest."""

    def __init__(self, random: random.Random, table: pa.Table):
        self.random = random
        self.table = table
        # Columns with an expectation of quantiles: theirs takes those of the first one for any other.
        self.quantiles = set()
        self.names = {
            kind: [name for name in table.column_names if name.startswith(kind)]
            for kind in ("int", "float", "text", "bool", "decimal", "date", "time")
        }

    def name(self, *kinds: str) -> str:
        return self.random.choice([name for kind in kinds for name in self.names[kind]])

    def values(self, name: str, most: int = 4) -> list:
        """Some values of a column, and some that it may not have."""
        present = [value for value in self.table[name].to_pylist() if value is not None]
        values = [self.random.choice(present) for _ in range(self.random.randint(1, most)) if present]
        strange = {"int": 7, "float": 0.5, "text": "south", "bool": True}.get(name.rstrip("0123456789"))
        return values + [strange] * (strange is not None and (not values or self.random.random() < 0.5))

    def bounds(self, low: float, high: float, floats: bool = True) -> dict:
        """At least one bound; strict or not."""
        number = self.random.uniform if floats else self.random.randint
        a, b = sorted([number(low, high), number(low, high)])
        if floats:
            a, b = round(a, 2), round(b, 2)
        arguments = self.random.choice([{"min_value": a}, {"max_value": b}, {"min_value": a, "max_value": b}])
        for argument in ("strict_min", "strict_max"):
            if self.random.random() < 0.3:
                arguments[argument] = True
        return arguments

    def bounds_of(self, name: str) -> dict:
        """Bounds among the values of a column of numbers, often hit exactly."""
        numbers = sorted(float(value) for value in self.values(name, 8))
        if not numbers:
            return {"min_value": 0.0}
        arguments = {"min_value": self.random.choice(numbers[:3])}
        if self.random.random() < 0.6:
            arguments["max_value"] = max(arguments["min_value"], self.random.choice(numbers))
        for argument in ("strict_min", "strict_max"):
            if self.random.random() < 0.3:
                arguments[argument] = True
        return arguments

    def mostly(self) -> dict:
        return self.random.choice([{}, {"mostly": self.random.choice([0.0, 0.25, 0.5, 0.9, 1.0])}])

    def condition(self) -> dict:
        """Often none."""
        if self.random.random() < 0.7:
            return {}
        number, text = self.name("int", "float"), self.name("text")
        return {
            "row_condition": self.random.choice(
                [
                    Column(number) > 0,
                    Column(number) != 1,
                    (Column(number) <= 5) & Column(text).is_not_null(),
                    (Column(text) == "north") | (Column(number) == 0),
                    Column(text).is_in(["north", "west"]),
                    Column(text).is_not_in(["north", "west"]),
                    Column(number).is_null(),
                ]
            )
        }

    def make(self):
        pick = self.random.choice
        numbers = ("int", "float")
        everything = ("int", "float", "text", "bool", "decimal", "date", "time")
        severity = {"severity": pick(["critical", "warning", "info"])}
        rows = {**self.mostly(), **self.condition(), **severity}
        aggregate = {**self.condition(), **severity}

        def in_set(expectation):
            name = self.name("int", "float", "text", "bool")
            return expectation(column=name, value_set=self.values(name), **rows)

        def distinct(expectation):
            name = self.name("int", "text")
            return expectation(column=name, value_set=self.values(name, 8), **aggregate)

        def pair(expectation, **more):
            a, b = self.random.sample(self.names["int"] + self.names["float"], 2)
            ignore = pick(["both_values_are_missing", "either_value_is_missing", "neither"])
            return expectation(column_A=a, column_B=b, ignore_row_if=ignore, **more, **rows)

        def pair_set():
            a, b = self.name("int"), self.name("text")
            pairs = [(x, y) for x in self.values(a) for y in self.values(b)]
            ignore = pick(["both_values_are_missing", "either_value_is_missing"])
            # With a row condition theirs fails: it takes row labels for positions.
            return gxe.ExpectColumnPairValuesToBeInSet(
                column_A=a, column_B=b, value_pairs_set=pairs, ignore_row_if=ignore, **self.mostly(), **severity
            )

        def between():
            name = self.name("int", "float", "decimal")
            return gxe.ExpectColumnValuesToBeBetween(column=name, **self.bounds_of(name), **rows)

        def extreme(expectation):
            name = self.name("int", "float", "decimal")
            return expectation(column=name, **self.bounds_of(name), **aggregate)

        def quantiles():
            quantiles = sorted(self.random.sample([0.0, 0.1, 0.25, 0.5, 0.6, 0.75, 0.9, 1.0], 3))
            ranges = [pick([[None, 5.0], [-2.0, 3.0], [0.0, None]]) for _ in quantiles]
            name = self.name(*numbers)
            if name in self.quantiles:
                return self.make()
            self.quantiles.add(name)
            return gxe.ExpectColumnQuantileValuesToBeBetween(
                column=name,
                quantile_ranges={"quantiles": quantiles, "value_ranges": ranges},
                allow_relative_error=pick([False, "linear", "lower", "higher", "midpoint", "nearest"]),
                **aggregate,
            )

        def compound(expectation, **more):
            names = self.random.sample(self.table.column_names, self.random.randint(2, 3))
            ignore = pick(["all_values_are_missing", "any_value_is_missing", "never"])
            return expectation(column_list=names, ignore_row_if=ignore, **more, **rows)

        def within_record():
            names = self.random.sample(self.names["int"] + self.names["float"], 3)
            ignore = pick(["all_values_are_missing", "any_value_is_missing", "never"])
            return gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=names, ignore_row_if=ignore, **rows)

        def sum_to():
            names = self.random.sample(self.names["int"] + self.names["float"], 2)
            ignore = pick(["all_values_are_missing", "any_value_is_missing"])
            return gxe.ExpectMulticolumnSumToEqual(
                column_list=names, sum_total=pick([0, 1, 2.5]), ignore_row_if=ignore, **rows
            )

        text = lambda: self.name("text")
        lists = lambda: self.random.sample(REGEXES, 2)
        choices = [
            lambda: gxe.ExpectColumnValuesToNotBeNull(column=self.name(*everything), **rows),
            lambda: gxe.ExpectColumnValuesToBeNull(column=self.name(*everything), **rows),
            lambda: in_set(gxe.ExpectColumnValuesToBeInSet),
            lambda: in_set(gxe.ExpectColumnValuesToNotBeInSet),
            between,
            lambda: gxe.ExpectColumnValuesToMatchRegex(column=text(), regex=pick(REGEXES), **rows),
            lambda: gxe.ExpectColumnValuesToNotMatchRegex(column=text(), regex=pick(REGEXES), **rows),
            lambda: gxe.ExpectColumnValuesToMatchRegexList(
                column=text(), regex_list=lists(), match_on=pick(["any", "all"]), **rows
            ),
            lambda: gxe.ExpectColumnValuesToNotMatchRegexList(column=text(), regex_list=lists(), **rows),
            lambda: gxe.ExpectColumnValueLengthsToBeBetween(column=text(), **self.bounds(0, 8, floats=False), **rows),
            lambda: gxe.ExpectColumnValueLengthsToEqual(column=text(), value=pick([0, 3, 5]), **rows),
            lambda: gxe.ExpectColumnValuesToBeUnique(column=self.name(*everything), **rows),
            lambda: gxe.ExpectColumnValuesToBeIncreasing(
                column=self.name(*numbers), strictly=pick([True, False]), **self.mostly(), **severity
            ),
            lambda: gxe.ExpectColumnValuesToBeDecreasing(
                column=self.name(*numbers), strictly=pick([True, False]), **self.mostly(), **severity
            ),
            lambda: extreme(gxe.ExpectColumnMinToBeBetween),
            lambda: extreme(gxe.ExpectColumnMaxToBeBetween),
            lambda: gxe.ExpectColumnMeanToBeBetween(column=self.name(*numbers), **self.bounds(-5, 5), **aggregate),
            lambda: gxe.ExpectColumnMedianToBeBetween(column=self.name(*numbers), **self.bounds(-5, 5), **aggregate),
            lambda: gxe.ExpectColumnStdevToBeBetween(column=self.name(*numbers), **self.bounds(0, 9), **aggregate),
            lambda: gxe.ExpectColumnSumToBeBetween(column=self.name(*numbers), **self.bounds(-50, 50), **aggregate),
            lambda: gxe.ExpectColumnUniqueValueCountToBeBetween(
                column=self.name(*everything), **self.bounds(0, 20, floats=False), **aggregate
            ),
            lambda: gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(
                column=self.name(*everything), **self.bounds(0, 1), **aggregate
            ),
            lambda: distinct(gxe.ExpectColumnMostCommonValueToBeInSet),
            lambda: distinct(gxe.ExpectColumnDistinctValuesToBeInSet),
            lambda: distinct(gxe.ExpectColumnDistinctValuesToContainSet),
            lambda: distinct(gxe.ExpectColumnDistinctValuesToEqualSet),
            quantiles,
            lambda: compound(gxe.ExpectCompoundColumnsToBeUnique),
            within_record,
            sum_to,
            lambda: pair(gxe.ExpectColumnPairValuesToBeEqual),
            lambda: pair(gxe.ExpectColumnPairValuesAToBeGreaterThanB, or_equal=pick([True, False])),
            pair_set,
            lambda: gxe.ExpectTableRowCountToBeBetween(**self.bounds(0, 120, floats=False), **severity),
            # pandas reads whole numbers with nulls as others.
            lambda: gxe.ExpectColumnValuesToBeOfType(
                column=self.name("float"), type_=pick(["int64", "float64", "str"]), **severity
            ),
        ]
        return pick(choices)()


def random_cases():
    """Name, table and expectations of each case."""
    for number in range(CASES):
        seeded = random.Random(SEED + number)
        table = random_table(seeded)
        maker = Maker(seeded, table)
        yield f"random{number:02d}", table, [maker.make() for _ in range(EXPECTATIONS)]
