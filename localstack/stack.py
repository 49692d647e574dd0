"""The whole system on LocalStack: started, filled with the project's resources, and kept until Ctrl-C.

usage: stack.py [--zips DIR] [--port PORT]

Functions and LocalStack run as processes; where there is no Python 3.13, LocalStack runs in Docker. The Redshift Data API is
that of `cardlake up`, which reads and writes LocalStack's S3. Everything is gone when it ends, but for the logs.
"""

import argparse
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import boto3
import resources
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

PROJECT = resources.PROJECT
LOGS = PROJECT / "target" / "localstack-logs"
# A call that shows that a service works: LocalStack says that it is ready before it has loaded any.
PROBES = {
    "s3": "list_buckets",
    "lambda": "list_functions",
    "stepfunctions": "list_state_machines",
    "scheduler": "list_schedules",
    "secretsmanager": "list_secrets",
    "kms": "list_keys",
    "sns": "list_topics",
    "sqs": "list_queues",
    "iam": "list_roles",
    "sts": "get_caller_identity",
    "logs": "describe_log_groups",
}
START_SECONDS = 120


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def built():
    """The functions and the command, by name, built with the profile of `make test`, whose artifacts are taken."""
    command = ["cargo", "build", "--release", "--locked", "--workspace", "--bins", "--message-format=json-render-diagnostics"]
    output = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in output.splitlines()]
    return {
        message["target"]["name"]: Path(message["executable"])
        for message in messages
        if message.get("executable") and message["target"]["kind"] == ["bin"]
    }


def zipped(binary):
    """The package of a function: its program as `bootstrap`, without debug information."""
    with tempfile.TemporaryDirectory() as folder:
        stripped = Path(folder) / "bootstrap"
        subprocess.run(["strip", "-o", stripped, binary], check=True)
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(stripped, "bootstrap")
        return package.getvalue()


