"""Reads OpenLineage events with the classes of their standard, and prints what they say as JSON: for each job how its events
ended, and its inputs and outputs.

usage: read_lineage.py FILE

Fails where an event has a field that its class does not know, lacks one that it wants, or names another schema.
"""

import json
import sys
from uuid import NAMESPACE_URL, UUID, uuid5

from openlineage.client import event_v2, facet_v2
from openlineage.client.naming.dataset import S3, Redshift
from openlineage.client.serde import Serde

# The class of a facet, by the name under which it stands in an event.
FACETS = {
    "nominalTime": facet_v2.nominal_time_run.NominalTimeRunFacet,
    "processing_engine": facet_v2.processing_engine_run.ProcessingEngineRunFacet,
    "parent": facet_v2.parent_run.ParentRunFacet,
    "errorMessage": facet_v2.error_message_run.ErrorMessageRunFacet,
    "jobType": facet_v2.job_type_job.JobTypeJobFacet,
    "inputStatistics": facet_v2.input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
    "outputStatistics": facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "dataQualityAssertions": facet_v2.data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet,
}


def facet(name, told):
    fields = {key: value for key, value in told.items() if not key.startswith("_")}
    if name == "parent":
        fields["run"] = facet_v2.parent_run.Run(**fields["run"], facets=None)
        fields["job"] = facet_v2.parent_run.Job(**fields["job"], facets=None)
    if name == "dataQualityAssertions":
        assertion = facet_v2.data_quality_assertions_dataset.Assertion
        fields["assertions"] = [assertion(**one, params=None) for one in fields["assertions"]]
    made = FACETS[name](**fields, producer=told["_producer"])
    assert made._schemaURL == told["_schemaURL"], (name, told["_schemaURL"])
    return made


def facets(told):
    return {name: facet(name, one) for name, one in told.items()}


def datasets(kind, field, told):
    made = []
    for one in told:
        assert set(one) == {"namespace", "name", field}, one
        made.append(kind(one["namespace"], one["name"], facets=None, **{field: facets(one[field])}))
    return made


def event(told):
    """An event by its class; writing it again gives what was read."""
    run, job = told["run"], told["job"]
    made = event_v2.RunEvent(
        eventType=event_v2.RunState[told["eventType"]],
        eventTime=told["eventTime"],
        run=event_v2.Run(runId=run["runId"], facets=facets(run["facets"])),
        job=event_v2.Job(namespace=job["namespace"], name=job["name"], facets=facets(job["facets"])),
        inputs=datasets(event_v2.InputDataset, "inputFacets", told["inputs"]),
        outputs=datasets(event_v2.OutputDataset, "outputFacets", told["outputs"]),
        producer=told["producer"],
    )
    assert Serde.to_dict(made) == told, (Serde.to_dict(made), told)
    return made


def check_names(dataset):
    scheme, _, authority = dataset.namespace.partition("://")
    if scheme == "s3":
        named = S3(authority, dataset.name)
    else:
        host, _, port = authority.rpartition(":")
        warehouse, _, region = host.partition(".")
        named = Redshift(warehouse, region, port, *dataset.name.split("."))
    assert (named.get_namespace(), named.get_name()) == (dataset.namespace, dataset.name)


def main():
    with open(sys.argv[1], encoding="utf-8") as lines:
        events = [event(json.loads(line)) for line in lines]
    runs, jobs = {}, {}
    for one in events:
        runs.setdefault(one.run.runId, []).append(one)
        for dataset in [*one.inputs, *one.outputs]:
            check_names(dataset)
    for run_id, of_run in runs.items():
        assert UUID(run_id).version == 5
        begin, end = of_run
        assert begin.eventType.value == "START" and begin.eventTime <= end.eventTime
        jobs[end.job.name] = {
            "ended": end.eventType.value,
            "inputs": [f"{dataset.namespace}/{dataset.name}" for dataset in end.inputs],
            "outputs": [f"{dataset.namespace}/{dataset.name}" for dataset in end.outputs],
        }
        parent = end.run.facets.get("parent")
        if parent:
            address = f"s3://{end.job.namespace}/_runs/{'/'.join(sys.argv[1].split('/')[-2:])}".replace("ndjson", "json")
            assert parent.run.runId == str(uuid5(NAMESPACE_URL, address)), address
            assert run_id == str(uuid5(NAMESPACE_URL, f"{address}#{end.job.name.partition('.')[2]}"))
    print(json.dumps(jobs))


if __name__ == "__main__":
    main()
