"""Days of transactions in the format of the stack that is compared with: CSV, late rows and duplicates as its generator makes them.

    seed_days.py FOLDER [ROWS]

Each day: new rows, then 5 % of all as re-deliveries of rows of the two days before, then 2 % as repetitions of rows of the same
file. The time of a late row that is repeated moves by up to five seconds, in both copies: the corrections among the rows.
Two forms of the same rows: FOLDER/csv/transactions_D.csv and FOLDER/jsonl.gz/transactions_D.jsonl.gz. Same seed, same bytes.
"""

import datetime
import gzip
import pathlib
import random
import sys
import uuid

DAYS = [datetime.date(2026, 1, 13), datetime.date(2026, 1, 14), datetime.date(2026, 1, 15)]
COLUMNS = "transaction_id,customer_id,card_id,merchant_id,txn_ts,amount,currency,mcc,status,is_refund,channel".split(",")
CATEGORIES = ["5411", "5812", "5999", "4121", "7011"]
LATE, REPEATED = 0.05, 0.02


def identifier(rng):
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def new_row(rng, day):
    second = rng.randrange(86_400)
    time = f"{day} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return [
        identifier(rng),
        f"CUS{rng.randint(1000, 9999)}",
        identifier(rng),
        f"MER{rng.randint(1000, 1020)}",
        time,
        f"{rng.randint(100_000, 5_000_000) / 100:.2f}",
        "KRW",
        rng.choice(CATEGORIES),
        rng.choice(["approved", "approved", "approved", "declined"]),
        rng.choice(["false", "false", "false", "true"]),
        rng.choice(["online", "pos", "mobile"]),
    ]


def moved(row, seconds):
    """The row with a later time; the same day."""
    time = datetime.datetime.fromisoformat(row[4])
    later = time + datetime.timedelta(seconds=seconds)
    return row[:4] + [str(later if later.date() == time.date() else time)] + row[5:]


def make_day(rng, day, earlier, count):
    late = int(count * LATE) if earlier else 0
    repeated = int(count * REPEATED)
    rows = [new_row(rng, day) for _ in range(count - late - repeated)]
    fresh = len(rows)
    rows += [rng.choice(earlier) for _ in range(late)]
    for _ in range(repeated):
        place = rng.randrange(fresh + late)
        if place >= fresh:
            rows[place] = moved(rows[place], rng.randint(0, 5))
        rows.append(rows[place])
    return rows, rows[:fresh]


def write_csv(path, rows):
    with open(path, "w", newline="\n") as file:
        file.write(",".join(COLUMNS) + "\n")
        file.writelines(",".join(row) + "\n" for row in rows)


def write_json_lines(path, rows):
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as file:
        names = [f'"{name}": ' for name in COLUMNS]
        for row in rows:
            # The amount is a number and is_refund a boolean, the rest are strings.
            texts = [value if place in (5, 9) else f'"{value}"' for place, value in enumerate(row)]
            file.write(("{" + ", ".join(map("".join, zip(names, texts))) + "}\n").encode())


def main():
    folder = pathlib.Path(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    for form in ("csv", "jsonl.gz"):
        (folder / form).mkdir(parents=True, exist_ok=True)
    history = []
    for day in DAYS:
        rng = random.Random(f"{day}/{count}")
        earlier = [row for fresh in history[-2:] for row in fresh]
        rows, fresh = make_day(rng, day, earlier, count)
        history.append(fresh)
        write_csv(folder / "csv" / f"transactions_{day}.csv", rows)
        write_json_lines(folder / "jsonl.gz" / f"transactions_{day}.jsonl.gz", rows)
        print(f"{day}: {len(rows)} rows", file=sys.stderr)


if __name__ == "__main__":
    main()
