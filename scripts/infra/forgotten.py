"""Writes a Terraform state that has everything that a `removed` block of infra/ is about.

usage: forgotten.py STATE

Prints the addresses. A plan from this state has to forget each of them, and to destroy none.
"""

import json
import pathlib
import sys

import check

PROVIDER = 'provider["registry.terraform.io/hashicorp/{}"]'


def resource(address):
    type_name, name = address.split(".")
    instance = {"index_key": "one", "schema_version": 0, "attributes": {"id": "of-an-earlier-version"}}
    provider = PROVIDER.format(type_name.split("_")[0])
    return {"mode": "managed", "type": type_name, "name": name, "provider": provider, "instances": [instance]}


def main(state):
    addresses = sorted(check.forgotten("infra"))
    document = {"version": 4, "terraform_version": "1.11.0", "serial": 1, "lineage": "x", "outputs": {}}
    document["resources"] = [resource(address) for address in addresses]
    pathlib.Path(state).write_text(json.dumps(document))
    print("\n".join(addresses))


if __name__ == "__main__":
    main(*sys.argv[1:])
