"""`cardlake up` as boto3 and the AWS CLI see it: every operation of the Redshift Data API, and what S3 and secrets add.

usage: test_data_api.py CARDLAKE [unittest options]

Every answer is held against the service model that botocore brings: no member that the model lacks, none that it
requires left out, every value of the type that it says.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

CARDLAKE = None
WHERE = {"WorkgroupName": "cardlake", "Database": "cardlake"}
NO_RETRIES = Config(retries={"total_max_attempts": 1})

TYPES = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "double": (int, float),
    "timestamp": (int, float),
    "blob": str,
    "list": list,
    "structure": dict,
}


def check_shape(shape, value, path, problems):
    """Notes where a raw value is not what its shape says."""
    if value is None:
        return
    if not isinstance(value, TYPES[shape.type_name]) or (isinstance(value, bool) and shape.type_name != "boolean"):
        problems.append(f"{path}: {value!r} is no {shape.type_name}")
    elif shape.type_name == "structure":
        for name in value:
            if name not in shape.members:
                problems.append(f"{path}.{name} is not in the model")
            else:
                check_shape(shape.members[name], value[name], f"{path}.{name}", problems)
        problems.extend(f"{path}.{name} is missing" for name in shape.required_members if name not in value)
    elif shape.type_name == "list":
        for item in value:
            check_shape(shape.member, item, f"{path}[]", problems)
    elif shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            problems.append(f"{path}: {value!r} is not one of {shape.enum}")
        if (pattern := shape.metadata.get("pattern")) and not re.fullmatch(pattern, value):
            problems.append(f"{path}: {value!r} does not match {pattern}")


class Server:
    """A running `cardlake up`."""

    def __init__(self, folder, *options):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CARDLAKE_"))}
        command = [CARDLAKE, "up", "--data-dir", folder, *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        ready = self.process.stderr.readline()
        self.error = ready
        self.environment = dict(environment)
        if not ready.startswith("serving"):
            self.process.wait()
            return
        # A shell reads the lines back; what it then has is the environment of the programs.
        self.lines = []
        while not self.lines or "TOKEN_KEY" not in self.lines[-1]:
            self.lines.append(self.process.stdout.readline())
        script = "".join(self.lines) + "env -0"
        shown = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, check=True).stdout
        self.environment = dict(pair.split("=", 1) for pair in shown.decode().split("\0") if pair)

    def session(self, **overrides):
        settings = {
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
            "region_name": self.environment["AWS_REGION"],
        }
        return boto3.Session(**{**settings, **overrides})

    def client(self, service, **overrides):
        name = {"redshift-data": "REDSHIFT_DATA", "s3": "S3", "secretsmanager": "SECRETS_MANAGER"}[service]
        endpoint = self.environment[f"AWS_ENDPOINT_URL_{name}"]
        return self.session(**overrides).client(service, endpoint_url=endpoint, config=NO_RETRIES)

    def cli(self, *arguments):
        aws = os.path.join(os.path.dirname(sys.executable), "aws")
        return subprocess.run(
            [aws, *arguments, "--output", "json"], env=self.environment, capture_output=True, text=True
        )

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        out, error = self.process.communicate(timeout=60)
        return self.process.returncode, out, error


class DataApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.server = Server(cls.folder.name)
        cls.problems = []
        cls.called = set()
        cls.client = cls.server.client("redshift-data")
        cls.client.meta.events.register("before-parse.redshift-data", cls.check_response)
        cls.run_sql("create schema shop")
        cls.run_sql("create table shop.items (id int not null, name varchar(20), price decimal(10,2))")
        cls.run_sql("insert into shop.items values (1, 'pen', 1.50), (2, 'cup', null), (3, '', 12.00)")
        cls.run_sql("create view shop.cheap as select id from shop.items where price < 10")

    @classmethod
    def tearDownClass(cls):
        code, _, error = cls.server.stop()
        cls.folder.cleanup()
        assert code == 0, error

    @classmethod
    def check_response(cls, operation_model, response_dict, **_):
        cls.called.add(operation_model.name)
        if response_dict["status_code"] == 200:
            body = json.loads(response_dict["body"])
            check_shape(operation_model.output_shape, body, operation_model.name, cls.problems)
        else:
            body = json.loads(response_dict["body"])
            known = {shape.name: shape for shape in operation_model.error_shapes}
            if (shape := known.get(body["__type"])) is not None:
                members = {name: value for name, value in body.items() if name != "__type"}
                check_shape(shape, members, body["__type"], cls.problems)

    def tearDown(self):
        problems, self.problems[:] = list(self.problems), []
        self.assertEqual(problems, [])

    @classmethod
    def finish(cls, answer):
        while True:
            described = cls.client.describe_statement(Id=answer["Id"], WaitTimeSeconds=30)
            if described["Status"] in ("FINISHED", "FAILED", "ABORTED"):
                return described

    @classmethod
    def run_sql(cls, sql, **options):
        described = cls.finish(cls.client.execute_statement(Sql=sql, **{**WHERE, **options}))
        assert described["Status"] == "FINISHED", described.get("Error")
        return described

    def rows(self, sql, **options):
        described = self.run_sql(sql, **options)
        return self.client.get_statement_result(Id=described["Id"])["Records"]

    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response

    def test_a_statement_goes_from_submission_to_typed_rows(self):
        answer = self.client.execute_statement(
            Sql="select id, name, price, price > 2 as dear, 0.5::float8 as half, date '2026-01-15' as day, null::int as no "
            "from shop.items order by id",
            StatementName="typed rows",
            WithEvent=True,
            **WHERE,
        )
        self.assertEqual((answer["Database"], answer["WorkgroupName"]), ("cardlake", "cardlake"))
        described = self.finish(answer)
        self.assertEqual((described["Status"], described["ResultRows"]), ("FINISHED", 3))
        self.assertTrue(described["HasResultSet"])
        self.assertGreater(described["Duration"], 0)
        self.assertGreaterEqual(described["UpdatedAt"], described["CreatedAt"])
        self.assertGreater(described["RedshiftQueryId"], 0)
        result = self.client.get_statement_result(Id=answer["Id"])
        self.assertEqual(result["TotalNumRows"], 3)
        first = result["Records"][0]
        wanted = [
            {"longValue": 1},
            {"stringValue": "pen"},
            {"stringValue": "1.50"},
            {"booleanValue": False},
            {"doubleValue": 0.5},
            {"stringValue": "2026-01-15"},
            {"isNull": True},
        ]
        self.assertEqual(first, wanted)
        types = [column["typeName"] for column in result["ColumnMetadata"]]
        self.assertEqual(types, ["int4", "varchar", "numeric", "bool", "float8", "date", "int4"])

    def test_a_batch_is_one_transaction_with_sub_statements(self):
        self.run_sql("create table shop.batch (a int)")
        good = self.finish(
            self.client.batch_execute_statement(
                Sqls=["insert into shop.batch values (1), (2)", "select count(*) from shop.batch"], **WHERE
            )
        )
        self.assertEqual([part["Status"] for part in good["SubStatements"]], ["FINISHED", "FINISHED"])
        self.assertEqual(good["SubStatements"][0]["ResultRows"], 2)
        self.assertEqual([part["Id"] for part in good["SubStatements"]], [f"{good['Id']}:1", f"{good['Id']}:2"])
        count = self.client.get_statement_result(Id=f"{good['Id']}:2")["Records"]
        self.assertEqual(count, [[{"longValue": 2}]])
        part = self.client.describe_statement(Id=f"{good['Id']}:1")
        self.assertEqual((part["Id"], part["QueryString"]), (f"{good['Id']}:1", "insert into shop.batch values (1), (2)"))

        bad = self.finish(
            self.client.batch_execute_statement(
                Sqls=["insert into shop.batch values (3)", "select 1/0", "select 2"], **WHERE
            )
        )
        self.assertEqual([part["Status"] for part in bad["SubStatements"]], ["FINISHED", "FAILED", "ABORTED"])
        self.assertIn("Divide by zero", bad["Error"])
        self.assertEqual(self.rows("select count(*) from shop.batch"), [[{"longValue": 2}]])

        each = self.finish(
            self.client.batch_execute_statement(
                Sqls=["insert into shop.batch values (3)", "select 1/0", "insert into shop.batch values (4)"],
                ExecutionMode="AUTO_COMMIT",
                **WHERE,
            )
        )
        self.assertEqual([part["Status"] for part in each["SubStatements"]], ["FINISHED", "FAILED", "FINISHED"])
        self.assertEqual(each["ExecutionMode"], "AUTO_COMMIT")
        self.assertEqual(self.rows("select count(*) from shop.batch"), [[{"longValue": 4}]])

    def test_results_come_in_pages_and_as_csv(self):
        self.run_sql("create table shop.digits as select 0 as d union all select 1 union all select 2 union all select 3")
        wide = "select repeat('x', 3000) as t, a.d from shop.digits a, shop.digits b, shop.digits c, shop.digits d, shop.digits e"
        described = self.run_sql(wide)
        pages = list(self.client.get_paginator("get_statement_result").paginate(Id=described["Id"]))
        self.assertGreater(len(pages), 1)
        self.assertEqual(sum(len(page["Records"]) for page in pages), 1024)
        self.assertEqual({page["TotalNumRows"] for page in pages}, {1024})

        described = self.run_sql("select id, name, price from shop.items order by id", ResultFormat="CSV")
        result = self.client.get_statement_result_v2(Id=described["Id"])
        self.assertEqual(result["ResultFormat"], "CSV")
        text = "".join(record["CSVRecords"] for record in result["Records"])
        self.assertEqual(text.splitlines(), ["1,pen,1.50", "2,cup,", '3,"",12.00'])
        self.refused("ValidationException", self.client.get_statement_result, Id=described["Id"])

    def test_parameters_are_values_by_name(self):
        rows = self.rows(
            "select name from shop.items where id = :id and price < :most -- not :this",
            Parameters=[{"name": "id", "value": "1"}, {"name": "most", "value": "2.5"}],
        )
        self.assertEqual(rows, [[{"stringValue": "pen"}]])
        hostile = self.rows("select :text as t", Parameters=[{"name": "text", "value": "it's; drop table shop.items"}])
        self.assertEqual(hostile, [[{"stringValue": "it's; drop table shop.items"}]])
        unused = [{"name": "nobody", "value": "1"}]
        self.refused("ValidationException", self.client.execute_statement, Sql="select 1", Parameters=unused, **WHERE)
        batch = self.finish(
            self.client.batch_execute_statement(
                Sqls=["select :a::int", "select :b::int"],
                Parameters=[{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
                **WHERE,
            )
        )
        self.assertEqual(batch["Status"], "FINISHED")
        self.assertEqual({p["name"] for p in batch["QueryParameters"]}, {"a", "b"})

    def test_a_client_token_runs_nothing_twice(self):
        self.run_sql("create table shop.once (a int)")
        token = str(uuid.uuid4())
        ids = set()
        for _ in range(3):
            answer = self.client.execute_statement(Sql="insert into shop.once values (1)", ClientToken=token, **WHERE)
            self.finish(answer)
            ids.add(answer["Id"])
        self.assertEqual(len(ids), 1)
        self.assertEqual(self.rows("select count(*) from shop.once"), [[{"longValue": 1}]])

    def test_a_statement_is_cancelled(self):
        self.run_sql("create table shop.many as select 1 as n union all select 2")
        joined = ", ".join(f"shop.many m{number}" for number in range(36))
        slow = self.client.execute_statement(Sql=f"select count(*) from {joined}", **WHERE)
        self.assertIs(self.client.cancel_statement(Id=slow["Id"])["Status"], True)
        self.assertEqual(self.finish(slow)["Status"], "ABORTED")
        self.refused("ValidationException", self.client.cancel_statement, Id=slow["Id"])
        self.refused("ResourceNotFoundException", self.client.get_statement_result, Id=slow["Id"])

    def test_sessions_keep_their_temporary_tables(self):
        opened = self.client.execute_statement(
            Sql="create temp table mine (a int)", SessionKeepAliveSeconds=300, **WHERE
        )
        self.finish(opened)
        session = opened["SessionId"]
        inserted = self.client.execute_statement(Sql="insert into mine values (7)", SessionId=session)
        self.finish(inserted)
        selected = self.finish(self.client.execute_statement(Sql="select a from mine", SessionId=session))
        self.assertEqual(selected["SessionId"], session)
        self.assertEqual(self.client.get_statement_result(Id=selected["Id"])["Records"], [[{"longValue": 7}]])
        listed = self.client.list_sessions(SessionId=session)["Sessions"]
        self.assertEqual([(entry["Status"], entry["Database"]) for entry in listed], [("AVAILABLE", "cardlake")])
        self.assertEqual((listed[0]["WorkgroupName"], listed[0]["SessionAliveSeconds"]), ("cardlake", 300))
        self.assertGreater(listed[0]["SessionTtl"], listed[0]["CreatedAt"])
        self.assertEqual(self.client.list_sessions(SessionId=session, Status="BUSY")["Sessions"], [])
        outside = self.finish(self.client.execute_statement(Sql="select a from mine", **WHERE))
        self.assertEqual(outside["Status"], "FAILED")
        unknown = str(uuid.uuid4())
        self.refused("ResourceNotFoundException", self.client.execute_statement, Sql="select 1", SessionId=unknown)

        # SessionKeepAliveSeconds of 0 ends the session with the statement.
        last = self.client.execute_statement(Sql="select 1", SessionId=session, SessionKeepAliveSeconds=0)
        self.finish(last)
        closed = self.client.list_sessions(SessionId=session, Status="CLOSED")["Sessions"]
        self.assertEqual([entry["SessionId"] for entry in closed], [session])
        self.refused("ResourceNotFoundException", self.client.execute_statement, Sql="select 1", SessionId=session)

    def test_a_session_runs_one_statement_at_a_time(self):
        self.run_sql("create table shop.two as select 1 as n union all select 2")
        joined = ", ".join(f"shop.two m{number}" for number in range(36))
        slow = self.client.execute_statement(
            Sql=f"select count(*) from {joined}", SessionKeepAliveSeconds=60, **WHERE
        )
        refused = self.refused(
            "ValidationException", self.client.execute_statement, Sql="select 1", SessionId=slow["SessionId"]
        )
        self.assertIn("busy", refused["Error"]["Message"])
        busy = self.client.list_sessions(SessionId=slow["SessionId"], Status="BUSY")["Sessions"]
        self.assertEqual([entry["CurrentStatementId"] for entry in busy], [slow["Id"]])
        self.client.cancel_statement(Id=slow["Id"])
        self.finish(slow)

    def test_statements_are_listed(self):
        name = f"listed {uuid.uuid4()}"
        for number in range(3):
            self.run_sql(f"select {number}", StatementName=f"{name} {number}")
        self.finish(self.client.execute_statement(Sql="select nothing", StatementName=f"{name} bad", **WHERE))
        finished = self.client.list_statements(StatementName=name)["Statements"]
        self.assertEqual([entry["QueryString"] for entry in finished], ["select 2", "select 1", "select 0"])
        failed = self.client.list_statements(StatementName=name, Status="FAILED")["Statements"]
        self.assertEqual([entry["StatementName"] for entry in failed], [f"{name} bad"])
        pages = self.client.get_paginator("list_statements").paginate(
            StatementName=name, Status="ALL", PaginationConfig={"PageSize": 2}
        )
        self.assertEqual([len(page["Statements"]) for page in pages], [2, 2])
        self.assertEqual(self.client.list_statements(StatementName=name.upper())["Statements"], [])
        batch = self.client.batch_execute_statement(Sqls=["select 1", "select 2"], StatementName=f"{name} batch", **WHERE)
        self.finish(batch)
        entry = self.client.list_statements(StatementName=f"{name} batch")["Statements"][0]
        self.assertEqual((entry["IsBatchStatement"], entry["QueryStrings"]), (True, ["select 1", "select 2"]))

    def test_the_catalog_is_listed_and_described(self):
        self.assertEqual(self.client.list_databases(**WHERE)["Databases"], ["cardlake"])
        self.assertIn("shop", self.client.list_schemas(SchemaPattern="sh%", **WHERE)["Schemas"])
        tables = self.client.list_tables(SchemaPattern="shop", TablePattern="%e%", **WHERE)["Tables"]
        kinds = {table["name"]: table["type"] for table in tables}
        self.assertEqual((kinds["items"], kinds["cheap"]), ("TABLE", "VIEW"))
        paged = self.client.get_paginator("list_tables").paginate(
            SchemaPattern="shop", PaginationConfig={"PageSize": 1}, **WHERE
        )
        self.assertTrue(all(len(page["Tables"]) == 1 for page in paged))
        described = self.client.describe_table(Schema="shop", Table="items", **WHERE)
        columns = [(c["name"], c["typeName"], c["nullable"], c["length"]) for c in described["ColumnList"]]
        self.assertEqual(columns, [("id", "int4", 0, 0), ("name", "varchar", 1, 20), ("price", "numeric", 1, 0)])
        first = self.client.describe_table(Schema="shop", Table="items", MaxResults=2, **WHERE)
        self.assertEqual(len(first["ColumnList"]), 2)
        self.assertIn("NextToken", first)

    def test_errors_have_the_types_of_the_model(self):
        execute = self.client.execute_statement
        no_such = str(uuid.uuid4())
        answer = self.refused("ResourceNotFoundException", self.client.describe_statement, Id=no_such)
        self.assertEqual(answer["ResourceId"], no_such)
        self.refused("ValidationException", self.client.describe_statement, Id="not an id")
        self.refused("ValidationException", execute, Sql="select 1", Database="cardlake")
        self.refused("ValidationException", execute, Sql="select 1", WorkgroupName="cardlake")
        elsewhere = {"WorkgroupName": "other", "Database": "cardlake"}
        answer = self.refused("ValidationException", execute, Sql="select 1", **elsewhere)
        self.assertIn("endpoint doesn't exist", answer["Error"]["Message"])
        arn = "arn:aws:redshift-serverless:us-east-1:000000000000:workgroup/cardlake/cardlake"
        self.assertEqual(self.finish(execute(Sql="select 1", Database="cardlake", WorkgroupName=arn))["Status"], "FINISHED")
        both = {**WHERE, "ClusterIdentifier": "cluster-1"}
        self.refused("ValidationException", execute, Sql="select 1", **both)
        self.refused("ValidationException", execute, Sql="select 1", DbUser="me", **WHERE)
        self.refused("ValidationException", execute, Sql="select '" + "x" * 102_400 + "'", **WHERE)
        self.refused("ValidationException", execute, Sql="select 1", ClusterIdentifier="Not A Cluster", Database="cardlake")
        self.refused("ValidationException", self.client.list_statements, MaxResults=101)
        self.refused("ValidationException", self.client.get_statement_result, Id=f"{no_such}x")
        batch = self.client.batch_execute_statement(Sqls=["select 1", "select 2"], **WHERE)
        self.finish(batch)
        self.refused("ValidationException", self.client.get_statement_result, Id=batch["Id"])
        self.refused("ResourceNotFoundException", self.client.get_statement_result, Id=f"{batch['Id']}:3")
        no_result = self.run_sql("create table shop.none (a int)")
        self.refused("ResourceNotFoundException", self.client.get_statement_result, Id=no_result["Id"])
        wrong = {**WHERE, "Database": "another"}
        failed = self.finish(execute(Sql="select 1", **wrong))
        self.assertEqual(failed["Status"], "FAILED")
        self.assertIn('database "another" does not exist', failed["Error"])
        syntax = self.finish(execute(Sql="selec 1", **WHERE))
        self.assertEqual(syntax["Status"], "FAILED")
        self.assertTrue(syntax["Error"].startswith("ERROR: syntax error"), syntax["Error"])
        several = self.finish(execute(Sql="select 1; select 2", **WHERE))
        self.assertEqual(several["Status"], "FAILED")

    def test_a_signature_must_be_right_and_a_secret_must_exist(self):
        stranger = self.server.client("redshift-data", aws_secret_access_key="wrong")
        self.refused("InvalidSignatureException", stranger.list_statements)
        other = self.server.client("redshift-data", aws_access_key_id="AKIDSOMEBODYELSE")
        self.refused("UnrecognizedClientException", other.list_statements)

        secrets = self.server.client("secretsmanager")
        credentials = json.dumps({"username": "loader", "password": "p"})
        arn = secrets.create_secret(Name=f"user-{uuid.uuid4()}", SecretString=credentials)["ARN"]
        described = self.run_sql("select 1", SecretArn=arn)
        self.assertEqual(described["SecretArn"], arn)
        cluster = {"ClusterIdentifier": "cluster-1", "Database": "cardlake"}
        self.assertEqual(self.finish(self.client.execute_statement(Sql="select 1", SecretArn=arn, **cluster))["Status"], "FINISHED")
        by_user = self.client.execute_statement(Sql="select 1", DbUser="loader", **cluster)
        self.assertEqual((by_user["DbUser"], by_user["ClusterIdentifier"]), ("loader", "cluster-1"))
        self.refused("ValidationException", self.client.execute_statement, Sql="select 1", SecretArn=f"{arn}x", **WHERE)

    def test_copy_and_unload_use_the_s3_of_the_same_server(self):
        s3 = self.server.client("s3")
        bucket = self.server.environment["CARDLAKE_BRONZE_BUCKET"]
        s3.put_object(Bucket=bucket, Key="in/items.csv", Body=b"id,name,price\n4,mug,3.25\n5,,\n")
        self.run_sql("create table shop.loaded (id int, name varchar(20), price decimal(10,2))")
        loaded = self.run_sql(f"copy shop.loaded from 's3://{bucket}/in/items.csv' iam_role default csv ignoreheader 1")
        self.assertEqual(loaded["ResultRows"], 2)
        self.run_sql(f"unload ('select id, price from shop.loaded order by id') to 's3://{bucket}/out/' iam_role default format csv header parallel off")
        keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix="out/")["Contents"]]
        self.assertEqual(keys, ["out/000"])
        body = s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read()
        self.assertEqual(body, b"id,price\n4,3.25\n5,\n")

    def test_the_command_line_of_aws_works_the_same(self):
        run = self.server.cli(
            "redshift-data", "execute-statement", "--workgroup-name", "cardlake", "--database", "cardlake",
            "--sql", "select name from shop.items where id = :id", "--parameters", "name=id,value=2",
            "--wait-time-seconds", "30",
        )
        self.assertEqual(run.returncode, 0, run.stderr)
        answer = json.loads(run.stdout)
        self.assertEqual(answer["Status"], "FINISHED")
        result = self.server.cli("redshift-data", "get-statement-result", "--id", answer["Id"])
        self.assertEqual(json.loads(result.stdout)["Records"], [[{"stringValue": "cup"}]])
        refused = self.server.cli("redshift-data", "describe-statement", "--id", str(uuid.uuid4()))
        self.assertIn(refused.returncode, (254, 255))
        self.assertIn("ResourceNotFoundException", refused.stderr)
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x" * 9_000_000)
            file.flush()
            copied = self.server.cli("s3", "cp", file.name, "s3://cardlake-bronze/big.bin", "--only-show-errors")
            self.assertEqual(copied.returncode, 0, copied.stderr)
        listed = json.loads(self.server.cli("s3api", "list-objects-v2", "--bucket", "cardlake-bronze", "--prefix", "big").stdout)
        self.assertEqual([entry["Size"] for entry in listed["Contents"]], [9_000_000])
        secret = self.server.cli("secretsmanager", "describe-secret", "--secret-id", "cardlake/token-keys")
        self.assertEqual(json.loads(secret.stdout)["Name"], "cardlake/token-keys")
        identity = self.server.cli("sts", "get-caller-identity")
        self.assertEqual(identity.returncode, 0, identity.stderr)
        self.assertEqual(json.loads(identity.stdout)["Account"], "000000000000")

    def test_zz_every_operation_of_the_model_was_called(self):
        model = botocore.session.get_session().get_service_model("redshift-data")
        self.assertEqual(self.called, set(model.operation_names))


class Up(unittest.TestCase):
    def test_the_environment_is_complete_and_ports_are_kept(self):
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
            server = Server(folder)
            try:
                names = [line.split("=")[0].removeprefix("export ") for line in server.lines]
                for name in (
                    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_REDSHIFT_DATA", "AWS_ENDPOINT_URL_SECRETS_MANAGER",
                    "AWS_ENDPOINT_URL_STS", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "CARDLAKE_BRONZE_BUCKET",
                    "CARDLAKE_SILVER_BUCKET", "CARDLAKE_GOLD_BUCKET", "CARDLAKE_REDSHIFT_WORKGROUP",
                    "CARDLAKE_REDSHIFT_DATABASE", "CARDLAKE_TOKEN_KEY_SECRET",
                ):
                    self.assertIn(name, names)
                port = server.environment["AWS_ENDPOINT_URL_S3"].rsplit(":", 1)[1]
                # The port is taken: one line that names it.
                second = Server(other, "--s3-port", port)
                code, _, rest = second.stop()
                self.assertEqual((code, rest), (1, ""))
                self.assertIn(f"127.0.0.1:{port}", second.error)
                # So is the folder.
                third = Server(folder)
                code, _, rest = third.stop()
                self.assertEqual((code, rest), (1, ""))
                self.assertRegex(third.error, r"another cardlake \(process \d+\) is using")
            finally:
                code, _, error = server.stop()
            self.assertEqual(code, 0, error)
            # What was there is there again, on the port that is asked for.
            again = Server(folder, "--s3-port", port)
            try:
                self.assertEqual(again.environment["AWS_ENDPOINT_URL_S3"], f"http://127.0.0.1:{port}")
                self.assertIn("cardlake-gold", [b["Name"] for b in again.client("s3").list_buckets()["Buckets"]])
            finally:
                again.stop()


if __name__ == "__main__":
    CARDLAKE = sys.argv.pop(1)
    unittest.main()
