# The state machines of statemachine/, the very files that run on a laptop.

locals {
  state_machine_values = {
    generator_function    = local.function_arns["generator"]
    transformer_function  = local.function_arns["transformer"]
    reconciler_function   = local.function_arns["reconciler"]
    validator_function    = local.function_arns["validator"]
    loader_function       = local.function_arns["loader"]
    mart_builder_function = local.function_arns["mart-builder"]
    notifier_function     = local.function_arns["notifier"]
    bronze_bucket         = local.bucket_names.bronze
    daily_state_machine   = local.state_machine_arns.daily
  }
}

resource "aws_iam_role" "state_machine" {
  for_each             = local.state_machine_names
  name                 = each.value
  description          = "Role of the state machine ${each.value}."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "state_machine" {
  for_each = local.state_machine_names
  name     = each.key
  role     = aws_iam_role.state_machine[each.key].id

  policy = templatefile("${path.module}/policies/services/${each.key}.json.tftpl", {
    function_arns           = jsonencode(flatten([for arn in values(local.function_arns) : [arn, "${arn}:*"]]))
    bronze_bucket_arn       = local.bucket_arns.bronze
    daily_state_machine_arn = local.state_machine_arns.daily
    daily_execution_arn     = "${local.states_arn}:execution:${local.state_machine_names.daily}"
    step_functions_rule_arn = "arn:${local.partition}:events:${var.region}:${local.account_id}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
  })
}

resource "aws_iam_role_policy" "state_machine_runtime" {
  for_each = local.state_machine_names
  name     = "runtime"
  role     = aws_iam_role.state_machine[each.key].id
  policy   = file("${path.module}/policies/options/state-machine.json.tftpl")
}

resource "aws_cloudwatch_log_group" "state_machine" {
  for_each          = local.state_machine_names
  name              = "/aws/vendedlogs/states/${each.value}"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
}

resource "aws_sfn_state_machine" "this" {
  for_each   = local.state_machine_names
  name       = each.value
  role_arn   = aws_iam_role.state_machine[each.key].arn
  definition = templatefile("${path.module}/../statemachine/${each.key}.asl.json", local.state_machine_values)

  # Inputs and outputs are counts and keys of documents: no row of anybody is in them.
  logging_configuration {
    log_destination        = "${aws_cloudwatch_log_group.state_machine[each.key].arn}:*"
    level                  = "ALL"
    include_execution_data = true
  }

  tracing_configuration {
    enabled = true
  }

  # Roles are checked when the machine is made.
  depends_on = [aws_iam_role_policy.state_machine, aws_iam_role_policy.state_machine_runtime, module.function]
}
