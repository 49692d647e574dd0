"""What the providers' resources take: read from the bindings that are made from the providers' own schemas.

A schema is {"attributes": {name: {"type", "required", "computed"}}, "blocks": {name: {"schema", "required", "single"}}};
types are Terraform's own ("string", ["list", "string"], "dynamic" where the bindings do not say).
"""

import importlib.util
import json
import pathlib
import re
import sys
import tarfile

PACKAGES = {"aws": "cdktf_cdktf_provider_aws", "random": "cdktf_cdktf_provider_random"}
PRIMITIVES = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}


def assembly(provider):
    """The description of all classes of a provider's bindings."""
    found = importlib.util.find_spec(PACKAGES[provider])
    folder = pathlib.Path(found.submodule_search_locations[0]) / "_jsii"
    [archive] = folder.glob("*.jsii.tgz")
    with tarfile.open(archive) as bindings:
        return json.load(bindings.extractfile("package/.jsii"))["types"]


def snake(name):
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def terraform_name(member):
    """The argument's name: the documentation links to it."""
    docs = member.get("docs", {})
    link = re.search(r"#(\w+) \w+#\w+\}", docs.get("summary", "") + docs.get("remarks", ""))
    return link[1] if link else snake(member["name"])


def alternatives(kind):
    return kind["union"]["types"] if "union" in kind else [kind]


def plain_type(kind):
    """Terraform's type; none: a structure."""
    for one in alternatives(kind):
        if "primitive" in one:
            return PRIMITIVES[one["primitive"]]
        if "collection" in one:
            element = plain_type(one["collection"]["elementtype"])
            shape = "map" if one["collection"]["kind"] == "map" else "list"
            return [shape, element] if element and element != "dynamic" else "dynamic"
    return None


def structure(kind):
    """Name of the structure that a block is, and whether there is one block at most."""
    for one in alternatives(kind):
        if "collection" in one:
            inner = structure(one["collection"]["elementtype"])
            return inner and (inner[0], False)
        if one.get("fqn", "").startswith("@cdktf/"):
            return one["fqn"], True
    return None


def block(types, name):
    schema = {"attributes": {}, "blocks": {}}
    for member in types[name].get("properties", []):
        required = not member.get("optional", False)
        is_block = member.get("docs", {}).get("summary", "").endswith(" block.")
        inner = structure(member["type"])
        if is_block and inner:
            schema["blocks"][terraform_name(member)] = {
                "schema": block(types, inner[0]),
                "required": required,
                "single": inner[1],
            }
        else:
            schema["attributes"][terraform_name(member)] = {
                "type": plain_type(member["type"]) or "dynamic",
                "required": required,
                "computed": terraform_name(member) == "id" and not required,
            }
    return schema


def kinds(types):
    """Terraform's names of resources and data sources, with the class of each."""
    names = {}
    for full_name, value in types.items():
        link = re.search(r"/docs/(resources|data-sources)/\w+ (\w+)\}", value.get("docs", {}).get("summary", ""))
        if link and value["kind"] == "class":
            names[(link[1], link[2])] = full_name
    return names


def schema_of(types, class_name):
    schema = block(types, f"{class_name}Config")
    for member in types[class_name].get("properties", []):
        name = snake(member["name"])
        internal = member.get("static") or member["name"].endswith("Input") or "overrides" in member
        if not internal and name not in schema["attributes"] and name not in schema["blocks"]:
            kind = plain_type(member["type"]) or "dynamic"
            schema["attributes"][name] = {"type": kind, "required": False, "computed": True}
    return schema


def extract(wanted):
    """Schemas of (provider, kind, name); what a provider does not have is missing in the result."""
    result = {}
    for provider in sorted({provider for provider, _, _ in wanted}):
        types = assembly(provider)
        known = kinds(types)
        for _, kind, name in (one for one in wanted if one[0] == provider):
            # The bindings have no ephemeral resources; these take what the resource of the same name takes.
            looked_up = "resources" if kind == "ephemeral-resources" else kind
            if (looked_up, name) in known:
                result[f"{kind}/{name}"] = schema_of(types, known[(looked_up, name)])
    return result


def load(wanted, cache):
    """As extract, kept in a file: reading the bindings takes a quarter of a minute."""
    wanted = sorted(wanted)
    stamp = [pathlib.Path(__file__).with_name("requirements.txt").read_text(), pathlib.Path(__file__).read_text(), wanted]
    cache = pathlib.Path(cache)
    if cache.is_file():
        kept = json.loads(cache.read_text())
        if kept["stamp"] == json.loads(json.dumps(stamp)):
            return kept["schemas"]
    print("check-infra: reading the providers' argument lists", file=sys.stderr)
    schemas = extract(wanted)
    cache.parent.mkdir(parents=True, exist_ok=True)
    cache.write_text(json.dumps({"stamp": stamp, "schemas": schemas}))
    return schemas
