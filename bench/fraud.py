"""How well the fraud signals find the generator's bursts: precision and recall of each signal, by card.

    fraud.py BINARY [--rows N] [--days N] [--seed N] [--burst-rate F] [--vars JSON]

Generates days with labels, runs them, and compares the cards that mart_fraud_signals flags with those that the labels name. A
card counts as positive if at least five events of a burst were delivered: less is no burst that anybody could see.
"""

import argparse
import collections
import csv
import datetime
import io
import json
import pathlib
import shutil
import subprocess

FOLDER = pathlib.Path(__file__).parent.parent / "target/bench/fraud"
SIGNALS = ["has_burst", "has_outlier", "is_mostly_at_night", "is_often_declined"]
VISIBLE_EVENTS = 5


def cardlake(binary, *arguments):
    return subprocess.run([binary, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def rows(binary, lake, statement):
    text = cardlake(binary, "sql", "--data-dir", lake, "--format", "csv", statement)
    return list(csv.DictReader(io.StringIO(text)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--burst-rate", type=float, default=0.00025)
    parser.add_argument("--vars", default="{}")
    arguments = parser.parse_args()
    binary = arguments.binary
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    landing, lake, labels = str(FOLDER / "landing"), str(FOLDER / "lake"), str(FOLDER / "labels.csv")
    first = datetime.date(2026, 1, 13)
    last = first + datetime.timedelta(days=arguments.days - 1)
    cardlake(
        binary, "generate", "--quiet", "--date", str(first), "--days", str(arguments.days), "--rows", str(arguments.rows),
        "--seed", str(arguments.seed), "--burst-rate", str(arguments.burst_rate), "--late-rate", "0.05", "--dup-rate", "0.02",
        "--out", landing, "--labels", labels,
    )
    cardlake(binary, "run", "--quiet", "--data-dir", lake, "--input", landing, "--from", str(first), "--to", str(last))
    if json.loads(arguments.vars):
        cardlake(binary, "build", "--quiet", "--data-dir", lake, "--force", "--vars", arguments.vars)
    with open(labels, newline="") as file:
        labelled = {row["transaction_id"] for row in csv.DictReader(file)}
    delivered = collections.Counter()
    for row in rows(binary, lake, "select transaction_id, card_id from fact_transactions"):
        delivered[row["card_id"]] += row["transaction_id"] in labelled
    positive = {card for card, events in delivered.items() if events >= VISIBLE_EVENTS}
    cards = rows(binary, lake, f"select card_id, signal_count, {', '.join(SIGNALS)} from mart_fraud_signals")
    print(f"{len(cards):,} cards, {len(positive)} with a burst\n")
    print("| signal | cards | share of all | precision | recall |\n|---|--:|--:|--:|--:|")
    meanings = {name: (lambda card, name=name: card[name] == "true") for name in SIGNALS}
    meanings["any"] = lambda card: int(card["signal_count"]) > 0
    meanings["two or more"] = lambda card: int(card["signal_count"]) > 1
    for name, flags in meanings.items():
        flagged = {card["card_id"] for card in cards if flags(card)}
        right = len(flagged & positive)
        precision = f"{right / len(flagged):.2f}" if flagged else "-"
        recall = f"{right / len(positive):.2f}" if positive else "-"
        print(f"| {name} | {len(flagged):,} | {len(flagged) / len(cards):.2%} | {precision} | {recall} |")


if __name__ == "__main__":
    main()
