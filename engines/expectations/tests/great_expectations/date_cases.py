"""Random texts that look like dates and times, to dateutil or to nobody. SEED and DATE_CASES in the environment look elsewhere,
or at more.
"""

import decimal
import os
import random
import warnings

import great_expectations.expectations as gxe
import pyarrow as pa
from dateutil.parser import parse

SEED = int(os.environ.get("SEED", "20260115"))
CASES = int(os.environ.get("DATE_CASES", "1"))
COLUMNS = 40
# As many unexpected values as their results list.
ROWS = 200
WORDS = [
    "Jan", "january", "FEB", "Sept", "September", "may", "Dec", "Mon", "tuesday", "SAT", "am", "PM", "a", "p", "a.m.", "p.m", "h", "hour", "hours",
    "m", "min", "minutes", "s", "second", "UTC", "GMT", "Z", "z", "EST", "BRST", "utc", "KST", "ABCDEF", "at", "on", "and", "ad", "of", "t", "T", "st",
    "nd", "rd", "th", "nan", "inf", "today", "x", "김", "é", "May", "infinity", "B.C.", "ſ",
]
SIGNS = [" ", " ", " ", "-", "-", "/", ":", ":", ".", ",", ", ", "'", ";", "+", "(", ")", "T", "", "", "  ", "\t", "\n", "\0", "\u00a0", "_", "\x1f"]
DIGITS = ["٣", "²", "１", "𝟙", "𝟘", "①", "۵"]


def number(random: random.Random) -> str:
    kind = random.random()
    if kind < 0.35:
        return str(random.randrange(0, 32))
    if kind < 0.6:
        return f"{random.randrange(0, 62):02d}"
    if kind < 0.75:
        return str(random.choice([1999, 2026, 2024, 1, 99, 100, 101, 0, 9999, 10000, 31, 32, 12, 13, 24, 60, 2100]))
    if kind < 0.85:
        digits = random.choice([3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 27])
        return "".join(random.choice("0123") for _ in range(digits))
    if kind < 0.95:
        return f"{random.randrange(0, 62)}{random.choice('..,')}{random.choice(['5', '25', '999', '123456', '1234567', '0', '', '000'])}"
    return random.choice(DIGITS) * random.randint(1, 3) + random.choice(["", "1"])


def known(random: random.Random) -> str:
    """A form that dateutil knows, with values that may be wrong."""
    year = random.choice([2026, 2024, 1999, 1, 9999, 26, 99, 0])
    month, day = random.randrange(0, 14), random.randrange(0, 33)
    hour, minute, second = random.randrange(0, 26), random.randrange(0, 62), random.randrange(0, 62)
    name = random.choice(["Jan", "February", "SEPT", "dec", "Mai"])
    zone = random.choice(["", "Z", " UTC", "+09:00", "-0330", " +3", " GMT+3", " EST", " -0300 (BRST)", "+99999999999999:00", " EST-5 KST", " z EST"])
    date = random.choice(
        [
            f"{year:04d}-{month:02d}-{day:02d}", f"{day}/{month}/{year}", f"{month}.{day}.{year}", f"{name} {day}, {year}", f"{day} {name} {year}",
            f"{year}{month:02d}{day:02d}", f"{day}-{name}-{year}", f"{name}-{day}-{year}", f"{name} of {year}", f"{day}th of {name}, {year}",
            f"Sat {name} {day}", f"{name} {year}", f"{name}", f"{year}", f"{month}/{year}", f"{month}-{day}", "Monday", "",
        ]
    )
    time = random.choice(
        [
            "", "", f"{hour}:{minute:02d}", f"{hour:02d}:{minute:02d}:{second:02d}", f"{hour}:{minute}:{second}.{random.randrange(10**7)}", f"{hour} am", f"{hour}pm",
            f"{hour}h{minute}m{second}s", f"{hour} h {minute}", f"{hour}.5h", f"{hour}:{minute}.5", f"{hour:02d}{minute:02d}", f"{hour:02d}{minute:02d}{second:02d}.5",
            f"{hour} hours {minute} minutes", f"{hour}:{minute} PM", f"{hour}h{minute}", f"{hour}m 5",
        ]
    )
    return date + random.choice([" ", "T", " at ", ""]) + time + zone


def text(random: random.Random) -> str:
    if random.random() < 0.4:
        made = known(random)
    else:
        parts = []
        for _ in range(random.randint(1, 7)):
            parts.append(number(random) if random.random() < 0.65 else random.choice(WORDS))
            parts.append(random.choice(SIGNS))
        made = "".join(parts[: len(parts) - random.choice([0, 1, 1, 1])])
    if random.random() < 0.15 and made:
        place = random.randrange(len(made))
        made = made[:place] + random.choice([*SIGNS, *WORDS, *DIGITS]) + made[place + random.randint(0, 2) :]
    return made


def judged_text(random: random.Random) -> str:
    """Whole numbers of more than 28 digits may end theirs, and the expectation with it."""
    while True:
        made = text(random)
        try:
            parse(made)
        except (ValueError, OverflowError):
            pass
        except decimal.DecimalException:
            continue
        return made


def date_cases():
    """Name, table and expectations of each case."""
    # Time zones that dateutil does not know.
    warnings.simplefilter("ignore")
    for case in range(CASES):
        seeded = random.Random(SEED + case)
        names = [f"text{place}" for place in range(COLUMNS)]
        table = pa.table({name: pa.array([None if seeded.random() < 0.02 else judged_text(seeded) for _ in range(ROWS)]) for name in names})
        yield f"date{case:02d}", table, [gxe.ExpectColumnValuesToBeDateutilParseable(column=name, mostly=0.5) for name in names]
