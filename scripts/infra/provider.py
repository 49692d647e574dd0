"""A provider for `terraform validate` and `terraform plan` that knows what the real ones take, and makes nothing.

Terraform checks every reference, type, function call and condition itself; what it asks of a provider is the schema, and
for a plan what a new resource would look like: as configured, the rest unknown. Speaks protocol 5 of Terraform's plugins
(docs/plugin-protocol in its repository) on a socket, and prints what TF_REATTACH_PROVIDERS has to be.
"""

import concurrent.futures
import json
import pathlib
import sys
import tempfile

import grpc
import msgpack

UNKNOWN = msgpack.ExtType(0, b"\x00")
SINGLE, LIST = 1, 2
# What data sources find.
FOUND = {
    "aws_caller_identity": {"account_id": "123456789012", "arn": "arn:aws:iam::123456789012:root", "user_id": "x"},
    "aws_partition": {"partition": "aws", "dns_suffix": "amazonaws.com"},
}


# ---- Protocol buffers, as far as they are needed here ----

def number(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytearray([value]))


def field(tag, value):
    if isinstance(value, int):
        return number(tag << 3) + number(value) if value else b""
    data = value.encode() if isinstance(value, str) else value
    return number(tag << 3 | 2) + number(len(data)) + data


def parse(data):
    """Length-delimited fields of a message, by number; the last one wins."""
    fields, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            fields[key >> 3] = varint()
        else:
            size = varint()
            fields[key >> 3] = data[at:at + size]
            at += size
    return fields


def dynamic(value):
    return field(1, msgpack.packb(value))


def value_of(data):
    fields = parse(data)
    return msgpack.unpackb(fields[1], strict_map_key=False) if 1 in fields else json.loads(fields[2])


# ---- Schemas ----

def block(schema):
    out = b""
    for name, one in sorted(schema["attributes"].items()):
        optional = not one["required"] and (not one["computed"] or name == "id")
        attribute = field(1, name) + field(2, json.dumps(one["type"])) + field(4, int(one["required"]))
        attribute += field(5, int(optional)) + field(6, int(one["computed"])) + field(10, int(name.endswith("_wo")))
        out += field(2, attribute)
    for name, one in sorted(schema["blocks"].items()):
        nesting = SINGLE if name == "timeouts" else LIST
        nested = field(1, name) + field(2, block(one["schema"])) + field(3, nesting)
        if nesting == LIST:
            nested += field(4, int(one["required"])) + field(5, int(one["single"]))
        out += field(3, nested)
    return out


class Provider:
    def __init__(self, name, schemas, configuration):
        self.schemas = {}
        for key, schema in schemas.items():
            kind, type_name = key.split("/")
            if type_name.startswith(f"{name}_"):
                self.schemas[(kind, type_name)] = schema
        self.configuration = configuration

    def schema(self, _):
        out = field(1, field(2, block(self.configuration)))
        tags = {"resources": 2, "data-sources": 3, "ephemeral-resources": 8}
        for (kind, name), schema in self.schemas.items():
            out += field(tags[kind], field(1, name) + field(2, field(2, block(schema))))
        return out

    def prepare(self, request):
        return field(1, parse(request)[1])

    def nothing_to_say(self, _):
        return b""

    def complete(self, kind, name, given):
        """What is not configured and only the service knows is unknown; what is never kept is null."""
        found = FOUND.get(name, {}) if kind == "data-sources" else {}
        for attribute, one in self.schemas[(kind, name)]["attributes"].items():
            if attribute.endswith("_wo"):
                given[attribute] = None
            elif one["computed"] and given.get(attribute) is None:
                given[attribute] = found.get(attribute, None if kind == "data-sources" else UNKNOWN)
        return given

    def plan(self, request):
        fields = parse(request)
        proposed = value_of(fields[3])
        if proposed is not None:
            proposed = self.complete("resources", fields[1].decode(), proposed)
        return field(1, dynamic(proposed)) + field(5, 1)

    def upgrade(self, request):
        """The state as it is, with nulls for what it does not say."""
        fields = parse(request)
        schema = self.schemas[("resources", fields[1].decode())]
        state = dict.fromkeys(schema["attributes"]) | {name: None if name == "timeouts" else [] for name in schema["blocks"]}
        return field(1, dynamic(state | json.loads(parse(fields[3])[1])))

    def read_data(self, request):
        fields = parse(request)
        return field(1, dynamic(self.complete("data-sources", fields[1].decode(), value_of(fields[2]))))

    def open_ephemeral(self, request):
        fields = parse(request)
        result = value_of(fields[2])
        result["result"] = "x" * 64
        return field(3, dynamic(result))

    def calls(self):
        return {
            "GetSchema": self.schema,
            "PrepareProviderConfig": self.prepare,
            "ValidateResourceTypeConfig": self.nothing_to_say,
            "ValidateDataSourceConfig": self.nothing_to_say,
            "ValidateEphemeralResourceConfig": self.nothing_to_say,
            "Configure": self.nothing_to_say,
            "UpgradeResourceState": self.upgrade,
            "PlanResourceChange": self.plan,
            "ReadDataSource": self.read_data,
            "OpenEphemeralResource": self.open_ephemeral,
            "CloseEphemeralResource": self.nothing_to_say,
            "Stop": self.nothing_to_say,
        }


def serve(provider, address):
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(lambda request, _, call=call: call(request))
        for name, call in provider.calls().items()
    }
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", -1)])
    health = {"Check": grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"\x08\x01")}
    server.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler("tfplugin5.Provider", handlers),
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", health),
    ))
    server.add_insecure_port(f"unix:{address}")
    server.start()
    return server


def attributes(**types):
    return {"attributes": {name: {"type": kind, "required": False, "computed": False} for name, kind in types.items()}, "blocks": {}}


def main(schemas_file):
    schemas = json.loads(pathlib.Path(schemas_file).read_text())["schemas"]
    default_tags = {"schema": attributes(tags=["map", "string"]), "required": False, "single": True}
    configurations = {
        "aws": {**attributes(region="string"), "blocks": {"default_tags": default_tags}},
        "random": attributes(),
    }
    folder = tempfile.mkdtemp()
    servers, reattach = [], {}
    for name, configuration in configurations.items():
        address = f"{folder}/{name}"
        servers.append(serve(Provider(name, schemas, configuration), address))
        reattach[f"hashicorp/{name}"] = {
            "Protocol": "grpc",
            "ProtocolVersion": 5,
            "Pid": 1,
            "Test": True,
            "Addr": {"Network": "unix", "String": address},
        }
    print(json.dumps(reattach), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
