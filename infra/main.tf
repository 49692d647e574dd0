# Names and ARNs. ARNs are put together here where taking them from the resources would make a circle.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  prefix     = "${var.name}-${var.environment}"
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  # Bucket names are the world's: the account makes them this stack's.
  bucket_names = { for layer in ["bronze", "silver", "gold", "logs", "athena"] : layer => "${local.prefix}-${local.account_id}-${layer}" }
  bucket_arns  = { for layer, name in local.bucket_names : layer => "arn:${local.partition}:s3:::${name}" }

  # The contracts say which datasets there are.
  contracts     = { for file in fileset("${path.module}/../contracts", "*.yaml") : trimsuffix(file, ".yaml") => yamldecode(file("${path.module}/../contracts/${file}")) }
  silver_tables = [for dataset in keys(local.contracts) : "${local.bucket_arns.silver}/${dataset}/*"]

  states_arn = "arn:${local.partition}:states:${var.region}:${local.account_id}"
  state_machine_names = {
    daily    = "${local.prefix}-daily"
    backfill = "${local.prefix}-backfill"
  }
  state_machine_arns = { for key, name in local.state_machine_names : key => "${local.states_arn}:stateMachine:${name}" }

  function_names = { for key in keys(local.function_defaults) : key => "${local.prefix}-${key}" }
  function_arns  = { for key, name in local.function_names : key => "arn:${local.partition}:lambda:${var.region}:${local.account_id}:function:${name}" }

  kms_key_arn        = var.kms_key_arn == null ? aws_kms_key.data[0].arn : var.kms_key_arn
  bronze_kms_key_arn = var.bronze_kms_key_arn == null ? aws_kms_key.bronze[0].arn : var.bronze_kms_key_arn

  # Whoever uploads in parts has to decrypt, too.
  role_arns      = { for key, name in local.function_names : key => "arn:${local.partition}:iam::${local.account_id}:role/${name}" }
  bronze_readers = concat([local.role_arns["transformer"]], var.bronze_readers)
  bronze_writers = concat(var.synthetic_data ? [local.role_arns["generator"]] : [], var.bronze_writers)
}
