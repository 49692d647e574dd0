"""The pipeline on LocalStack, end to end: what starts it, what comes out, and where failures go.

usage: test_pipeline.py [unittest options]

The resources are those that `make localstack` creates. The tests share one stack and run in the order of their names: the
first ones hold the empty lake against an empty one of `cardlake run`.
"""

import atexit
import datetime
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(PROJECT / "localstack"))

from histories import differences, from_localstack, run_id  # noqa: E402
from resources import BUCKETS, render  # noqa: E402
from stack import Stack  # noqa: E402

WAIT_SECONDS = 240
HEADER = "transaction_id,customer_id,card_id,merchant_id,txn_ts,amount,currency,mcc,status,is_refund,channel\n"
STACK = None


def setUpModule():
    global STACK
    # Whoever ends the tests early ends the stack with them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    STACK = Stack(longest_wait=1)
    atexit.register(STACK.close)
    unittest.addModuleCleanup(STACK.close)


def until(what, ask):
    """The first answer that is not None."""
    end = time.monotonic() + WAIT_SECONDS
    while (answer := ask()) is None:
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {WAIT_SECONDS} seconds")
        time.sleep(0.2)
    return answer


def row(day, time_of_day="12:00:00", amount="1000", transaction=None):
    """A line of a CSV file."""
    transaction = transaction or uuid.uuid4()
    card = uuid.uuid5(uuid.NAMESPACE_URL, "card")
    return f"{transaction},CUS0001,{card},MER0001,{day} {time_of_day},{amount},KRW,5411,approved,false,online\n"


def put(key, body):
    STACK.client("s3").put_object(Bucket=BUCKETS["bronze"], Key=key, Body=body)


def record(key):
    """What the transformer noted about a bronze object, once it has."""
    s3 = STACK.client("s3")

    def ask():
        try:
            return json.load(s3.get_object(Bucket=BUCKETS["silver"], Key=f"_objects/{key}.json")["Body"])
        except s3.exceptions.NoSuchKey:
            return None

    return until(f"the record of {key}", ask)


def start(machine, event, name=None):
    """Starts an execution of a state machine of the project, or of the one with an ARN; gives the execution's ARN."""
    name = name or str(uuid.uuid4())
    arn = STACK.names["machines"].get(machine, machine)
    started = STACK.client("stepfunctions").start_execution(stateMachineArn=arn, name=name, input=json.dumps(event))
    return started["executionArn"]


def ended(execution):
    """The description of an execution that has come to its end."""

    def ask():
        told = STACK.client("stepfunctions").describe_execution(executionArn=execution)
        return None if told["status"] == "RUNNING" else told

    return until(f"the end of {execution}", ask)


def machine(name, definition):
    """Creates a state machine with the role of the backfill; gives its ARN."""
    client = STACK.client("stepfunctions")
    role = client.describe_state_machine(stateMachineArn=STACK.names["machines"]["backfill"])["roleArn"]
    return client.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]


def history(execution):
    pages = STACK.client("stepfunctions").get_paginator("get_execution_history")
    return [event for page in pages.paginate(executionArn=execution) for event in page["events"]]


def bring_forward(name):
    """Makes a schedule fire in two seconds; gives the time."""
    scheduler = STACK.client("scheduler")
    schedule = scheduler.get_schedule(Name=STACK.names["schedules"][name])
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    scheduler.update_schedule(
        Name=schedule["Name"],
        ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=schedule["Target"],
    )
    return soon


def lines(function, text, since):
    """What a function has logged since a time, as far as it holds a text."""
    group = f"/aws/lambda/cardlake-{function}"
    client = STACK.client("logs")
    try:
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(since.timestamp() * 1000) - 1000
        )
        return [event["message"] for page in pages for event in page["events"] if text in event["message"]]
    except client.exceptions.ResourceNotFoundException:
        return []


def messages(queue):
    """What lies in a queue, taken out of it."""
    told = STACK.client("sqs").receive_message(
        QueueUrl=STACK.names[queue], MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"]
    ).get("Messages", [])
    for message in told:
        STACK.client("sqs").delete_message(QueueUrl=STACK.names[queue], ReceiptHandle=message["ReceiptHandle"])
    return told


def message_with(queue, text):
    def ask():
        return next((message for message in messages(queue) if text in message["Body"]), None)

    return until(f"a message with {text}", ask)


