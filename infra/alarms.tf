# What people have to know, and nothing else. docs/operations.md has a runbook for each alarm.

locals {
  alarm_actions = [aws_sns_topic.runs.arn]
  dead_letter_queues = merge(
    { for key, function in module.function : key => function.dead_letter_queue },
    { schedule = aws_sqs_queue.schedule_dead_letters.name },
  )
}

resource "aws_cloudwatch_metric_alarm" "run_failed" {
  for_each            = local.state_machine_arns
  alarm_name          = "${local.prefix}-${each.key}-failed"
  alarm_description   = "An execution of ${each.key} failed, timed out or was stopped. Runbook: docs/operations.md, a run failed."
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "bad"
    expression  = "SUM(METRICS())"
    label       = "Executions that ended badly"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { failed = "ExecutionsFailed", late = "ExecutionsTimedOut", stopped = "ExecutionsAborted" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/States"
        metric_name = metric_query.value
        dimensions  = { StateMachineArn = each.value }
        stat        = "Sum"
        period      = 300
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "no_run" {
  # Without a schedule no run is missing.
  count               = var.schedule.enabled ? 1 : 0
  alarm_name          = "${local.prefix}-no-run"
  alarm_description   = "No daily run has succeeded in 26 hours. Runbook: docs/operations.md, no run in 26 hours."
  comparison_operator = "LessThanThreshold"
  evaluation_periods  = 26
  datapoints_to_alarm = 26
  threshold           = 1
  period              = 3600
  namespace           = "AWS/States"
  metric_name         = "ExecutionsSucceeded"
  statistic           = "Sum"
  dimensions          = { StateMachineArn = local.state_machine_arns.daily }
  treat_missing_data  = "breaching"
  actions_enabled     = true
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each            = local.dead_letter_queues
  alarm_name          = "${local.prefix}-${each.key}-dead-letters"
  alarm_description   = "Events of ${each.key} were given up. Runbook: docs/operations.md, dead letters."
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  threshold           = 0
  period              = 300
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  statistic           = "Maximum"
  dimensions          = { QueueName = each.value }
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

# For each dataset by itself: a few broken customers are lost among a million transactions.
resource "aws_cloudwatch_metric_alarm" "quarantine" {
  for_each            = local.contracts
  alarm_name          = "${local.prefix}-${each.key}-quarantine-share"
  alarm_description   = "More than ${var.alarm_quarantine_share * 100} % of the rows of ${each.key} in an hour went to the quarantine. Runbook: docs/operations.md, quarantine."
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  threshold           = var.alarm_quarantine_share
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions

  metric_query {
    id          = "share"
    expression  = "IF(rows > 0, quarantined / rows, 0)"
    label       = "Share of quarantined rows"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.quarantine_metrics

    content {
      id = metric_query.key

      metric {
        namespace   = local.metric_namespace
        metric_name = metric_query.value
        dimensions  = { FunctionName = local.function_names["transformer"], Dataset = each.key }
        stat        = "Sum"
        period      = 3600
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "rejected" {
  for_each            = local.contracts
  alarm_name          = "${local.prefix}-${each.key}-rejected-objects"
  alarm_description   = "A raw file of ${each.key} could not be read at all. Runbook: docs/operations.md, quarantine."
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  threshold           = 0
  period              = 3600
  namespace           = local.metric_namespace
  metric_name         = local.rejected_metric
  statistic           = "Sum"
  dimensions          = { FunctionName = local.function_names["transformer"], Dataset = each.key }
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "slow" {
  for_each            = module.function
  alarm_name          = "${local.prefix}-${each.key}-slow"
  alarm_description   = "An invocation of ${each.key} took more than 80 % of its timeout. Runbook: docs/operations.md, a function is slow."
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 1
  threshold           = each.value.timeout * 1000 * 0.8
  period              = 300
  namespace           = "AWS/Lambda"
  metric_name         = "Duration"
  statistic           = "Maximum"
  dimensions          = { FunctionName = each.value.name }
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "throttled" {
  for_each            = module.function
  alarm_name          = "${local.prefix}-${each.key}-throttled"
  alarm_description   = "Invocations of ${each.key} were refused for want of concurrency, for a quarter of an hour. Runbook: docs/operations.md, throttled."
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 3
  threshold           = 0
  period              = 300
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  statistic           = "Sum"
  dimensions          = { FunctionName = each.value.name }
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
}
