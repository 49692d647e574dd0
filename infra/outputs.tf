output "buckets" {
  description = "Buckets by layer: raw files go to bronze, under <dataset>/ingest_date=YYYY-MM-DD/."
  value       = { bronze = module.bronze.name, silver = module.silver.name, gold = module.gold.name, logs = module.logs.name }
}

output "state_machines" {
  description = "ARNs of the state machines, for `aws stepfunctions start-execution`."
  value       = { for key, machine in aws_sfn_state_machine.this : key => machine.arn }
}

output "functions" {
  description = "Names of the functions."
  value       = { for key, function in module.function : key => function.name }
}

output "dead_letter_queues" {
  description = "Names of the queues of events that were given up."
  value       = local.dead_letter_queues
}

output "warehouse" {
  description = "How to reach the warehouse: workgroup or cluster, database, the secret of the administrator, the role for COPY and UNLOAD; for connections the address, and the network of the workgroup."
  value = {
    workgroup     = one(aws_redshiftserverless_workgroup.this[*].workgroup_name)
    cluster       = try(var.existing_cluster.identifier, null)
    database      = local.database
    admin_secret  = one(aws_redshiftserverless_namespace.this[*].admin_password_secret_arn)
    copy_role_arn = aws_iam_role.copy_and_unload.arn
    address       = try(aws_redshiftserverless_workgroup.this[0].endpoint[0].address, null)
    network = local.serverless ? {
      vpc_id            = local.vpc_id
      subnet_ids        = local.subnet_ids
      security_group_id = aws_security_group.warehouse[0].id
    } : null
  }
}

output "token_key_secret" {
  description = "ARN of the secret with the token keys."
  value       = aws_secretsmanager_secret.token_keys.arn
}

output "webhook_secrets" {
  description = "ARNs of the secrets that URL or key of each receiver of webhooks go into."
  value       = { for receiver, secret in aws_secretsmanager_secret.webhook : receiver => secret.arn }
}

output "notification_topic" {
  description = "ARN of the topic for runs, alarms and costs."
  value       = aws_sns_topic.runs.arn
}

output "catalog" {
  description = "Databases of the Glue catalogue, by layer."
  value       = { for layer, database in aws_glue_catalog_database.layer : layer => database.name }
}

output "athena_workgroup" {
  description = "Workgroup of Athena; null without Athena."
  value       = one(aws_athena_workgroup.this[*].name)
}

output "kms_key_arn" {
  description = "Key of all data."
  value       = local.kms_key_arn
}

output "dashboard" {
  description = "Name of the CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "cli_environment" {
  description = "What `cardlake --aws` reads from its environment: eval \"$(terraform output -raw cli_environment)\"."
  value = join("\n", [for name, value in merge(local.lake_environment, local.warehouse_environment, {
    AWS_REGION                          = var.region
    CARDLAKE_DAILY_STATE_MACHINE_ARN    = local.state_machine_arns.daily
    CARDLAKE_BACKFILL_STATE_MACHINE_ARN = local.state_machine_arns.backfill
  }) : "export ${name}='${value}'"])
}
