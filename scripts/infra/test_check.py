"""The check of arguments finds what is wrong: without this it could pass over everything."""

import unittest

import check
import hcl2

SCHEMA = {
    "attributes": {
        "name": {"type": "string", "required": True, "computed": False},
        "size": {"type": "number", "required": False, "computed": False},
        "arn": {"type": "string", "required": False, "computed": True},
    },
    "blocks": {
        "rule": {
            "single": False,
            "required": False,
            "schema": {"attributes": {"days": {"type": "number", "required": True, "computed": False}}, "blocks": {}},
        }
    },
}


def found(body):
    document = hcl2.loads(f'resource "aws_thing" "this" {{\n{body}\n}}\n')
    [entry] = document["resource"]
    inner = next(value for name, value in entry.items() if not name.startswith("__"))
    inner = next(value for name, value in inner.items() if not name.startswith("__"))
    return [line.removeprefix("x") for line in check.mistakes(inner[0] if isinstance(inner, list) else inner, SCHEMA, "x")]


class Check(unittest.TestCase):
    def test_what_is_right_passes(self):
        self.assertEqual(found('name = "a"\ncount = 2\nrule {\n days = 1\n}\nlifecycle {\n ignore_changes = [size]\n}'), [])
        self.assertEqual(found('name = "a"\ndynamic "rule" {\n for_each = [1]\n content {\n days = 1\n }\n}'), [])

    def test_unknown_arguments_and_blocks_are_found(self):
        self.assertEqual(found('name = "a"\nsise = 1'), [": there is no argument sise"])
        self.assertEqual(found('name = "a"\nrules {\n days = 1\n}'), [": there is no argument rules"])
        self.assertEqual(found('name = "a"\nrule {\n days = 1\n hours = 1\n}'), [".rule: there is no argument hours"])

    def test_missing_arguments_are_found(self):
        self.assertEqual(found("size = 1"), [": name is missing"])
        self.assertEqual(found('name = "a"\ndynamic "rule" {\n for_each = [1]\n content {\n }\n}'), [".rule: days is missing"])

    def test_what_only_the_service_knows_cannot_be_set(self):
        self.assertEqual(found('name = "a"\narn = "b"'), [": arn cannot be set"])

    def test_what_fails_a_day_later_is_refused(self):
        names = ["aws_redshiftdata_statement", "aws_lambda_invocation"]
        [problem] = check.refused([("x.tf", "resources", name, "this", {}) for name in names])
        self.assertTrue(problem.startswith("x.tf: aws_redshiftdata_statement.this: the Data API forgets"), problem)


if __name__ == "__main__":
    unittest.main()
