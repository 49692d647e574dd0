"""Card transactions the usual Python way: Faker for people and companies, random for rows, csv or json to write them.

    python_generator.py csv|jsonl ROWS FILE [SEED]

The yardstick of bench/generate.py. Rows are kept in a list, because late, repeated and broken ones are drawn from it and
the whole is shuffled; so memory grows with the rows.
"""

import csv
import datetime
import json
import random
import sys
import uuid

from faker import Faker

COLUMNS = [
    "transaction_id", "customer_id", "card_id", "merchant_id", "txn_ts", "amount", "currency", "mcc", "status",
    "is_refund", "channel",
]
TYPICAL_AMOUNT = {"5411": 26_000, "5812": 19_000, "5999": 42_000, "4121": 9_500, "7011": 160_000}
LATE, DUPLICATE, CORRUPT = 0.05, 0.02, 0.005
DAY = datetime.datetime(2026, 1, 15)


def people(fake, rng, rows):
    """Customers with their cards, and merchants: as many for a day of `rows` as the other generator has."""
    customers = []
    for number in range(max(200, rows // 10)):
        customers.append({
            "customer_id": f"CUS{number + 1000}", "name": fake.name(), "email": fake.email(), "city": fake.city(),
            "cards": [str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(rng.randint(1, 3))],
        })
    merchants = []
    for number in range(max(40, rows // 500)):
        merchants.append({
            "merchant_id": f"MER{number + 1000}", "name": fake.company(), "mcc": rng.choice(list(TYPICAL_AMOUNT)),
        })
    return customers, merchants


def transaction(rng, customers, merchants, day):
    customer, merchant = rng.choice(customers), rng.choice(merchants)
    moment = day + datetime.timedelta(seconds=rng.randint(0, 86_399))
    return {
        "transaction_id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "customer_id": customer["customer_id"],
        "card_id": rng.choice(customer["cards"]),
        "merchant_id": merchant["merchant_id"],
        "txn_ts": moment.strftime("%Y-%m-%d %H:%M:%S"),
        "amount": round(TYPICAL_AMOUNT[merchant["mcc"]] * rng.lognormvariate(0, 0.6), 2),
        "currency": "KRW",
        "mcc": merchant["mcc"],
        "status": "approved" if rng.random() > 0.03 else "declined",
        "is_refund": rng.random() < 0.02,
        "channel": rng.choice(["online", "pos", "mobile"]),
    }


def generate(rng, customers, merchants, rows):
    late, duplicates, corrupt = (int(rows * rate) for rate in (LATE, DUPLICATE, CORRUPT))
    made = [transaction(rng, customers, merchants, DAY) for _ in range(rows - late - duplicates - corrupt)]
    for _ in range(late):
        made.append(transaction(rng, customers, merchants, DAY - datetime.timedelta(days=rng.randint(1, 2))))
    for _ in range(duplicates):
        made.append(dict(rng.choice(made)))
    for _ in range(corrupt):
        broken = transaction(rng, customers, merchants, DAY)
        broken[rng.choice(COLUMNS)] = rng.choice(["", "N/A", "???"])
        made.append(broken)
    rng.shuffle(made)
    return made


def main():
    file_format, rows, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 42
    rng, fake = random.Random(seed), Faker("ko_KR")
    fake.seed_instance(seed)
    made = generate(rng, *people(fake, rng, rows), rows)
    with open(path, "w", newline="", encoding="utf-8") as file:
        if file_format == "csv":
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(made)
        else:
            for row in made:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        size = file.tell()
    print(json.dumps({"rows": len(made), "bytes": size}))


if __name__ == "__main__":
    main()