class Local:
    """A lake of `cardlake run`, with the token keys and the topic of the stack: tokens and messages are the same."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(dir=STACK.folder))
        shutil.copytree(STACK.folder / "lake" / "secrets", self.folder / "lake" / "secrets")

    def run(self, day, *arguments):
        """The events of the execution of a day."""
        folder = self.folder / "history"
        command = [STACK.cardlake, "run", "--date", day, "--json", "--data-dir", self.folder / "lake", "--history", folder]
        topic = {"CARDLAKE_NOTIFICATION_TOPIC_ARN": STACK.names["topic"], "AWS_ENDPOINT_URL_SNS": STACK.endpoint}
        subprocess.run([*command, *arguments], env=os.environ | topic, stdout=subprocess.DEVNULL, check=False)
        return [json.loads(line) for line in (folder / f"{day}.jsonl").read_text().splitlines()]


class TestHistories(unittest.TestCase):
    """The same day through `cardlake run` and through LocalStack."""

    def assert_same(self, expected, execution):
        found = differences(expected, from_localstack(history(execution)))
        self.assertFalse(found, "\n" + "\n".join(line[:3000] for line in found[:40]))

    def test_1_a_good_day_and_2_a_failed_one_tell_the_same(self):
        local = Local()
        with self.subTest("a good day"):
            expected = local.run("2026-01-13", "--rows", "500", "--late-rate", "0")
            self.assertEqual(expected[-1]["type"], "ExecutionSucceeded")
            execution = start("daily", expected[0]["details"]["input"], run_id(expected))
            self.assertEqual(ended(execution)["status"], "SUCCEEDED")
            self.assert_same(expected, execution)

        with self.subTest("more broken rows than are allowed"):
            landing = local.folder / "landing"
            landing.mkdir()
            lines = [row("2026-01-14", transaction=uuid.UUID(int=number)) for number in range(1, 4)]
            text = HEADER + "".join(lines) + row("2026-01-14", amount="lots")
            (landing / "transactions_2026-01-14.csv").write_text(text)
            expected = local.run("2026-01-14", "--input", str(landing))
            self.assertEqual(expected[-1]["details"]["error"], "Cardlake.QuarantineThreshold")
            put("transactions/ingest_date=2026-01-14/transactions_2026-01-14.csv", text)
            execution = start("daily", expected[0]["details"]["input"], run_id(expected))
            self.assertEqual(ended(execution)["status"], "FAILED")
            self.assert_same(expected, execution)


class TestStateMachines(unittest.TestCase):
    """What the state machines make of failures, with days and stages that are made up."""

    def test_backfills_of_one_two_and_three_days(self):
        def day(broken):
            """A day's state machine: a day of `broken` fails."""
            return {
                "StartAt": "Which",
                "States": {
                    "Which": {
                        "Type": "Choice",
                        "Choices": [
                            {"Variable": "$.batch_date", "StringEquals": date, "Next": "Broken"} for date in broken or ["none"]
                        ],
                        "Default": "Good",
                    },
                    "Broken": {"Type": "Fail", "Error": "Cardlake.Internal", "Cause": "it did not go well"},
                    "Good": {"Type": "Succeed"},
                },
            }

        cases = json.loads((PROJECT / "tests" / "backfills.json").read_text())
        for number, case in enumerate(cases):
            with self.subTest(case["what"]):
                daily = machine(f"days-{number}", json.dumps(day(case.get("broken"))))
                names = {"daily_state_machine": daily}
                backfill = machine(f"backfill-{number}", render("statemachine/backfill.asl.json", names))
                keep_going = case.get("keep_going", False)
                told = ended(start(backfill, {"dates": case["dates"], "keep_going": keep_going}))
                expected = list(zip(case["dates"], case["outcomes"]))
                if "failed" not in case["outcomes"]:
                    self.assertEqual(told["status"], "SUCCEEDED", told.get("cause"))
                    days = json.loads(told["output"])["days"]
                    self.assertEqual([(day["batch_date"], day["outcome"]) for day in days], expected)
                    continue
                self.assertEqual((told["status"], told["error"]), ("FAILED", "Backfill.DaysFailed"), told.get("cause"))
                if keep_going:
                    days = json.loads(told["cause"].removeprefix("not all days succeeded: "))
                    self.assertEqual([(day["batch_date"], day["outcome"]) for day in days], expected)
                else:
                    self.assertTrue(told["cause"].startswith(f"{case['broken'][0]}: "), told["cause"])
                    self.assertIn("it did not go well", told["cause"])

    def test_a_day_fails_with_a_name_that_a_fail_state_may_have(self):
        daily = json.loads((PROJECT / "statemachine" / "daily.asl.json").read_text())
        # Its end, behind the notification.
        first = daily["States"]["NotifyFailure"]["Next"]
        states = {name: daily["States"][name] for name in ("CheckName", "OwnName", "Failed")}
        arn = machine("end-of-a-day", json.dumps({"StartAt": first, "States": states}))
        for error, name in [
            ("States.Timeout", "Stage.Timeout"),
            ("States.TaskFailed", "Stage.TaskFailed"),
            ("Cardlake.Internal", "Cardlake.Internal"),
            ("Lambda.Unknown", "Lambda.Unknown"),
        ]:
            with self.subTest(error):
                told = ended(start(arn, {"failed": {"told": {"Error": error, "Cause": "it did not go well"}}}))
                self.assertEqual((told["status"], told["error"], told["cause"]), ("FAILED", name, "it did not go well"))


