# Two keys for all data at rest: that of the raw files, which hardly anybody may use, and that of the rest: buckets, logs, queues,
# topic, secrets, warehouse.

locals {
  iam_policies_of_this_account = {
    Sid       = "IamPoliciesOfThisAccount"
    Effect    = "Allow"
    Principal = { AWS = "arn:${local.partition}:iam::${local.account_id}:root" }
    Action    = "kms:*"
    Resource  = "*"
  }
}

resource "aws_kms_key" "data" {
  count                   = var.kms_key_arn == null ? 1 : 0
  description             = "All data of ${local.prefix}."
  enable_key_rotation     = true
  rotation_period_in_days = 365
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.iam_policies_of_this_account,
      {
        Sid       = "LogGroupsOfThisStack"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = [
          for name in ["/aws/lambda/${local.prefix}-*", "/aws/vendedlogs/states/${local.prefix}-*", "/${local.prefix}/*"] :
          "arn:${local.partition}:logs:${var.region}:${local.account_id}:log-group:${name}"
        ] } }
      },
      {
        Sid       = "AlarmsAndBudgetsThatTellTheTopic"
        Effect    = "Allow"
        Principal = { Service = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
      },
      # As in the policy of the topic, no condition: the event would be dropped.
      {
        Sid       = "RulesOfEventBridgeThatTellTheTopic"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
      },
    ]
  })
}

resource "aws_kms_alias" "data" {
  count         = var.kms_key_arn == null ? 1 : 0
  name          = "alias/${local.prefix}"
  target_key_id = aws_kms_key.data[0].key_id
}

# Raw files hold card numbers in clear text. A permission in IAM alone, such as that of an administrator, does not decrypt them.
resource "aws_kms_key" "bronze" {
  count                   = var.bronze_kms_key_arn == null ? 1 : 0
  description             = "Raw files of ${local.prefix}."
  enable_key_rotation     = true
  rotation_period_in_days = 365
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      local.iam_policies_of_this_account,
      {
        Sid       = "NobodyElseDecryptsRawFiles"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = ["kms:Decrypt", "kms:ReEncryptFrom"]
        Resource  = "*"
        Condition = { ArnNotLike = { "aws:PrincipalArn" = concat(local.bronze_readers, local.bronze_writers) } }
      },
    ]
  })
}

resource "aws_kms_alias" "bronze" {
  count         = var.bronze_kms_key_arn == null ? 1 : 0
  name          = "alias/${local.prefix}-bronze"
  target_key_id = aws_kms_key.bronze[0].key_id
}
