# Redshift Serverless, private, with its administrator's password kept by Redshift itself; or the cluster that is given.

locals {
  serverless = var.existing_cluster == null
  database   = local.serverless ? var.warehouse.database : var.existing_cluster.database
  cluster    = try(var.existing_cluster.identifier, "")

  redshift_arn  = "arn:${local.partition}:redshift:${var.region}:${local.account_id}"
  warehouse_arn = local.serverless ? aws_redshiftserverless_workgroup.this[0].arn : "${local.redshift_arn}:cluster:${local.cluster}"

  warehouse_environment = { for name, value in {
    CARDLAKE_REDSHIFT_WORKGROUP     = local.serverless ? aws_redshiftserverless_workgroup.this[0].workgroup_name : null
    CARDLAKE_REDSHIFT_CLUSTER       = try(var.existing_cluster.identifier, null)
    CARDLAKE_REDSHIFT_DB_USER       = try(var.existing_cluster.user, null)
    CARDLAKE_REDSHIFT_SECRET_ARN    = try(var.existing_cluster.secret_arn, null)
    CARDLAKE_REDSHIFT_DATABASE      = local.database
    CARDLAKE_REDSHIFT_COPY_ROLE_ARN = aws_iam_role.copy_and_unload.arn
  } : name => value if value != null }

  # How the functions log in.
  login = (
    local.serverless ? "warehouse-workgroup" :
    try(var.existing_cluster.secret_arn, null) != null ? "warehouse-secret" :
    try(var.existing_cluster.user, null) != null ? "warehouse-cluster-user" : "warehouse-cluster"
  )
  warehouse_policies = {
    login = templatefile("${path.module}/policies/options/${local.login}.json.tftpl", {
      region                 = var.region
      kms_key_arn            = local.kms_key_arn
      warehouse_arn          = local.warehouse_arn
      warehouse_database_arn = "${local.redshift_arn}:dbname:${local.cluster}/${local.database}"
      warehouse_user_arn     = "${local.redshift_arn}:dbuser:${local.cluster}/${coalesce(try(var.existing_cluster.user, null), "-")}"
      warehouse_secret_arn   = coalesce(try(var.existing_cluster.secret_arn, null), "-")
    })
  }
}

resource "aws_redshiftserverless_namespace" "this" {
  count                            = local.serverless ? 1 : 0
  namespace_name                   = local.prefix
  db_name                          = var.warehouse.database
  admin_username                   = var.warehouse.admin_username
  manage_admin_password            = true
  admin_password_secret_kms_key_id = local.kms_key_arn
  kms_key_id                       = local.kms_key_arn
  iam_roles                        = [aws_iam_role.copy_and_unload.arn]
  default_iam_role_arn             = aws_iam_role.copy_and_unload.arn
  log_exports                      = ["connectionlog", "useractivitylog", "userlog"]
}

resource "aws_redshiftserverless_workgroup" "this" {
  count                = local.serverless ? 1 : 0
  namespace_name       = aws_redshiftserverless_namespace.this[0].namespace_name
  workgroup_name       = local.prefix
  base_capacity        = var.warehouse.base_capacity
  max_capacity         = var.warehouse.max_capacity
  publicly_accessible  = false
  enhanced_vpc_routing = true
  subnet_ids           = local.subnet_ids
  security_group_ids   = [aws_security_group.warehouse[0].id]

  # All parameters that there are, or each plan would want to change those left out.
  dynamic "config_parameter" {
    for_each = {
      auto_mv                          = "true"
      datestyle                        = "ISO, MDY"
      enable_case_sensitive_identifier = "false"
      enable_user_activity_logging     = "true"
      max_query_execution_time         = "3600"
      query_group                      = "default"
      require_ssl                      = "true"
      search_path                      = "$user, public"
      use_fips_ssl                     = "false"
    }

    content {
      parameter_key   = config_parameter.key
      parameter_value = config_parameter.value
    }
  }
}

resource "aws_redshiftserverless_usage_limit" "stop" {
  count         = local.serverless ? 1 : 0
  resource_arn  = aws_redshiftserverless_workgroup.this[0].arn
  usage_type    = "serverless-compute"
  amount        = var.warehouse.rpu_hours_per_month
  period        = "monthly"
  breach_action = "deactivate"
}

