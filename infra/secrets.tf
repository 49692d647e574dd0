# The keys of the tokens, and the addresses of those who are told of runs.

resource "aws_secretsmanager_secret" "token_keys" {
  #checkov:skip=CKV2_AWS_57:A new token key changes the tokens of all rows to come: people decide on it (docs/operations.md), or `token_key_rotation_function_arn` does.
  name                    = "${local.prefix}/token-keys"
  description             = "Keys of the tokens that stand for personal data: {\"current\": \"1\", \"keys\": {\"1\": \"<base64>\"}}."
  kms_key_id              = local.kms_key_arn
  recovery_window_in_days = 30
}

# Neither state nor plan holds the key: it is made while it is written.
ephemeral "random_password" "token_key" {
  length  = 64
  special = false
}

resource "aws_secretsmanager_secret_version" "token_keys" {
  secret_id = aws_secretsmanager_secret.token_keys.id

  secret_string_wo = jsonencode({
    current = "1"
    keys    = { "1" = base64encode(ephemeral.random_password.token_key.result) }
  })
  # Written once; later versions come from a rotation.
  secret_string_wo_version = 1
}

resource "aws_secretsmanager_secret_rotation" "token_keys" {
  count               = var.token_key_rotation_function_arn == null ? 0 : 1
  secret_id           = aws_secretsmanager_secret.token_keys.id
  rotation_lambda_arn = var.token_key_rotation_function_arn

  rotation_rules {
    automatically_after_days = 90
  }
}

# Who may read the keys is a matter of roles: of this stack's only the transformer may. No other account can be let in by
# mistake, and a rotation function needs no change here.
resource "aws_secretsmanager_secret_policy" "token_keys" {
  secret_arn          = aws_secretsmanager_secret.token_keys.arn
  block_public_policy = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "ThisAccountAlone"
        Effect    = "Deny"
        Principal = "*"
        Action    = "secretsmanager:*"
        Resource  = "*"
        Condition = { StringNotEquals = { "aws:PrincipalAccount" = local.account_id } }
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "secretsmanager:*"
        Resource  = "*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_secretsmanager_secret" "webhook" {
  #checkov:skip=CKV2_AWS_57:The receiver gives out its address or key; there is no call that would change it.
  for_each                = var.webhooks
  name                    = "${local.prefix}/${each.key}-webhook"
  description             = "URL or key of the receiver that runs are told to; put in by hand."
  kms_key_id              = local.kms_key_arn
  recovery_window_in_days = 7
}

moved {
  from = aws_secretsmanager_secret.slack[0]
  to   = aws_secretsmanager_secret.webhook["slack"]
}
