"""The fixture of docs/local-redshift.md in a project of its own.

usage: test_fixture.py CARDLAKE DOCUMENT [unittest options]
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CARDLAKE, DOCUMENT = None, None

TESTS = """
def test_begins_with_nothing(redshift):
    tables = "select table_name from information_schema.tables where table_schema = 'public'"
    assert redshift.execute(tables).fetchall() == []

def test_is_redshift(redshift):
    redshift.execute("create table orders (id int, paid decimal(8,2)) distkey (id)")
    redshift.execute("insert into orders values (1, 10), (2, 5)")
    assert redshift.execute("select top 1 id, paid / 3 from orders order by id").fetchall()[0][0] == 1
    assert "Redshift" in redshift.execute("select version()").fetchone()[0]
"""


class Fixture(unittest.TestCase):
    def test_the_fixture_of_the_documentation(self):
        (fixture,) = re.findall(r"```python\n(# conftest\.py\n.*?)```", DOCUMENT.read_text(), re.DOTALL)
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as temporary:
            Path(folder, "conftest.py").write_text(fixture)
            Path(folder, "test_orders.py").write_text(TESTS)
            environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CARDLAKE_", "PG"))}
            environment |= {"PATH": f"{CARDLAKE.parent}:{os.environ['PATH']}", "TMPDIR": temporary}
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
            ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
            self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
            self.assertIn("2 passed", ended.stdout)
            # The lake of somebody else is left alone, and nothing of this one stays.
            self.assertFalse(Path(folder, ".cardlake").exists())
            self.assertEqual([name for name in os.listdir(temporary) if not name.startswith("pytest-")], [])


if __name__ == "__main__":
    CARDLAKE, DOCUMENT = Path(sys.argv.pop(1)).resolve(), Path(sys.argv.pop(1))
    unittest.main()
