"""Files made to cost more than they look: time, memory and outcome of a day for each, beside a usual day.

usage: adversarial.py CARDLAKE [--rows 200000] [--only NAME]

Every case is a day of one raw file, in a lake and a process of its own. Wanted is at most twice the memory of the usual day, and a time
that follows the bytes of text.
"""

import argparse
import gzip
import io
import json
import os
import subprocess
import tempfile
import time
import uuid

DAY = "2026-01-13"
HEADER = "transaction_id,customer_id,card_id,merchant_id,txn_ts,amount,currency,mcc,status,is_refund,channel\n"


def row(transaction, number):
    card = uuid.UUID(int=number % 5000)
    second = number % 86_400
    moment = f"{DAY} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{transaction},CUS{number % 4000:04},{card},MER{number % 900:04},{moment},{number % 1000}.50,KRW,5411,approved,false,online\n"


def rows(count, transaction):
    return HEADER + "".join(row(transaction(number), number) for number in range(count))


def bomb(head, piece, repeats):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as file:
        file.write(head)
        for _ in range(repeats):
            file.write(piece)
    return packed.getvalue()


def cases(count):
    """Name, file name, and how to make the bytes."""
    scattered = lambda number: uuid.uuid5(uuid.NAMESPACE_OID, str(number))
    plain = lambda text: text.encode()
    yield "usual", "t.csv", lambda: plain(rows(count, scattered))
    yield "one key", "t.csv", lambda: plain(rows(count, lambda _: uuid.UUID(int=1)))
    yield "keys that differ at their end", "t.csv", lambda: plain(rows(count, lambda number: uuid.UUID(int=number * 7919 % (1 << 64))))
    yield "one key, 30 times as many, in gzip", "t.csv.gz", lambda: bomb(plain(HEADER), plain(row(uuid.UUID(int=1), 1) * 1000), count * 30 // 1000)
    yield "100,000 columns", "t.csv", lambda: plain(HEADER.strip() + "".join(f",c{number}" for number in range(100_000)) + "\n")
    yield "lines of two bytes", "t.csv", lambda: plain(HEADER + "x\n" * (count * 50))
    yield "2 GiB of blank lines in gzip", "t.csv.gz", lambda: bomb(plain(HEADER), b"\n" * (1 << 20), 2048)
    yield "records of 9 MB", "t.csv", lambda: plain(HEADER + ("x" * 9_000_000 + "\n") * 5)
    yield "an unclosed quote", "t.csv", lambda: plain(rows(count, scattered).replace(",KRW", ',"KRW', 1))
    yield "JSON nested 100,000 deep", "t.jsonl", lambda: plain('{"a":' * 100_000 + "1" + "}" * 100_000 + "\n")
    yield "other fields in every row", "t.jsonl", lambda: plain(
        "".join(json.dumps({"transaction_id": str(scattered(number)), f"f{number}": 1}) + "\n" for number in range(count))
    )


def run(cardlake, folder, name, content):
    landing = os.path.join(folder, "landing", "transactions", f"ingest_date={DAY}")
    os.makedirs(landing)
    with open(os.path.join(landing, name), "wb") as file:
        file.write(content)
    command = [cardlake, "run", "--date", DAY, "--input", os.path.join(folder, "landing")]
    command += ["--data-dir", os.path.join(folder, "lake"), "--quiet"]
    begun = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - begun
    said = " ".join(said.split()).removeprefix("error: ")
    outcome = "succeeded" if status == 0 else said if len(said) <= 160 else said[:157] + "…"
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3, outcome


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cardlake", help="the built command")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--only", help="the case of this name")
    arguments = parser.parse_args()
    print("| file | bytes | s | CPU s | peak memory, MB | outcome |")
    print("|---|--:|--:|--:|--:|---|")
    for label, name, make in cases(arguments.rows):
        if arguments.only not in (None, label):
            continue
        with tempfile.TemporaryDirectory() as folder:
            content = make()
            seconds, processor, memory, outcome = run(arguments.cardlake, folder, name, content)
            print(f"| {label} | {len(content):,} | {seconds:.1f} | {processor:.1f} | {memory:.0f} | {outcome} |", flush=True)


if __name__ == "__main__":
    main()