# What Redshift may do in the buckets while it copies and unloads.
resource "aws_iam_role" "copy_and_unload" {
  name                 = "${local.prefix}-copy-and-unload"
  description          = "COPY from silver, UNLOAD to gold."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["redshift.amazonaws.com", "redshift-serverless.amazonaws.com"] }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "copy_and_unload" {
  name   = "copy-and-unload"
  role   = aws_iam_role.copy_and_unload.id
  policy = templatefile("${path.module}/policies/services/copy-and-unload.json.tftpl", local.policy_values)
}

# Spectrum asks the catalogue as the same role.
resource "aws_iam_role_policy" "spectrum" {
  count = var.spectrum ? 1 : 0
  name  = "spectrum"
  role  = aws_iam_role.copy_and_unload.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "TablesOfGold"
      Effect   = "Allow"
      Action   = local.spectrum_actions
      Resource = local.glue_gold_arns
    }]
  })
}

# ---- Who may do what in the database. A cluster that was there before gets the same by hand: docs/deploy.md. ----

locals {
  bootstrap_name = "${local.prefix}-warehouse-bootstrap"
  bootstrap_event = jsonencode({
    action       = "bootstrap"
    loader       = "IAMR:${local.function_names["loader"]}"
    mart_builder = "IAMR:${local.function_names["mart-builder"]}"
    readers      = sort(var.warehouse_readers)
  })
}

# The loader with the administrator's password, which the loader itself must not have: it makes users, schemas and grants.
module "warehouse_bootstrap" {
  source = "./modules/function"
  count  = local.serverless ? 1 : 0

  name              = local.bootstrap_name
  description       = "Users, schemas and grants of the warehouse, where they are missing"
  package           = "${var.packages}/loader/bootstrap.zip"
  architecture      = var.architecture
  memory_size       = 256
  ephemeral_storage = 512
  # A workgroup that sleeps takes a minute to wake up, and a role that is new some seconds to be known.
  timeout              = 300
  reserved_concurrency = var.reserve_concurrency ? 1 : -1
  environment = merge(local.every_environment, local.lake_environment, local.warehouse_environment, {
    CARDLAKE_REDSHIFT_SECRET_ARN = aws_redshiftserverless_namespace.this[0].admin_password_secret_arn
  })
  region                   = var.region
  permissions_boundary_arn = var.permissions_boundary_arn
  kms_key_arn              = local.kms_key_arn
  log_retention_days       = var.log_retention_days
  code_signing_config_arn  = one(aws_lambda_code_signing_config.this[*].arn)
  network                  = var.function_network
  runtime_policy           = "${path.module}/policies/options/runtime.json.tftpl"

  policies = {
    stage = templatefile("${path.module}/policies/warehouse-bootstrap.json.tftpl", local.policy_values)
    login = templatefile("${path.module}/policies/options/warehouse-secret.json.tftpl", {
      region               = var.region
      kms_key_arn          = local.kms_key_arn
      warehouse_secret_arn = aws_redshiftserverless_namespace.this[0].admin_password_secret_arn
    })
  }
}

# Runs when the stack is made, when who may do what changes, and when the namespace is another one.
resource "aws_lambda_invocation" "warehouse_bootstrap" {
  count         = local.serverless ? 1 : 0
  function_name = module.warehouse_bootstrap[0].name
  input         = local.bootstrap_event

  triggers = {
    event     = sha256(local.bootstrap_event)
    namespace = aws_redshiftserverless_namespace.this[0].namespace_id
  }

  # Statements wait for a workgroup.
  depends_on = [aws_redshiftserverless_workgroup.this]
}

# Statements of the Data API expire after a day, and the provider then wanted to run them again: CREATE USER fails the second
# time. The state forgets them; what they made stays.
removed {
  from = aws_redshiftdata_statement.user

  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_redshiftdata_statement.schema

  lifecycle {
    destroy = false
  }
}

removed {
  from = aws_redshiftdata_statement.reader

  lifecycle {
    destroy = false
  }
}
