"""The glossary of the data model, from the contracts and from dbt's manifest: docs/data-model.md.

usage: data_model.py MANIFEST [--check]

MANIFEST is the manifest.json of a build (DATA_DIR/s3/cardlake-gold/dbt/manifest.json). --check writes nothing, and fails when the
page is not what it would write.
"""

import sys
from pathlib import Path

import json
import yaml

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "data-model.md"
PROTECTED = {"personal": "keyed token", "card_number": "keyed token; its last four digits have a column of their own"}


def line(text):
    """As it stands in a table: one line, and no bars."""
    return " ".join(str(text or "").split()).replace("|", "\\|")


def table(header, rows):
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def contract(path):
    document = yaml.safe_load(path.read_text())
    for schema in document["schema"]:
        yield f"### {schema['name']}"
        yield ""
        yield line(schema["description"])
        yield ""
        rows = []
        for column in schema["properties"]:
            facts = []
            if column.get("primaryKey"):
                facts.append("key")
            elif column.get("required"):
                facts.append("required")
            if column.get("partitioned"):
                facts.append("partition")
            if column.get("classification") in PROTECTED:
                facts.append(PROTECTED[column["classification"]])
            rows.append((f"`{column['name']}`", column["physicalType"], line(column["description"]), "; ".join(facts)))
        yield from table(("column", "type in Redshift", "what", ""), rows)


def tests_of(manifest, node):
    """Names of the generic tests on each column."""
    found = {}
    for test in manifest["nodes"].values():
        if test["resource_type"] == "test" and test.get("attached_node") == node:
            column, metadata = test.get("column_name"), test.get("test_metadata") or {}
            found.setdefault(column, set()).add(metadata.get("name", ""))
    return found


def model(manifest, node):
    yield f"### {node['name']}"
    yield ""
    yield line(node["description"])
    yield ""
    above = sorted({name.split(".")[-1] for name in node["depends_on"]["nodes"]})
    kind = node["config"]["materialized"]
    yield f"A {kind}, from {', '.join(f'`{name}`' for name in above)}." if above else f"A {kind}."
    yield ""
    tests = tests_of(manifest, node["unique_id"])
    rows = [
        (f"`{name}`", line(column["description"]), ", ".join(sorted(tests.get(name, ()))))
        for name, column in node["columns"].items()
    ]
    yield from table(("column", "what", "tests"), rows)


def page(manifest):
    yield "# The data model"
    yield ""
    yield "Made by `scripts/data_model.py` from `contracts/` and `warehouse/`; a test holds it against them. `cardlake docs` shows the"
    yield "same models with their SQL, and how they come from each other."
    yield ""
    yield "## As delivered and kept: silver, and `raw` in the warehouse"
    yield ""
    yield "Every table also has where a row came from: `ingest_date`, `ingest_ts`, `source_object`, `source_row`, fields that the contract"
    yield "does not know (`extra`), and a hash over its values (`row_hash`)."
    yield ""
    for path in sorted((PROJECT / "contracts").glob("*.yaml")):
        yield from contract(path)
    titles = {"marts": "Marts", "facts": "Facts", "dimensions": "Dimensions", "staging": "Staging"}
    models = [node for node in manifest["nodes"].values() if node["resource_type"] in ("model", "snapshot", "seed")]
    for folder, title in titles.items():
        yield f"## {title}"
        yield ""
        for node in sorted(models, key=lambda node: node["name"]):
            if node["resource_type"] == "model" and f"/{folder}/" in f"/{node['original_file_path']}":
                yield from model(manifest, node)
    yield "## History and assumptions"
    yield ""
    for node in sorted(models, key=lambda node: node["name"]):
        if node["resource_type"] != "model":
            yield from model(manifest, node)


def main():
    manifest = json.loads(Path(sys.argv[1]).read_text())
    text = "\n".join(page(manifest)).rstrip() + "\n"
    if "--check" in sys.argv[2:]:
        if PAGE.read_text() != text:
            sys.exit(f"{PAGE.name} is not what contracts and models say now: run scripts/data_model.py {sys.argv[1]}")
    else:
        PAGE.write_text(text)


main()
