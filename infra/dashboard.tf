# One page: did the day run, what became of the rows, how are functions and warehouse.

locals {
  widgets = [
    {
      title   = "Daily runs"
      stat    = "Sum"
      period  = 3600
      metrics = [for name in ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"] : ["AWS/States", name, "StateMachineArn", local.state_machine_arns.daily]]
    },
    {
      title   = "Duration of the daily run (ms)"
      stat    = "Maximum"
      period  = 3600
      metrics = [["AWS/States", "ExecutionTime", "StateMachineArn", local.state_machine_arns.daily]]
    },
    {
      title   = "Duration of the stages (s)"
      stat    = "Maximum"
      period  = 3600
      metrics = local.stage_series
    },
    {
      title   = "Raw rows"
      stat    = "Sum"
      period  = 3600
      metrics = local.dataset_series.raw_rows
    },
    {
      title   = "Raw files that could not be read"
      stat    = "Sum"
      period  = 3600
      metrics = local.dataset_series.rejected
    },
    {
      title   = "Rows of the batch: added, lost as duplicates, replaced"
      stat    = "Maximum"
      period  = 3600
      metrics = local.dataset_series.batch
    },
    {
      title   = "Rows of silver and of the warehouse"
      stat    = "Maximum"
      period  = 3600
      metrics = concat(local.dataset_series.silver, local.dataset_series.warehouse)
    },
    {
      title   = "Expectations that were not met"
      stat    = "Maximum"
      period  = 3600
      metrics = local.dataset_series.expectations
    },
    {
      title   = "Models and data tests"
      stat    = "Maximum"
      period  = 3600
      metrics = local.build_series
    },
    {
      title   = "Duration of invocations (ms, maximum)"
      stat    = "Maximum"
      period  = 300
      metrics = [for name in values(local.function_names) : ["AWS/Lambda", "Duration", "FunctionName", name]]
    },
    {
      title   = "Errors of invocations"
      stat    = "Sum"
      period  = 300
      metrics = [for name in values(local.function_names) : ["AWS/Lambda", "Errors", "FunctionName", name]]
    },
    {
      title   = "Functions at work"
      stat    = "Maximum"
      period  = 300
      metrics = [for name in values(local.function_names) : ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", name]]
    },
    {
      title   = "Events that were given up"
      stat    = "Maximum"
      period  = 300
      metrics = [for name in values(local.dead_letter_queues) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]]
    },
    {
      title   = "Warehouse: RPU seconds"
      stat    = "Sum"
      period  = 3600
      metrics = [["AWS/Redshift-Serverless", "ComputeSeconds", "Workgroup", local.prefix]]
    },
    {
      title   = "Bytes of the lake"
      stat    = "Average"
      period  = 86400
      metrics = [for layer in ["bronze", "silver", "gold"] : ["AWS/S3", "BucketSizeBytes", "StorageType", "StandardStorage", "BucketName", local.bucket_names[layer]]]
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = local.prefix

  dashboard_body = jsonencode({
    widgets = [for index, widget in local.widgets : {
      type   = "metric"
      x      = index % 2 * 12
      y      = floor(index / 2) * 6
      width  = 12
      height = 6
      properties = {
        title   = widget.title
        region  = var.region
        view    = "timeSeries"
        stat    = widget.stat
        period  = widget.period
        metrics = widget.metrics
      }
    }]
  })
}
