# The stages: how much of what each gets, what it is told, what it may do.

locals {
  # Timeouts are those of the tasks in statemachine/daily.asl.json, or shorter: a task never waits for a function that has
  # given up. Memory leaves room above what bench/ has measured; 1,769 MB is one processor, and a new account gives a function
  # 3,008 MB at the most: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
  function_defaults = {
    generator    = { description = "Synthetic bronze files", memory_size = 1024, timeout = 900, ephemeral_storage = 512, reserved_concurrency = 20 }
    transformer  = { description = "One bronze object to silver data files", memory_size = 3008, timeout = 900, ephemeral_storage = 4096, reserved_concurrency = 120 }
    reconciler   = { description = "Duplicates and late rows across objects and days; commits", memory_size = 1769, timeout = 900, ephemeral_storage = 10240, reserved_concurrency = 10 }
    validator    = { description = "The expectation suite over what is about to be committed", memory_size = 1769, timeout = 900, ephemeral_storage = 2048, reserved_concurrency = 10 }
    loader       = { description = "Delta to Redshift", memory_size = 1024, timeout = 120, ephemeral_storage = 512, reserved_concurrency = 5 }
    mart-builder = { description = "Builds, tests and publishes the dbt project", memory_size = 512, timeout = 120, ephemeral_storage = 512, reserved_concurrency = 5 }
    notifier     = { description = "Run records and messages", memory_size = 256, timeout = 60, ephemeral_storage = 512, reserved_concurrency = 5 }
  }

  function_settings = {
    for key, defaults in local.function_defaults : key => merge(
      defaults,
      { for name, value in try(var.functions[key], {}) : name => value if value != null },
    )
  }

  # Every function gets what its settings are read from, and nothing else: shared/core/src/env.rs says what each means.
  lake_environment = {
    CARDLAKE_BRONZE_BUCKET = local.bucket_names.bronze
    CARDLAKE_SILVER_BUCKET = local.bucket_names.silver
    CARDLAKE_GOLD_BUCKET   = local.bucket_names.gold
  }
  raw_environment = {
    CARDLAKE_BRONZE_BUCKET = local.bucket_names.bronze
    CARDLAKE_SILVER_BUCKET = local.bucket_names.silver
  }
  function_environment = {
    generator    = { CARDLAKE_BRONZE_BUCKET = local.bucket_names.bronze }
    transformer  = merge(local.raw_environment, { CARDLAKE_TOKEN_KEY_SECRET = aws_secretsmanager_secret.token_keys.arn })
    reconciler   = merge(local.lake_environment, { CARDLAKE_QUARANTINE_THRESHOLD = tostring(var.quarantine_threshold) })
    validator    = local.lake_environment
    loader       = merge(local.lake_environment, local.warehouse_environment)
    mart-builder = merge(local.lake_environment, local.warehouse_environment)
    notifier = merge(
      local.lake_environment,
      { for name in local.warehouse_names : name => local.warehouse_environment[name] if contains(keys(local.warehouse_environment), name) },
      { CARDLAKE_NOTIFICATION_TOPIC_ARN = aws_sns_topic.runs.arn },
      { CARDLAKE_STACK = local.prefix },
      { for receiver, secret in aws_secretsmanager_secret.webhook : local.webhook_settings[receiver] => secret.arn },
    )
  }
  webhook_settings = {
    slack     = "CARDLAKE_SLACK_WEBHOOK_SECRET"
    teams     = "CARDLAKE_TEAMS_WEBHOOK_SECRET"
    pagerduty = "CARDLAKE_PAGERDUTY_SECRET"
    other     = "CARDLAKE_WEBHOOK_SECRET"
  }
  # What the notifier calls the warehouse in the lineage of a run.
  warehouse_names = ["CARDLAKE_REDSHIFT_WORKGROUP", "CARDLAKE_REDSHIFT_CLUSTER", "CARDLAKE_REDSHIFT_DATABASE"]
  every_environment = {
    # Two heaps are enough for a function; more of them only hold on to freed memory.
    MALLOC_ARENA_MAX = "2"
  }

  policy_values = {
    region                 = var.region
    kms_key_arn            = local.kms_key_arn
    bronze_kms_key_arn     = local.bronze_kms_key_arn
    bronze_bucket_arn      = local.bucket_arns.bronze
    silver_bucket_arn      = local.bucket_arns.silver
    gold_bucket_arn        = local.bucket_arns.gold
    silver_tables          = jsonencode(local.silver_tables)
    token_key_secret_arn   = aws_secretsmanager_secret.token_keys.arn
    notification_topic_arn = aws_sns_topic.runs.arn
    warehouse_arn          = local.warehouse_arn
    own_user_id            = "$${aws:userid}"
  }

  function_options = {
    generator    = {}
    transformer  = {}
    reconciler   = {}
    validator    = {}
    loader       = local.warehouse_policies
    mart-builder = local.warehouse_policies
    notifier = length(var.webhooks) == 0 ? {} : {
      webhooks = templatefile("${path.module}/policies/options/webhooks.json.tftpl", {
        region              = var.region
        kms_key_arn         = local.kms_key_arn
        webhook_secret_arns = jsonencode(values(aws_secretsmanager_secret.webhook)[*].arn)
      })
    }
  }
}

module "function" {
  source   = "./modules/function"
  for_each = local.function_settings

  name                     = local.function_names[each.key]
  description              = each.value.description
  package                  = "${var.packages}/${each.key}/bootstrap.zip"
  architecture             = var.architecture
  memory_size              = each.value.memory_size
  timeout                  = each.value.timeout
  ephemeral_storage        = each.value.ephemeral_storage
  reserved_concurrency     = var.reserve_concurrency ? each.value.reserved_concurrency : -1
  environment              = merge(local.every_environment, local.function_environment[each.key])
  region                   = var.region
  permissions_boundary_arn = var.permissions_boundary_arn
  kms_key_arn              = local.kms_key_arn
  log_retention_days       = var.log_retention_days
  code_signing_config_arn  = one(aws_lambda_code_signing_config.this[*].arn)
  network                  = var.function_network
  runtime_policy           = "${path.module}/policies/options/runtime.json.tftpl"

  # Synthetic rows among real ones cannot be told apart again: without leave the generator has no permission to write.
  policies = merge(
    each.key == "generator" && !var.synthetic_data ? {} : {
      stage = templatefile("${path.module}/policies/${each.key}.json.tftpl", local.policy_values)
    },
    local.function_options[each.key],
  )
}

resource "aws_lambda_code_signing_config" "this" {
  count       = length(var.code_signing_profile_arns) == 0 ? 0 : 1
  description = "Who signs the code of ${local.prefix}."

  allowed_publishers {
    signing_profile_version_arns = var.code_signing_profile_arns
  }

  policies {
    untrusted_artifact_on_deployment = "Enforce"
  }
}

# Every new object of bronze is transformed at once; the daily run then finds it done.
resource "aws_lambda_permission" "new_object" {
  statement_id   = "new-object"
  action         = "lambda:InvokeFunction"
  function_name  = module.function["transformer"].name
  principal      = "s3.amazonaws.com"
  source_arn     = local.bucket_arns.bronze
  source_account = local.account_id
}
