# The layers of the lake, and the access logs of all of them.

module "logs" {
  source = "./modules/bucket"

  name               = local.bucket_names.logs
  force_destroy      = !var.deletion_protection
  noncurrent_days    = 1
  log_source_account = local.account_id
  rules              = { forget = { expiration_days = 400 } }
}

module "bronze" {
  source = "./modules/bucket"

  name                 = local.bucket_names.bronze
  kms_key_arn          = local.bronze_kms_key_arn
  readers              = local.bronze_readers
  log_bucket           = module.logs.name
  force_destroy        = !var.deletion_protection
  object_lock          = var.bronze_object_lock
  noncurrent_days      = var.noncurrent_days
  trigger_function_arn = local.function_arns["transformer"]
  rules                = { cheaper = { transitions = var.bronze_transitions, expiration_days = var.bronze_days } }

  # S3 tries the function when it is told of it.
  depends_on = [aws_lambda_permission.new_object]
}

module "silver" {
  source = "./modules/bucket"

  name            = local.bucket_names.silver
  kms_key_arn     = local.kms_key_arn
  log_bucket      = module.logs.name
  force_destroy   = !var.deletion_protection
  noncurrent_days = var.noncurrent_days
  rules = {
    quarantine = { prefix = "_quarantine/", expiration_days = var.quarantine_days }
    manifests  = { prefix = "_loads/", expiration_days = 90 }
    builds     = { prefix = "_builds/", expiration_days = 90 }
  }
}

module "gold" {
  source = "./modules/bucket"

  name            = local.bucket_names.gold
  kms_key_arn     = local.kms_key_arn
  log_bucket      = module.logs.name
  force_destroy   = !var.deletion_protection
  noncurrent_days = var.noncurrent_days
  rules           = { cheaper = { transitions = { STANDARD_IA = 90 } } }
}
