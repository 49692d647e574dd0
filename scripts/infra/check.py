"""Checks infra/ against the argument lists of the providers' resources, without terraform.

usage: check.py CACHE [--collect]

Every resource, data source and ephemeral resource has to be one that its provider has, with its arguments and blocks
and nothing else, and with those that are required. Some are refused altogether (REFUSED). `--collect` only makes the cache
of argument lists. Values are not looked at: that is what terraform does where it is at hand.
"""

import pathlib
import sys

import hcl2

import schema

KINDS = {"resource": "resources", "data": "data-sources", "ephemeral": "ephemeral-resources"}
# What Terraform itself takes in every one of them.
META = {"count", "for_each", "provider", "depends_on"}
META_BLOCKS = {"lifecycle", "provisioner", "connection", "dynamic"}
# Resources that plan well and fail later, and what to use instead.
REFUSED = {
    "aws_redshiftdata_statement": "the Data API forgets a statement after a day, the provider then reads an empty `sql` and"
    " runs the statement again (hashicorp/terraform-provider-aws issue 37301): let the loader's action `bootstrap` run it"
}


def clean(name):
    return name.strip('"')


def bodies(folder):
    """(file, kind, type, name, body) of everything that a provider has to know."""
    for file in sorted(pathlib.Path(folder).rglob("*.tf")):
        with file.open() as text:
            document = hcl2.load(text)
        for word, kind in KINDS.items():
            for entry in document.get(word, []):
                for type_name, named in entry.items():
                    if type_name.startswith("__"):
                        continue
                    for name, body in named.items():
                        if not name.startswith("__"):
                            yield file, kind, clean(type_name), clean(name), body[0] if isinstance(body, list) else body


def forgotten(folder):
    """Addresses of the `removed` blocks: the resources of earlier versions that a state may still have."""
    for file in sorted(pathlib.Path(folder).rglob("*.tf")):
        with file.open() as text:
            for entry in hcl2.load(text).get("removed", []):
                yield entry["from"].removeprefix("${").removesuffix("}")


def blocks_in(body, known):
    """(name, body) of the blocks in a body, dynamic ones as what they become."""
    for name, value in body.items():
        name = clean(name)
        if name == "dynamic":
            for entry in value:
                for made, inner in entry.items():
                    if not made.startswith("__"):
                        inner = inner[0] if isinstance(inner, list) else inner
                        content = inner["content"]
                        yield clean(made), content[0] if isinstance(content, list) else content
        elif name in known and isinstance(value, list):
            for one in value:
                yield name, one


def mistakes(body, schema, where, outermost=True):
    attributes, blocks = schema["attributes"], schema["blocks"]
    inner = list(blocks_in(body, blocks))
    given_blocks = {name for name, _ in inner}
    given = {clean(name) for name in body if not name.startswith("__")} - given_blocks - {"dynamic"}
    if outermost:
        given -= META | META_BLOCKS
    for name in sorted(given - set(attributes)):
        yield f"{where}: there is no argument {name}"
    for name in sorted(given & set(attributes)):
        if attributes[name]["computed"] and name != "id":
            yield f"{where}: {name} cannot be set"
    for name in sorted(given_blocks - set(blocks)):
        yield f"{where}: there is no block {name}"
    required = {name for part in (attributes, blocks) for name, one in part.items() if one["required"]}
    for name in sorted(required - given - given_blocks):
        yield f"{where}: {name} is missing"
    for name, content in inner:
        if name in blocks:
            yield from mistakes(content, blocks[name]["schema"], f"{where}.{name}", False)


def refused(found):
    for file, _, type_name, name, _ in found:
        if type_name in REFUSED:
            yield f"{file}: {type_name}.{name}: {REFUSED[type_name]}"


def main(cache, *options):
    found = list(bodies("infra"))
    types = [(kind, type_name) for _, kind, type_name, _, _ in found]
    types += [("resources", address.split(".")[0]) for address in forgotten("infra")]
    wanted = {(type_name.split("_")[0], kind, type_name) for kind, type_name in types}
    schemas = schema.load(wanted, cache)
    if "--collect" in options:
        return
    problems = list(refused(found))
    for file, kind, type_name, name, body in found:
        where = f"{file}: {type_name}.{name}"
        known = schemas.get(f"{kind}/{type_name}")
        problems += mistakes(body, known, where) if known else [f"{where}: the provider has no {type_name}"]
    print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
    if problems:
        sys.exit(1)
    print(f"check-infra: {len(found)} resources and data sources keep to the providers' argument lists")


if __name__ == "__main__":
    main(*sys.argv[1:])