class Stack:
    """LocalStack, `cardlake up`, and everything in them. A context manager."""

    def __init__(self, zips=None, port=None, redshift_data_port=None, **options):
        self.endpoint = f"http://127.0.0.1:{port or free_port()}"
        self.redshift_data_port = redshift_data_port or free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="cardlake-localstack-"))
        self.processes = []
        self.key = {}
        self.clients = {}
        try:
            self._start(zips, options)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def client(self, service):
        """The boto3 client of a service: of LocalStack, or of the local Redshift."""
        if service not in self.clients:
            endpoint = self.redshift if service == "redshift-data" else self.endpoint
            # A request that starts long work must not be sent a second time.
            config = Config(retries={"total_max_attempts": 1}, read_timeout=300, s3={"addressing_style": "path"})
            self.clients[service] = boto3.client(
                service, endpoint_url=endpoint, region_name=resources.REGION, config=config, **self.key
            )
        return self.clients[service]

    def sql(self, statement):
        """The rows that a statement gives in the warehouse, each value as text."""
        client = self.client("redshift-data")
        ask = {"WorkgroupName": "cardlake", "Database": "cardlake", "Sql": statement}
        statement_id = client.execute_statement(**ask)["Id"]
        while (told := client.describe_statement(Id=statement_id))["Status"] not in ("FINISHED", "FAILED", "ABORTED"):
            time.sleep(0.05)
        if told["Status"] != "FINISHED":
            raise RuntimeError(told.get("Error"))
        rows = client.get_statement_result(Id=statement_id)["Records"]
        return [[None if "isNull" in field else str(*field.values()) for field in row] for row in rows]

    def exports(self):
        """The variables with which any AWS SDK, and `cardlake --aws`, reach the stack."""
        return {
            "AWS_ACCESS_KEY_ID": self.key["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.key["aws_secret_access_key"],
            "AWS_SESSION_TOKEN": "",
            "AWS_REGION": resources.REGION,
            "AWS_DEFAULT_REGION": resources.REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            **self.names["settings"],
        }

    def _start(self, zips, options):
        binaries = built()
        self.cardlake = binaries["cardlake"]
        if zips:
            packages = {name: (Path(zips) / name / "bootstrap.zip").read_bytes() for name in resources.FUNCTIONS}
        else:
            packages = {name: zipped(binaries[name]) for name in resources.FUNCTIONS}
        shutil.rmtree(LOGS, ignore_errors=True)
        LOGS.mkdir(parents=True)
        exports = self._start_cardlake()
        self.redshift, self.secrets = (exports[f"AWS_ENDPOINT_URL_{name}"] for name in ("REDSHIFT_DATA", "SECRETS_MANAGER"))
        names = {"aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"}
        self.key = {name: exports[variable] for name, variable in names.items()}
        self._start_localstack()
        self._wait()
        vault = boto3.client("secretsmanager", endpoint_url=self.secrets, region_name=resources.REGION, **self.key)
        token_keys = vault.get_secret_value(SecretId=resources.TOKEN_KEY_SECRET)["SecretString"]
        self.names = resources.create(self.client, packages, token_keys, self.redshift, **options)

    def _start_cardlake(self):
        command = [self.cardlake, "up", "--data-dir", self.folder / "lake", "--s3-endpoint", self.endpoint]
        command += ["--redshift-data-port", str(self.redshift_data_port), "--redshift-port", "0"]
        process = self._spawn("cardlake-up", command, os.environ, stdout=subprocess.PIPE)
        exports = {}
        # The stages' settings come last, and of these the workgroup.
        while "CARDLAKE_TOKEN_KEY_SECRET" not in exports:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"`cardlake up` did not start: see {LOGS}/cardlake-up.log")
            name, _, value = line.decode().strip().removeprefix("export ").partition("=")
            exports[name] = value.strip("'")
        return exports

    def _start_localstack(self):
        environment = os.environ | {
            "GATEWAY_LISTEN": self.endpoint.removeprefix("http://"),
            "LAMBDA_RUNTIME_EXECUTOR": "process",
            # A failed event is tried again after one and two of these seconds, and not minutes.
            "LAMBDA_RETRY_BASE_DELAY": "1",
            "LAMBDA_LIMITS_CODE_SIZE_ZIPPED": str(1 << 30),
            "LAMBDA_LIMITS_CODE_SIZE_UNZIPPED": str(1 << 30),
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "FUNCTION_ACCESS_KEY_ID": self.key["aws_access_key_id"],
            "FUNCTION_SECRET_ACCESS_KEY": self.key["aws_secret_access_key"],
        }
        if sys.version_info[:2] == (3, 13):
            volume, temporary = self.folder / "volume", self.folder / "tmp"
            volume.mkdir()
            temporary.mkdir()
            environment |= {"LOCALSTACK_VOLUME_DIR": str(volume), "TMPDIR": str(temporary)}
            command = [sys.executable, "-m", "localstack.runtime.main"]
        else:
            command = ["docker", "compose", "--file", PROJECT / "localstack" / "compose.yaml", "up", "--build"]
        self._spawn("localstack", command, environment)

    def _spawn(self, name, command, environment, **options):
        with open(LOGS / f"{name}.log", "wb") as log:
            options = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL} | options
            # In a group of its own: Ctrl-C comes here alone, and everything is ended in order.
            process = subprocess.Popen(command, cwd=self.folder, env=environment, start_new_session=True, **options)
        self.processes.append(process)
        return process

    def _wait(self):
        """Until every service has answered a real call."""
        end = time.monotonic() + START_SECONDS
        for service, operation in PROBES.items():
            while True:
                try:
                    getattr(self.client(service), operation)()
                    break
                except (BotoCoreError, ClientError) as error:
                    if self.processes[-1].poll() is not None:
                        raise RuntimeError(f"LocalStack ended: see {LOGS}/localstack.log") from error
                    if time.monotonic() > end:
                        raise RuntimeError(f"{service} does not answer: {error}; see {LOGS}/localstack.log") from error
                    time.sleep(0.1)

    def close(self):
        """Ends everything, LocalStack first: it ends the functions."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def introduction(stack):
    """What somebody wants to know in front of a running stack."""
    exports = "\n".join(f"export {name}={value}" for name, value in stack.exports().items())
    machine = stack.names["machines"]["daily"]
    day = '{"batch_date":"2026-01-13","generate":{"rows":5000}}'
    return f"""
LocalStack             {stack.endpoint}
Redshift Data API      {stack.redshift}
Logs                   {LOGS}

{exports}

A day of made-up transactions:
  aws stepfunctions start-execution --state-machine-arn {machine} --input '{day}'
  aws stepfunctions list-executions --state-machine-arn {machine}
A file of your own:
  aws s3 cp FILE.csv s3://{resources.BUCKETS["bronze"]}/transactions/ingest_date=2026-01-13/
  aws s3 ls --recursive s3://{resources.BUCKETS["silver"]}/_objects/
Several days of the past:
  aws stepfunctions start-execution --state-machine-arn {stack.names["machines"]["backfill"]} --input '{{"dates":["2026-01-13","2026-01-14"],"generate":{{"rows":5000}}}}'
The operator's tool:
  cardlake run --date 2026-01-13 --aws
  cardlake status --aws
  cardlake sql --aws 'select count(*) from analytics.mart_sales_daily'
What was told, and what failed:
  aws sqs --endpoint-url {stack.endpoint} receive-message --queue-url {stack.names["inbox"]}
  aws sqs --endpoint-url {stack.endpoint} receive-message --queue-url {stack.names["dead_letters"]}

Ctrl-C stops everything.
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zips", metavar="DIR", help="packages of the functions, as scripts/package.sh leaves them; default: debug builds")
    parser.add_argument("--port", type=int, default=4566, help="port of LocalStack (%(default)s)")
    parser.add_argument("--redshift-data-port", type=int, default=4567, help="port of the Redshift Data API (%(default)s)")
    arguments = parser.parse_args()

    def stopped(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stopped)
    try:
        with Stack(arguments.zips, arguments.port, arguments.redshift_data_port) as stack:
            print(introduction(stack), flush=True)
            while True:
                signal.pause()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