class TestPipeline(unittest.TestCase):
    def test_a_file_put_to_bronze_is_transformed(self):
        key = "transactions/ingest_date=2026-03-01/by hand+1.csv"
        put(key, HEADER + row("2026-03-01") + row("2026-03-01", amount="lots"))
        told = record(key)
        self.assertEqual(told["counts"]["silver_rows"], 1)
        self.assertEqual(told["counts"]["quarantined"], 1)
        for file in told["files"]:
            STACK.client("s3").head_object(Bucket=BUCKETS["silver"], Key=f"transactions/{file['path']}")

    def test_a_file_that_cannot_be_read_ends_in_the_dead_letter_queue(self):
        key = "transactions/ingest_date=2026-03-02/half.csv.gz"
        put(key, gzip.compress((HEADER + row("2026-03-02") * 50).encode())[:80])
        told = record(key)
        self.assertIn("damaged or incomplete", told["rejection"])
        message = message_with("dead_letters", "half.csv.gz")
        event = json.loads(message["Body"])
        self.assertEqual(event["Records"][0]["s3"]["bucket"]["name"], BUCKETS["bronze"])
        self.assertIn("damaged or incomplete", message["MessageAttributes"]["ErrorMessage"]["StringValue"])

    def test_the_operators_tool_works_on_it(self):
        def cardlake(*arguments):
            command = [STACK.cardlake, *arguments, "--aws"]
            told = subprocess.run(command, env=os.environ | STACK.exports(), capture_output=True, text=True)
            self.assertEqual(told.returncode, 0, told.stderr)
            return told.stdout

        runs = json.loads(cardlake("status", "--json"))
        self.assertIn(("2026-01-13", "succeeded"), [(run["batch_date"], run["outcome"]) for run in runs])
        rows = cardlake("sql", "select count(*) as rows from raw.cards", "--format", "json")
        self.assertGreater(int(json.loads(rows)[0]["rows"]), 0)

    def test_the_warehouse_is_prepared_by_every_deployment_again(self):
        event = (PROJECT / "tests" / "events" / "loader-bootstrap.json").read_text()
        for users in (4, 0):
            answer = STACK.client("lambda").invoke(FunctionName=STACK.names["functions"]["loader"], Payload=event)
            told = json.load(answer["Payload"])
            self.assertEqual(len(told.get("created_users", told)), users, told)

    def test_the_schedule_starts_the_day_before(self):
        yesterday = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)).date().isoformat()
        began = datetime.datetime.now(datetime.timezone.utc)
        event = json.dumps({"batch_date": yesterday, "rows": 300})
        answer = STACK.client("lambda").invoke(FunctionName=STACK.names["functions"]["generator"], Payload=event)
        self.assertNotIn("FunctionError", answer)
        soon = bring_forward("daily")
        client = STACK.client("stepfunctions")

        def ask():
            listed = client.list_executions(stateMachineArn=STACK.names["machines"]["daily"])["executions"]
            for execution in listed:
                told = client.describe_execution(executionArn=execution["executionArn"])
                if f"{soon:%Y-%m-%dT%H:%M:%SZ}" in told["input"]:
                    return execution["executionArn"]
            return None

        told = ended(until("the scheduled execution", ask))
        self.assertEqual(told["status"], "SUCCEEDED", told.get("cause"))
        output = json.loads(told["output"])
        self.assertEqual(output["day"]["batch_date"], yesterday)
        books = output["books"]["output"]["datasets"]
        self.assertTrue(all(dataset["balanced"] for dataset in books.values()), books)
        marts = output["build"]["output"]["marts"]
        self.assertGreaterEqual(len(marts), 5)
        for mart, rows in marts.items():
            self.assertEqual(STACK.sql(f"select count(*) from analytics.{mart}"), [[str(rows)]], mart)
            listed = STACK.client("s3").list_objects_v2(Bucket=BUCKETS["gold"], Prefix=f"{mart}/")
            self.assertGreater(listed["KeyCount"], 0, mart)
        for function, metric in [
            ("generator", "RowsGenerated"),
            ("transformer", "RowsRead"),
            ("reconciler", "TableRows"),
            ("validator", "ExpectationsEvaluated"),
            ("loader", "WarehouseRows"),
            ("mart-builder", "ModelsBuilt"),
            ("notifier", "StageDuration"),
        ]:
            found = until(f"{metric} of {function}", lambda: lines(function, f'"{metric}":', began) or None)
            self.assertTrue(all("CloudWatchMetrics" in json.loads(line)["_aws"] for line in found), found)

    def test_the_schedule_of_the_vacuum_fires_and_is_no_dry_run(self):
        soon = bring_forward("vacuum")
        found = until("the lines of the vacuum", lambda: lines("reconciler", '"vacuum"', soon) or None)
        fields = [json.loads(line)["fields"] for line in found]
        self.assertTrue(all(told["message"] == "vacuum" and told["dry_run"] is False for told in fields), fields)

    def test_metrics_are_the_root_of_their_line_in_the_log(self):
        key = "transactions/ingest_date=2026-03-01/metrics.csv"
        began = datetime.datetime.now(datetime.timezone.utc)
        put(key, HEADER + row("2026-03-01") + row("no day"))
        record(key)

        def ask():
            found = [json.loads(line) for line in lines("transformer", "CloudWatchMetrics", began)]
            return next((told for told in found if told["RowsQuarantined"] == 1), None)

        told = until("the metrics of the file", ask)
        self.assertEqual(told["_aws"]["CloudWatchMetrics"][0]["Dimensions"], [["FunctionName", "Dataset"]])
        self.assertEqual((told["FunctionName"], told["Dataset"]), ("cardlake-transformer", "transactions"))
        self.assertEqual(told["RowsRead"], 2)

    def test_three_days_are_run_again_by_hand(self):
        days = ["2026-01-20", "2026-01-21", "2026-01-22"]
        told = ended(start("backfill", {"dates": days, "generate": {"rows": 300, "late_rate": 0.1}}))
        self.assertEqual(told["status"], "SUCCEEDED", told.get("cause"))
        outcomes = json.loads(told["output"])["days"]
        self.assertEqual([(day["batch_date"], day["outcome"]) for day in outcomes], [(day, "succeeded") for day in days])
        loaded = STACK.sql(
            "select distinct ingest_date::varchar from raw.transactions"
            " where ingest_date between '2026-01-20' and '2026-01-22' order by 1"
        )
        self.assertEqual([day for [day] in loaded], days)

    def test_an_expectation_that_is_not_met_fails_the_run_and_people_are_told(self):
        # The wide window lets the row in; the suite knows better.
        put("transactions/ingest_date=2026-02-15/old.csv", HEADER + row("2026-01-01"))
        execution = start("daily", {"batch_date": "2026-02-15", "late_window_days": 60})
        told = ended(execution)
        self.assertEqual((told["status"], told["error"]), ("FAILED", "Cardlake.ExpectationFailed"))
        self.assertIn("days_late", told["cause"])
        message = message_with("inbox", "2026-02-15")
        self.assertIn("days_late", message["Body"])
        listed = STACK.client("s3").list_objects_v2(Bucket=BUCKETS["silver"], Prefix="_runs/batch_date=2026-02-15/")
        self.assertEqual(listed["KeyCount"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
