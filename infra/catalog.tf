# The lake for Athena, and gold for Redshift Spectrum: tables over silver and gold in the Glue catalogue.

locals {
  # Columns of silver come from the contracts. What a type is called here is what comes before its length.
  glue_types = {
    VARCHAR   = "string"
    CHAR      = "string"
    TEXT      = "string"
    DATE      = "date"
    TIMESTAMP = "timestamp"
    BOOLEAN   = "boolean"
    SMALLINT  = "smallint"
    INTEGER   = "int"
    BIGINT    = "bigint"
    REAL      = "float"
    DOUBLE    = "double"
  }
  silver_columns = { for dataset, contract in local.contracts : dataset => [
    for property in contract.schema[0].properties : {
      name    = property.name
      type    = startswith(property.physicalType, "DECIMAL") ? lower(property.physicalType) : local.glue_types[split("(", property.physicalType)[0]]
      comment = substr(property.description, 0, 255)
    }
  ] }

  # Columns of gold are what the models give; a test holds this file against the files that a run writes.
  marts = yamldecode(file("${path.module}/marts.yaml"))
}

# What Redshift Spectrum asks of the catalogue: it reads tables, and adds the partitions that it is told of.
locals {
  glue_arn  = "arn:${local.partition}:glue:${var.region}:${local.account_id}"
  glue_gold = replace("${local.prefix}_gold", "-", "_")
  spectrum_actions = [
    "glue:BatchCreatePartition", "glue:CreatePartition", "glue:GetDatabase", "glue:GetDatabases", "glue:GetPartition",
    "glue:GetPartitions", "glue:GetTable", "glue:GetTables",
  ]
  glue_gold_arns = [
    "${local.glue_arn}:catalog",
    "${local.glue_arn}:database/${local.glue_gold}",
    "${local.glue_arn}:table/${local.glue_gold}/*",
  ]
}

resource "aws_glue_catalog_database" "layer" {
  for_each     = toset(["silver", "gold"])
  name         = replace("${local.prefix}_${each.key}", "-", "_")
  description  = "The ${each.key} layer of ${local.prefix}."
  location_uri = "s3://${local.bucket_names[each.key]}/"
}

# Athena reads the Delta log itself, for partitions and for columns that were added since.
resource "aws_glue_catalog_table" "silver" {
  for_each      = local.silver_columns
  name          = each.key
  database_name = aws_glue_catalog_database.layer["silver"].name
  description   = local.contracts[each.key].schema[0].description
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    EXTERNAL                      = "TRUE"
    table_type                    = "DELTA"
    "spark.sql.sources.provider"  = "delta"
    "spark.sql.partitionProvider" = "catalog"
  }

  storage_descriptor {
    location      = "s3://${local.bucket_names.silver}/${each.key}/"
    input_format  = "org.apache.hadoop.mapred.SequenceFileInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.HiveSequenceFileOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"

      parameters = {
        "serialization.format" = "1"
        path                   = "s3://${local.bucket_names.silver}/${each.key}/"
      }
    }

    dynamic "columns" {
      for_each = each.value

      content {
        name    = columns.value.name
        type    = columns.value.type
        comment = columns.value.comment
      }
    }
  }
}

# One snapshot for each batch date. Athena works the partitions out; Spectrum wants each of them added by name.
resource "aws_glue_catalog_table" "gold" {
  for_each      = local.marts
  name          = each.key
  database_name = aws_glue_catalog_database.layer["gold"].name
  table_type    = "EXTERNAL_TABLE"

  parameters = {
    EXTERNAL                              = "TRUE"
    classification                        = "parquet"
    "projection.enabled"                  = "true"
    "projection.batch_date.type"          = "date"
    "projection.batch_date.format"        = "yyyy-MM-dd"
    "projection.batch_date.range"         = "2020-01-01,NOW"
    "projection.batch_date.interval"      = "1"
    "projection.batch_date.interval.unit" = "DAYS"
    "storage.location.template"           = "s3://${local.bucket_names.gold}/${each.key}/batch_date=$${batch_date}/"
  }

  partition_keys {
    name = "batch_date"
    type = "string"
  }

  storage_descriptor {
    location      = "s3://${local.bucket_names.gold}/${each.key}/"
    input_format  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    output_format = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"

    ser_de_info {
      serialization_library = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    }

    dynamic "columns" {
      for_each = each.value

      content {
        name = columns.value.name
        type = columns.value.type
      }
    }
  }
}

# ---- Athena: a workgroup of its own, since the primary one has no place for results. ----

module "athena_results" {
  source = "./modules/bucket"
  count  = var.athena == null ? 0 : 1

  name            = local.bucket_names.athena
  kms_key_arn     = local.kms_key_arn
  log_bucket      = module.logs.name
  force_destroy   = true
  noncurrent_days = 1
  rules           = { forget = { expiration_days = var.athena.results_days } }
}

resource "aws_athena_workgroup" "this" {
  count         = var.athena == null ? 0 : 1
  name          = local.prefix
  description   = "Queries over silver and gold of ${local.prefix}."
  force_destroy = true

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena.max_bytes_of_a_query

    result_configuration {
      output_location       = "s3://${module.athena_results[0].name}/"
      expected_bucket_owner = local.account_id

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = local.kms_key_arn
      }
    }
  }
}
