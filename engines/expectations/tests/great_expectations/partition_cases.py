"""Random distributions with random expected ones, for the Kullback-Leibler divergence. SEED and PARTITION_CASES in the
environment look elsewhere, or at more.
"""

import decimal
import os
import random

import great_expectations.expectations as gxe
import pyarrow as pa

SEED = int(os.environ.get("SEED", "20260115"))
CASES = int(os.environ.get("PARTITION_CASES", "4"))
EXPECTATIONS = 40
INFINITY = float("inf")


def shares(random: random.Random, count: int) -> list:
    """Weights that add up to one, some of them zero."""
    while True:
        raw = [random.choice([0, 1, 1, 2, 5]) for _ in range(count)]
        if sum(raw):
            return [share / sum(raw) for share in raw]


def partition_table(random: random.Random) -> pa.Table:
    rows = random.choice([0, 1, 5, 40, 150, 700])
    nulls = random.choice([0.0, 0.2])
    spread = random.choice([3, 12, 400])

    def column(value, data_type, nulls=nulls):
        return pa.array([None if random.random() < nulls else value() for _ in range(rows)], data_type)

    return pa.table(
        {
            "whole": column(lambda: random.randrange(spread), pa.int64()),
            "full": column(lambda: random.randrange(spread), pa.int32(), 0.0),
            "number": column(lambda: random.gauss(0, 1) * spread, pa.float64()),
            "coarse": column(lambda: random.randrange(-spread, spread) / 4, pa.float64()),
            "wide": column(lambda: random.choice([0.0, 1.0, 2.5, INFINITY, -INFINITY]), pa.float64()),
            "amount": column(lambda: decimal.Decimal(random.randrange(40) * 25).scaleb(-2), pa.decimal128(12, 2)),
            "truth": column(lambda: random.random() < 0.3, pa.bool_(), 0.0),
            "text": column(lambda: random.choice(["a", "b", "c", "김", "", "é"]), pa.string()),
        }
    )


class PartitionMaker:
    """Makes expectations of distributions. Theirs ends the whole run on partitions that are none: those are made elsewhere."""

    def __init__(self, random: random.Random, table: pa.Table):
        self.random = random
        self.table = table

    def values(self, name: str) -> list:
        present = sorted({value for value in self.table[name].to_pylist() if value is not None and abs_finite(value)})
        values = self.random.sample(present, min(len(present), self.random.randint(1, 12)))
        if name == "amount":
            values = [float(value) for value in values]
        strange = {"truth": [], "text": ["z", 5]}.get(name, [-77, 0.125])
        return values + self.random.sample(strange, self.random.randint(0, len(strange)) if values else min(1, len(strange)))

    def edges(self, name: str) -> list:
        present = [float(value) for value in self.table[name].to_pylist() if value is not None and abs_finite(value)]
        edges = {self.random.choice(present) for _ in range(self.random.randint(2, 200 if self.random.random() < 0.1 else 6)) if present}
        edges |= {-1.0, 3.5}
        ends = self.random.choice([[], [], [], [-INFINITY], [INFINITY], [-INFINITY, INFINITY]])
        return sorted(edges | set(ends))

    def make(self):
        pick = self.random.choice
        kwargs = {"threshold": pick([None, 0, 0.0, 0.1, 0.5, 2.0, 1, -1])}
        if self.random.random() < 0.4:
            kwargs["tail_weight_holdout"] = pick([0, 0.01, 0.3])
        if self.random.random() < 0.3:
            kwargs["internal_weight_holdout"] = pick([0, 0.01, 0.2])
        numbers = ["whole", "full", "number", "coarse", "amount", "truth"]
        kind = pick(["values", "values", "bins", "bins", "bins", "own values", "own bins"])
        if kind == "values":
            name = pick(["whole", "full", "coarse", "wide", "amount", "truth", "text"])
            values = self.values(name) or [True]
            kwargs["partition_object"] = {"values": values, "weights": shares(self.random, len(values))}
        elif kind == "bins":
            name = pick(numbers + ["wide"])
            edges = self.edges(name)
            weights = shares(self.random, len(edges) - 1)
            kwargs["partition_object"] = {"bins": edges, "weights": weights}
            if self.random.random() < 0.4:
                below, *weights, above = shares(self.random, len(edges) + 1)
                kwargs["partition_object"].update(weights=weights, tail_weights=[below, above])
            if self.random.random() < 0.05:
                kwargs["bucketize_data"] = False
        elif kind == "own values":
            name = pick(["whole", "full", "coarse", "truth", "text"])
            kwargs.update(partition_object=None, bucketize_data=False)
        else:
            name = pick(numbers)
            kwargs.update(partition_object=None)
        where = pick([{}, {}, {"row_condition": "full > 1", "condition_parser": "pandas"}])
        return gxe.ExpectColumnKLDivergenceToBeLessThan(column=name, **kwargs, **where)


def abs_finite(value: object) -> bool:
    return not isinstance(value, float) or abs(value) < INFINITY


def partition_cases():
    """Name, table and expectations of each case."""
    for number in range(CASES):
        seeded = random.Random(SEED + number)
        table = partition_table(seeded)
        maker = PartitionMaker(seeded, table)
        yield f"partition{number:02d}", table, [maker.make() for _ in range(EXPECTATIONS)]
