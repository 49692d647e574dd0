"""`cardlake up` as clients of Redshift see it, with the login that it prints.

usage: test_clients.py CARDLAKE [unittest options]
"""

import asyncio
import datetime
import decimal
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
import warnings

import asyncpg
import boto3
import pg8000.native
import psycopg
import psycopg2
import psycopg2.extras
import redshift_connector
import sqlalchemy

CARDLAKE = None

DAY = datetime.date(2026, 1, 13)
MOMENT = datetime.datetime(2026, 1, 13, 23, 59, 59, 123456)
VALUES = """
    select true, -7::smallint, 40000, 12345678901, 1.25::real, 0.1::float8, -12.50::decimal(9, 2), 'é'::varchar(9),
           'x'::char(3), date '2026-01-13', timestamp '2026-01-13 23:59:59.123456', null::int
"""
EXPECTED = [True, -7, 40000, 12345678901, 1.25, 0.1, decimal.Decimal("-12.50"), "é", DAY, MOMENT, None]
HOSTILE = "it's \\ '; drop table shop.items; -- \n %s $1 :x \\'"


def without_padding(row):
    """CHAR is compared apart: some clients cut its blanks."""
    row = list(row)
    assert row.pop(8).rstrip() == "x"
    return row


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PG"))}
        command = [CARDLAKE, "up", "--data-dir", cls.folder.name, "--redshift-port", "0"]
        cls.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        cls.exports = {}
        while "CARDLAKE_TOKEN_KEY_SECRET" not in cls.exports:
            name, _, value = cls.process.stdout.readline().strip().removeprefix("export ").partition("=")
            cls.exports[name] = value.strip("'")
        cls.host, cls.port = cls.exports["PGHOST"], int(cls.exports["PGPORT"])
        cls.user, cls.password, cls.database = (cls.exports[f"PG{name}"] for name in ("USER", "PASSWORD", "DATABASE"))
        with cls.psycopg() as connection:
            connection.execute("create schema shop")
            connection.execute("create table shop.items (id int not null, name varchar(20), price decimal(10, 2)) sortkey (id)")
            connection.execute("insert into shop.items values (1, 'pen', 1.50), (2, 'cup', null), (3, '', 12.00)")
            connection.execute("create view shop.cheap as select id from shop.items where price < 10")

    @classmethod
    def tearDownClass(cls):
        cls.process.send_signal(signal.SIGINT)
        cls.process.communicate(timeout=60)
        cls.folder.cleanup()
        assert cls.process.returncode == 0

    @classmethod
    def psycopg(cls, **options):
        settings = {"host": cls.host, "port": cls.port, "user": cls.user, "password": cls.password, "dbname": cls.database}
        # psycopg asks for the encoding that Redshift calls by another name.
        return psycopg.connect(**{**settings, "client_encoding": "utf-8", **options})

    @classmethod
    def psycopg2(cls):
        return psycopg2.connect(
            host=cls.host, port=cls.port, user=cls.user, password=cls.password, dbname=cls.database
        )

    @classmethod
    def redshift(cls, **options):
        settings = {"host": cls.host, "port": cls.port, "user": cls.user, "password": cls.password, "database": cls.database}
        return redshift_connector.connect(**{**settings, "ssl": False, **options})

    def url(self):
        return f"redshift+redshift_connector://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"

    # The login.

    def test_the_login_is_a_secret_too(self):
        client = boto3.client(
            "secretsmanager",
            endpoint_url=self.exports["AWS_ENDPOINT_URL_SECRETS_MANAGER"],
            region_name=self.exports["AWS_REGION"],
            aws_access_key_id=self.exports["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.exports["AWS_SECRET_ACCESS_KEY"],
        )
        secret = json.loads(client.get_secret_value(SecretId="cardlake/redshift")["SecretString"])
        expected = {
            "username": self.user,
            "password": self.password,
            "engine": "redshift",
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
        }
        self.assertEqual(secret, expected)

    def test_nobody_else_gets_in(self):
        for change in ({"password": "wrong"}, {"user": "someone"}):
            with self.assertRaises(psycopg.OperationalError):
                self.psycopg(**change)
            with self.assertRaises(redshift_connector.ProgrammingError):
                self.redshift(**change)

    def test_tls_is_there_for_those_who_ask(self):
        for mode in ("disable", "prefer", "require"):
            with self.psycopg(sslmode=mode) as connection:
                self.assertEqual(connection.pgconn.ssl_in_use, mode != "disable")
                self.assertEqual(connection.execute("select 1").fetchone(), (1,))
        # What nobody vouches for is not trusted by one who checks.
        with self.assertRaises(psycopg.OperationalError):
            self.psycopg(sslmode="verify-full", sslrootcert="system")

    # Values and parameters.

    def test_values_are_the_same_for_every_client(self):
        with self.psycopg() as connection:
            for binary in (False, True):
                row = connection.cursor(binary=binary).execute(VALUES).fetchone()
                self.assertEqual(without_padding(row), EXPECTED, f"binary: {binary}")
        with self.psycopg2() as connection, connection.cursor() as cursor:
            cursor.execute(VALUES)
            self.assertEqual(without_padding(cursor.fetchone()), EXPECTED)
        with self.redshift() as connection, connection.cursor() as cursor:
            cursor.execute(VALUES)
            self.assertEqual(without_padding(cursor.fetchone()), EXPECTED)
        with pg8000.native.Connection(
            self.user, host=self.host, port=self.port, password=self.password, database=self.database
        ) as connection:
            self.assertEqual(without_padding(connection.run(VALUES)[0]), EXPECTED)
        self.assertEqual(without_padding(asyncio.run(self.asyncpg_row(VALUES))), EXPECTED)

    async def asyncpg_row(self, sql, *parameters):
        connection = await asyncpg.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, database=self.database
        )
        try:
            return await connection.fetchrow(sql, *parameters)
        finally:
            await connection.close()

    def test_parameters_are_values_and_nothing_else(self):
        given = (HOSTILE, -5, 1.5, decimal.Decimal("10.25"), DAY, MOMENT, None, True)
        sql = "select {}, 10 - {}, {} * 2, {} + 1, {}, {}, {}, {}"
        expected = [HOSTILE, 15, 3.0, decimal.Decimal("11.25"), DAY, MOMENT, None, True]
        marks = sql.format(*["%s"] * 8)
        with self.psycopg() as connection:
            self.assertEqual(list(connection.execute(marks, given).fetchone()), expected)
            client_side = psycopg.ClientCursor(connection)
            self.assertEqual(client_side.execute("select %s", (HOSTILE,)).fetchone()[0], HOSTILE)
        with self.psycopg2() as connection, connection.cursor() as cursor:
            cursor.execute("select %s, 10 - %s", (HOSTILE, -5))
            self.assertEqual(cursor.fetchone(), (HOSTILE, 15))
        with self.redshift() as connection, connection.cursor() as cursor:
            cursor.execute(marks, given)
            self.assertEqual(list(cursor.fetchone()), expected)
        with pg8000.native.Connection(
            self.user, host=self.host, port=self.port, password=self.password, database=self.database
        ) as connection:
            self.assertEqual(connection.run("select :a, 10 - :b", a=HOSTILE, b=-5), [[HOSTILE, 15]])
        row = asyncio.run(self.asyncpg_row("select $1, 10 - $2::int, $3::date", HOSTILE, -5, DAY))
        self.assertEqual(list(row), [HOSTILE, 15, DAY])

    # Statements.

    def test_prepared_statements_and_transactions(self):
        with self.psycopg() as connection:
            # Prepared on the server from the fifth time on, and given up when there are too many.
            connection.prepared_max = 2
            for sql in ("select %s + 1", "select %s + 2", "select %s + 3"):
                for number in range(8):
                    connection.execute(sql, (number,)).fetchone()
            connection.rollback()
            with self.assertRaises(psycopg.errors.UndefinedTable):
                connection.execute("select * from shop.nothing")
            with self.assertRaises(psycopg.errors.InFailedSqlTransaction):
                connection.execute("select 1")
            connection.rollback()
            with connection.transaction(force_rollback=True):
                connection.execute("insert into shop.items values (4, 'x', 1)")
                self.assertEqual(connection.execute("select count(*) from shop.items").fetchone(), (4,))
            self.assertEqual(connection.execute("select count(*) from shop.items").fetchone(), (3,))

    def test_cursors_on_the_server(self):
        with self.psycopg2() as connection, connection.cursor(name="mine") as cursor:
            cursor.itersize = 2
            cursor.execute("select id from shop.items order by id desc")
            self.assertEqual([row[0] for row in cursor], [3, 2, 1])

    def test_rows_are_inserted_one_by_one_and_many_at_once(self):
        with self.redshift() as connection, connection.cursor() as cursor:
            cursor.execute("create temp table numbers (n int, t varchar(20))")
            cursor.executemany("insert into numbers values (%s, %s)", [(1, "a"), (2, HOSTILE[:9])])
            cursor.execute("select n, t from numbers order by n")
            self.assertEqual([list(row) for row in cursor.fetchall()], [[1, "a"], [2, HOSTILE[:9]]])
        with self.psycopg2() as connection, connection.cursor() as cursor:
            cursor.execute("create temp table numbers (n int, t varchar(20))")
            psycopg2.extras.execute_values(cursor, "insert into numbers values %s", [(1, "a"), (2, HOSTILE[:9])])
            self.assertEqual(cursor.rowcount, 2)
            cursor.execute("select t from numbers where n = 2")
            self.assertEqual(cursor.fetchone(), (HOSTILE[:9],))

    # The catalog.

    def test_redshifts_own_driver_finds_tables(self):
        with self.redshift() as connection, connection.cursor() as cursor:
            tables = cursor.get_tables(schema_pattern="shop")
            self.assertEqual(sorted(row[2] for row in tables), ["cheap", "items"])
            columns = cursor.get_columns(schema_pattern="shop", tablename_pattern="items")
            self.assertEqual([row[3] for row in columns], ["id", "name", "price"])

    def test_sqlalchemy_reflects_and_writes(self):
        engine = sqlalchemy.create_engine(self.url(), connect_args={"ssl": False, "sslmode": ""})
        inspector = sqlalchemy.inspect(engine)
        self.assertIn("shop", inspector.get_schema_names())
        self.assertEqual(inspector.get_table_names("shop"), ["items"])
        self.assertEqual(inspector.get_view_names("shop"), ["cheap"])
        columns = {column["name"]: column for column in inspector.get_columns("items", "shop")}
        self.assertEqual(list(columns), ["id", "name", "price"])
        self.assertEqual([str(column["type"]) for column in columns.values()], ["INTEGER", "VARCHAR(20)", "NUMERIC(10, 2)"])
        self.assertEqual([column["nullable"] for column in columns.values()], [False, True, True])
        items = sqlalchemy.Table("items", sqlalchemy.MetaData(), schema="shop", autoload_with=engine)
        with engine.begin() as connection:
            connection.execute(items.insert(), [{"id": 9, "name": HOSTILE[:9], "price": 1}])
            found = connection.execute(sqlalchemy.select(items.c.name).where(items.c.id == 9)).scalar_one()
            self.assertEqual(found, HOSTILE[:9])
            connection.execute(items.delete().where(items.c.id == 9))
        engine.dispose()


if __name__ == "__main__":
    warnings.simplefilter("ignore", ResourceWarning)
    CARDLAKE = sys.argv.pop(1)
    unittest.main()
