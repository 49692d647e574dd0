# The metrics that the functions write among their logs (shared/aws/src/metrics.rs, which a test holds this file against), as
# alarms and dashboard name them. There is a series for every function and dataset, or stage.

locals {
  metric_namespace   = "Cardlake"
  quarantine_metrics = { rows = "RowsRead", quarantined = "RowsQuarantined" }
  rejected_metric    = "ObjectsRejected"

  dataset_metrics = {
    raw_rows     = { function = "transformer", metrics = ["RowsRead", "RowsQuarantined", "RowsDuplicate", "RowsLate"] }
    rejected     = { function = "transformer", metrics = [local.rejected_metric] }
    batch        = { function = "reconciler", metrics = ["RowsAdded", "RowsLost", "RowsReplaced"] }
    silver       = { function = "reconciler", metrics = ["TableRows"] }
    warehouse    = { function = "loader", metrics = ["WarehouseRows", "RowsLoaded"] }
    expectations = { function = "validator", metrics = ["ExpectationsFailed"] }
  }
  dataset_series = { for key, figure in local.dataset_metrics : key => [
    for pair in setproduct(figure.metrics, keys(local.contracts)) :
    [local.metric_namespace, pair[0], "FunctionName", local.function_names[figure.function], "Dataset", pair[1]]
  ] }

  build_series = [for metric in ["ModelsBuilt", "BuildErrors", "TestsPassed", "TestsFailed"] :
    [local.metric_namespace, metric, "FunctionName", local.function_names["mart-builder"]]
  ]
  stage_series = concat(
    [[local.metric_namespace, "RunDuration", "FunctionName", local.function_names["notifier"]]],
    [for stage in ["plan", "transform", "reconcile", "validate", "publish", "load", "balance", "build"] :
      [local.metric_namespace, "StageDuration", "FunctionName", local.function_names["notifier"], "Stage", stage]
    ],
  )
}
