"""The history of an execution in a form in which two of them can be held against each other.

What is kept: every state entered and left, in order, with what it was given and what it gave; the states inside maps in any
order, since their items run side by side; the names and causes of errors. What is left out: times, identifiers of events,
and how often a tick was repeated, which depends on the speed of the machine.
"""

import difflib
import json
import re
from pathlib import Path

DAILY = json.loads((Path(__file__).resolve().parents[2] / "statemachine" / "daily.asl.json").read_text())
STATE = re.compile(r"State(Entered|Exited)$")
ERROR = re.compile(r"(Task|Execution)(Failed|TimedOut)$")
# The states between two ticks, and those of a tick.
BETWEEN_TICKS = re.compile(r"(WaitFor|Longer|Set)(Load|Build)(Wait)?$|(Load|Build)WaitIsLong$")
TICKS = ("Load", "LoadDone", "Build", "BuildDone")
# The ids of candidates: hashes over the times of objects, among others.
IDS = re.compile(r"(?<=/)[0-9a-f]{32}(?=\.)")
# Fields that tell of time, or of how many ticks there were.
VOLATILE = {"wait", "grown", "cursor", "entered", "started_at", "ended_at"}


def run_id(events):
    """The name of a local execution."""
    for event in events:
        found = (event.get("details") or {}).get("output")
        if isinstance(found, dict) and "run_id" in found:
            return found["run_id"]
    raise AssertionError("no state gave a run_id")


def from_local(events):
    """(type, state, what it was given or gave) of each event of `cardlake run --history`."""
    for event in events:
        details = event.get("details") or {}
        yield event["type"], event.get("state", "").split("/")[-1].split("[")[0], details


def from_localstack(events):
    """The same of the answer of GetExecutionHistory."""
    for event in events:
        kind, details = event["type"], next((value for name, value in event.items() if name.endswith("EventDetails")), {})
        told = {name: json.loads(details[name]) for name in ("input", "output") if name in details}
        told |= {name: details[name] for name in ("error", "cause") if name in details}
        yield kind, details.get("name", ""), told


def plain(value):
    """A payload without what differs from run to run."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items() if name not in VOLATILE}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, str) and value.startswith('{"'):
        # The cause of a failed function: its reply.
        return plain(json.loads(value))
    return IDS.sub("ID", value) if isinstance(value, str) else value


def lines(events):
    """One line for each event that is compared: the flow in order, then what happened in maps."""
    flow, maps, errors = [], [], []
    for kind, name, details in events:
        if ERROR.search(kind):
            errors.append(json.dumps([kind, plain(details)], sort_keys=True))
        elif STATE.search(kind) and not BETWEEN_TICKS.match(name):
            line = (name, json.dumps([kind, name, plain(details)], sort_keys=True, ensure_ascii=False))
            (flow if name in DAILY["States"] else maps).append(line)
    last_tick = {name: max((at for at, (other, _) in enumerate(flow) if other == name), default=0) for name in TICKS}
    kept = [line for at, (name, line) in enumerate(flow) if name not in TICKS or at >= last_tick[name] - 1]
    return kept + sorted(line for _, line in maps) + sorted(errors)


def differences(local, other):
    """Where the history of a local execution and another one differ; nothing when they tell the same."""
    found = difflib.unified_diff(lines(from_local(local)), lines(other), "cardlake run", "LocalStack", n=0, lineterm="")
    return list(found)
