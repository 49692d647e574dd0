# What happens by the clock: the daily run, the weekly optimize and vacuum, the daily snapshot of the warehouse.

resource "aws_scheduler_schedule_group" "this" {
  name = local.prefix
}

resource "aws_sqs_queue" "schedule_dead_letters" {
  name                      = "${local.prefix}-schedule-dead-letters"
  kms_master_key_id         = local.kms_key_arn
  message_retention_seconds = 1209600
}

resource "aws_sqs_queue_policy" "schedule_dead_letters" {
  queue_url = aws_sqs_queue.schedule_dead_letters.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = aws_sqs_queue.schedule_dead_letters.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_iam_role" "scheduler" {
  name                 = "${local.prefix}-scheduler"
  description          = "Starts what is due."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "start-what-is-due"
  role = aws_iam_role.scheduler.id

  policy = templatefile("${path.module}/policies/services/scheduler.json.tftpl", {
    region                  = var.region
    kms_key_arn             = local.kms_key_arn
    daily_state_machine_arn = local.state_machine_arns.daily
    reconciler_function_arn = local.function_arns["reconciler"]
    dead_letter_queue_arn   = aws_sqs_queue.schedule_dead_letters.arn
  })
}

resource "aws_iam_role_policy" "snapshot" {
  count = local.serverless ? 1 : 0
  name  = "make-snapshots"
  role  = aws_iam_role.scheduler.id

  policy = templatefile("${path.module}/policies/options/snapshot.json.tftpl", {
    namespace_arn = aws_redshiftserverless_namespace.this[0].arn
    snapshot_arns = "arn:${local.partition}:redshift-serverless:${var.region}:${local.account_id}:snapshot/*"
  })
}

resource "aws_scheduler_schedule" "daily" {
  name                         = "daily"
  description                  = "One day through the pipeline."
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = var.schedule.expression
  schedule_expression_timezone = var.schedule.time_zone
  state                        = var.schedule.enabled ? "ENABLED" : "DISABLED"
  kms_key_arn                  = local.kms_key_arn

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = var.schedule.flexible_minutes
  }

  target {
    arn      = aws_sfn_state_machine.this["daily"].arn
    role_arn = aws_iam_role.scheduler.arn
    # Not by jsonencode: it writes < and > as \u003c and \u003e, and the scheduler would not know its own words again.
    input = "{\"scheduled_time\": \"<aws.scheduler.scheduled-time>\", \"days_back\": ${var.schedule.days_back}}"

    retry_policy {
      maximum_retry_attempts       = 10
      maximum_event_age_in_seconds = 7200
    }

    dead_letter_config {
      arn = aws_sqs_queue.schedule_dead_letters.arn
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}

resource "aws_scheduler_schedule" "optimize" {
  name                         = "optimize"
  description                  = "Merges the small data files of the tables."
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = var.optimize.expression
  schedule_expression_timezone = var.schedule.time_zone
  state                        = var.optimize.enabled ? "ENABLED" : "DISABLED"
  kms_key_arn                  = local.kms_key_arn

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 60
  }

  target {
    arn      = module.function["reconciler"].arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode({ action = "optimize" })

    retry_policy {
      maximum_retry_attempts       = 3
      maximum_event_age_in_seconds = 7200
    }

    dead_letter_config {
      arn = aws_sqs_queue.schedule_dead_letters.arn
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}

resource "aws_scheduler_schedule" "vacuum" {
  name                         = "vacuum"
  description                  = "Removes files that no version of a table needs any more."
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = var.vacuum.expression
  schedule_expression_timezone = var.schedule.time_zone
  state                        = var.vacuum.enabled ? "ENABLED" : "DISABLED"
  kms_key_arn                  = local.kms_key_arn

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 60
  }

  target {
    arn      = module.function["reconciler"].arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode({ action = "vacuum", retention_days = var.vacuum.retention_days, dry_run = false })

    retry_policy {
      maximum_retry_attempts       = 3
      maximum_event_age_in_seconds = 7200
    }

    dead_letter_config {
      arn = aws_sqs_queue.schedule_dead_letters.arn
    }
  }

  depends_on = [aws_iam_role_policy.scheduler]
}

# Recovery points are made by Redshift itself, and kept for a day; a snapshot stays.
resource "aws_scheduler_schedule" "snapshot" {
  count                        = local.serverless ? 1 : 0
  name                         = "snapshot"
  description                  = "Snapshot of the warehouse."
  group_name                   = aws_scheduler_schedule_group.this.name
  schedule_expression          = "cron(0 18 * * ? *)"
  schedule_expression_timezone = var.schedule.time_zone
  kms_key_arn                  = local.kms_key_arn

  flexible_time_window {
    mode                      = "FLEXIBLE"
    maximum_window_in_minutes = 60
  }

  target {
    arn      = "arn:${local.partition}:scheduler:::aws-sdk:redshiftserverless:createSnapshot"
    role_arn = aws_iam_role.scheduler.arn
    # As above, by hand.
    input = "{\"NamespaceName\": \"${local.prefix}\", \"SnapshotName\": \"${local.prefix}-<aws.scheduler.execution-id>\", \"RetentionPeriod\": ${var.warehouse.snapshot_days}}"

    retry_policy {
      maximum_retry_attempts       = 5
      maximum_event_age_in_seconds = 7200
    }

    dead_letter_config {
      arn = aws_sqs_queue.schedule_dead_letters.arn
    }
  }

  depends_on = [aws_iam_role_policy.scheduler, aws_iam_role_policy.snapshot]
}
