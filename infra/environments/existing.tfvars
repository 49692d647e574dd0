# Into what is there already: a VPC, a key, a provisioned cluster, functions inside of the VPC. Values to be replaced.
environment = "shared"
kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
webhooks    = ["slack"]

notification_emails = ["data-platform@example.com"]

existing_cluster = {
  identifier = "analytics"
  database   = "cards"
}

vpc = {
  id         = "vpc-00000000000000000"
  subnet_ids = ["subnet-0000000000000000a", "subnet-0000000000000000b", "subnet-0000000000000000c"]
}

function_network = {
  subnet_ids         = ["subnet-0000000000000000a", "subnet-0000000000000000b"]
  security_group_ids = ["sg-00000000000000000"]
}

code_signing_profile_arns = ["arn:aws:signer:us-east-1:123456789012:/signing-profiles/cardlake/0000000000"]
permissions_boundary_arn  = "arn:aws:iam::123456789012:policy/boundary"
