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

# ---- Who may do what in the database. A cluster that was there before gets the same by hand: docs/deploy.md. ----

locals {
  loader_user    = "\"IAMR:${local.function_names["loader"]}\""
  builder_user   = "\"IAMR:${local.function_names["mart-builder"]}\""
  database_users = local.serverless ? { loader = local.loader_user, mart-builder = local.builder_user } : {}
  database_schemas = local.serverless ? {
    create = "grant create on database ${local.database} to ${local.loader_user}, ${local.builder_user}"
    raw    = "create schema if not exists raw authorization ${local.loader_user}"
    ops    = "create schema if not exists ops authorization ${local.loader_user}"
  } : {}
  database_readers = local.serverless ? {
    usage  = "grant usage on schema raw to ${local.builder_user}"
    select = "alter default privileges for user ${local.loader_user} in schema raw grant select on tables to ${local.builder_user}"
  } : {}
}

resource "aws_redshiftdata_statement" "user" {
  for_each       = local.database_users
  workgroup_name = aws_redshiftserverless_workgroup.this[0].workgroup_name
  database       = local.database
  secret_arn     = aws_redshiftserverless_namespace.this[0].admin_password_secret_arn
  sql            = "create user ${each.value} password disable"
}

resource "aws_redshiftdata_statement" "schema" {
  for_each       = local.database_schemas
  workgroup_name = aws_redshiftserverless_workgroup.this[0].workgroup_name
  database       = local.database
  secret_arn     = aws_redshiftserverless_namespace.this[0].admin_password_secret_arn
  sql            = each.value

  depends_on = [aws_redshiftdata_statement.user]
}

resource "aws_redshiftdata_statement" "reader" {
  for_each       = local.database_readers
  workgroup_name = aws_redshiftserverless_workgroup.this[0].workgroup_name
  database       = local.database
  secret_arn     = aws_redshiftserverless_namespace.this[0].admin_password_secret_arn
  sql            = each.value

  depends_on = [aws_redshiftdata_statement.schema]
}
