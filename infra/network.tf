# Where the workgroup lives: three private subnets with no way out but to S3. Only made when no VPC is given.

locals {
  make_vpc   = var.vpc == null && var.existing_cluster == null
  vpc_id     = local.make_vpc ? aws_vpc.this[0].id : try(var.vpc.id, null)
  subnet_ids = local.make_vpc ? values(aws_subnet.warehouse)[*].id : try(var.vpc.subnet_ids, [])
  zones      = local.make_vpc ? [for letter in var.zones : "${var.region}${letter}"] : []
}

resource "aws_vpc" "this" {
  count                = local.make_vpc ? 1 : 0
  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true
  enable_dns_support   = true

  tags = { Name = local.prefix }
}

resource "aws_subnet" "warehouse" {
  for_each          = { for index, zone in local.zones : zone => index }
  vpc_id            = aws_vpc.this[0].id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, each.value)

  tags = { Name = "${local.prefix}-warehouse-${each.key}" }
}

resource "aws_route_table" "warehouse" {
  count  = local.make_vpc ? 1 : 0
  vpc_id = aws_vpc.this[0].id

  tags = { Name = "${local.prefix}-warehouse" }
}

resource "aws_route_table_association" "warehouse" {
  for_each       = aws_subnet.warehouse
  subnet_id      = each.value.id
  route_table_id = aws_route_table.warehouse[0].id
}

# With enhanced routing COPY and UNLOAD go through the VPC; this is their way to the buckets, and to no others.
resource "aws_vpc_endpoint" "s3" {
  count             = local.make_vpc ? 1 : 0
  vpc_id            = aws_vpc.this[0].id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.warehouse[0].id]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "BucketsOfThisStack"
      Effect    = "Allow"
      Principal = "*"
      Action    = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetBucketLocation", "s3:GetEncryptionConfiguration", "s3:GetObject", "s3:ListBucket", "s3:PutObject"]
      Resource  = flatten([for layer in ["silver", "gold"] : [local.bucket_arns[layer], "${local.bucket_arns[layer]}/*"]])
    }]
  })

  tags = { Name = "${local.prefix}-s3" }
}

# Nobody is let in by the default group: it has no rules.
resource "aws_default_security_group" "this" {
  count  = local.make_vpc ? 1 : 0
  vpc_id = aws_vpc.this[0].id
}

resource "aws_security_group" "warehouse" {
  count       = var.existing_cluster == null ? 1 : 0
  name        = "${local.prefix}-warehouse"
  description = "The workgroup: nobody comes in, statements arrive through the Data API; it goes out to S3."
  vpc_id      = local.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "warehouse" {
  count             = var.existing_cluster == null ? 1 : 0
  security_group_id = aws_security_group.warehouse[0].id
  description       = "S3, through the endpoint of the VPC."
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

# For tools with a Redshift driver.
resource "aws_vpc_security_group_ingress_rule" "warehouse_addresses" {
  for_each          = toset(var.warehouse_clients.cidrs)
  security_group_id = aws_security_group.warehouse[0].id
  description       = "Clients of the warehouse."
  ip_protocol       = "tcp"
  from_port         = 5439
  to_port           = 5439
  cidr_ipv4         = strcontains(each.value, ":") ? null : each.value
  cidr_ipv6         = strcontains(each.value, ":") ? each.value : null
}

resource "aws_vpc_security_group_ingress_rule" "warehouse_groups" {
  for_each                     = toset(var.warehouse_clients.security_group_ids)
  security_group_id            = aws_security_group.warehouse[0].id
  description                  = "Clients of the warehouse."
  ip_protocol                  = "tcp"
  from_port                    = 5439
  to_port                      = 5439
  referenced_security_group_id = each.value
}

# With enhanced routing Redshift asks the Glue catalogue through the VPC, too.
locals {
  make_glue_endpoint = local.make_vpc && var.spectrum
}

resource "aws_vpc_endpoint" "glue" {
  count               = local.make_glue_endpoint ? 1 : 0
  vpc_id              = aws_vpc.this[0].id
  service_name        = "com.amazonaws.${var.region}.glue"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = local.subnet_ids
  security_group_ids  = [aws_security_group.glue[0].id]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TablesOfGold"
      Effect    = "Allow"
      Principal = "*"
      Action    = local.spectrum_actions
      Resource  = local.glue_gold_arns
    }]
  })

  tags = { Name = "${local.prefix}-glue" }
}

resource "aws_security_group" "glue" {
  count       = local.make_glue_endpoint ? 1 : 0
  name        = "${local.prefix}-glue"
  description = "The endpoint for Glue: the workgroup comes in, and nothing goes out."
  vpc_id      = local.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "glue" {
  count                        = local.make_glue_endpoint ? 1 : 0
  security_group_id            = aws_security_group.glue[0].id
  description                  = "The workgroup."
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
  referenced_security_group_id = aws_security_group.warehouse[0].id
}

resource "aws_flow_log" "this" {
  count                = local.make_vpc ? 1 : 0
  vpc_id               = aws_vpc.this[0].id
  traffic_type         = "ALL"
  log_destination_type = "cloud-watch-logs"
  log_destination      = aws_cloudwatch_log_group.flow[0].arn
  iam_role_arn         = aws_iam_role.flow[0].arn
}

resource "aws_cloudwatch_log_group" "flow" {
  count             = local.make_vpc ? 1 : 0
  name              = "/${local.prefix}/vpc-flow"
  retention_in_days = var.log_retention_days
  kms_key_id        = local.kms_key_arn
}

resource "aws_iam_role" "flow" {
  count                = local.make_vpc ? 1 : 0
  name                 = "${local.prefix}-vpc-flow"
  description          = "Writes the flow log of the VPC."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "flow" {
  count = local.make_vpc ? 1 : 0
  name  = "write-log"
  role  = aws_iam_role.flow[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "WriteFlowLog"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents"]
      Resource = [aws_cloudwatch_log_group.flow[0].arn, "${aws_cloudwatch_log_group.flow[0].arn}:*"]
    }]
  })
}
