# Who is told of runs, alarms and costs.

resource "aws_sns_topic" "runs" {
  name              = "${local.prefix}-runs"
  kms_master_key_id = local.kms_key_arn
}

resource "aws_sns_topic_policy" "runs" {
  arn = aws_sns_topic.runs.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AlarmsAndBudgetsOfThisAccount"
        Effect    = "Allow"
        Principal = { Service = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.runs.arn
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
      },
      # EventBridge delivers nothing to a topic whose policy has a condition for it:
      # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions.
      {
        Sid       = "RulesOfEventBridge"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.runs.arn
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.runs.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_sns_topic_subscription" "email" {
  for_each  = toset(var.notification_emails)
  topic_arn = aws_sns_topic.runs.arn
  protocol  = "email"
  endpoint  = each.value
}

# A run that fails tells about itself; one that is stopped, or whose last step fails, cannot.
resource "aws_cloudwatch_event_rule" "run_ended_badly" {
  name        = "${local.prefix}-run-ended-badly"
  description = "Executions of ${local.prefix} that failed, timed out or were stopped."

  event_pattern = jsonencode({
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
    detail = {
      status          = ["ABORTED", "FAILED", "TIMED_OUT"]
      stateMachineArn = values(local.state_machine_arns)
    }
  })
}

resource "aws_cloudwatch_event_target" "run_ended_badly" {
  rule = aws_cloudwatch_event_rule.run_ended_badly.name
  arn  = aws_sns_topic.runs.arn

  input_transformer {
    input_paths = {
      execution = "$.detail.name"
      machine   = "$.detail.stateMachineArn"
      status    = "$.detail.status"
    }
    input_template = "\"<machine>: execution <execution> ended as <status>.\""
  }
}

resource "aws_budgets_budget" "monthly" {
  name         = "${local.prefix}-monthly"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:stack$%s", local.prefix)]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      notification_type          = notification.key
      subscriber_sns_topic_arns  = [aws_sns_topic.runs.arn]
      subscriber_email_addresses = var.notification_emails
    }
  }
}
