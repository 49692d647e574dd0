# ---- The stack ----

variable "name" {
  description = "First part of all names."
  type        = string
  default     = "cardlake"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}[a-z0-9]$", var.name))
    error_message = "Give 3 to 17 lower-case letters, digits and hyphens, a letter first: bucket names are made from it."
  }
}

variable "environment" {
  description = "Second part of all names: dev, staging, prod."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,9}$", var.environment))
    error_message = "Give 2 to 10 lower-case letters and digits, a letter first."
  }
}

variable "region" {
  description = "Region of all resources. Redshift copies Parquet files from buckets of its own region alone."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "Give a region such as ap-northeast-2."
  }
}

variable "tags" {
  description = "Tags of all resources, beside project, environment and managed_by."
  type        = map(string)
  default     = {}
}

variable "deletion_protection" {
  description = "Whether the buckets and the warehouse refuse to be destroyed with what is in them."
  type        = bool
  default     = true
}

variable "permissions_boundary_arn" {
  description = "Policy that no role may go beyond. Null: no boundary."
  type        = string
  default     = null
}

# ---- Functions ----

variable "packages" {
  description = "Folder with <function>/bootstrap.zip: what `make package` makes."
  type        = string
  default     = "../target/lambda"
}

variable "architecture" {
  description = "What the packages run on; target/lambda/architecture says it. arm64 costs a fifth less."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Give arm64 or x86_64."
  }
}

variable "functions" {
  description = "Memory (MB), timeout (seconds), /tmp (MB) and reserved concurrency of single functions, where the defaults of functions.tf do not do."
  type = map(object({
    memory_size          = optional(number)
    timeout              = optional(number)
    ephemeral_storage    = optional(number)
    reserved_concurrency = optional(number)
  }))
  default = {}

  validation {
    condition = length(setsubtract(keys(var.functions), [
      "generator", "transformer", "reconciler", "validator", "loader", "mart-builder", "notifier",
    ])) == 0
    error_message = "Give names of functions: generator, transformer, reconciler, validator, loader, mart-builder, notifier."
  }
}

variable "reserve_concurrency" {
  description = "Whether the functions reserve concurrency: what one of them needs at a time is then kept from all others of the account. An account has to have 100 left, which a new one has not before its quota is raised."
  type        = bool
  default     = true
}

variable "function_network" {
  description = "Subnets and security groups for the functions; the subnets need a way to S3, Redshift Data API, Secrets Manager, SNS, KMS and Logs. Null: outside of any VPC."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}

variable "synthetic_data" {
  description = "Whether the generator may write synthetic rows into bronze. Not in a stack that gets real ones."
  type        = bool
  default     = false
}

variable "code_signing_profile_arns" {
  description = "Versions of Signer profiles whose signature the functions' code needs. Empty: code needs none."
  type        = list(string)
  default     = []
}

variable "quarantine_threshold" {
  description = "Share of a batch, 0 to 1, that may be quarantined before the run fails."
  type        = number
  default     = 0.05

  validation {
    condition     = var.quarantine_threshold >= 0 && var.quarantine_threshold <= 1
    error_message = "Give a share from 0 to 1."
  }
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "Give one of the numbers of days that CloudWatch Logs knows, such as 30, 90 or 365."
  }
}

# ---- Data ----

variable "kms_key_arn" {
  description = "Key of all data but raw files; its policy has to let the services of kms.tf use it. Null: a key is made."
  type        = string
  default     = null
}

variable "bronze_kms_key_arn" {
  description = "Key of the raw files; its policy should be that of kms.tf. Null: a key is made."
  type        = string
  default     = null
}

variable "bronze_readers" {
  description = "ARNs of those who may read raw files beside the transformer, such as arn:aws:iam::…:role/on-call. Nobody else can, administrators included."
  type        = list(string)
  default     = []
}

variable "bronze_writers" {
  description = "ARNs of those who deliver raw files in parts (multipart), for which S3 wants the right to decrypt. They cannot read them."
  type        = list(string)
  default     = []
}

variable "bronze_days" {
  description = "Days after which a raw file is removed. Null: never. Its rows stay in silver, but a later run of its day would take them back."
  type        = number
  default     = null

  validation {
    condition     = var.bronze_days == null || try(var.bronze_days > 0, false)
    error_message = "Give a number of days above 0, or null."
  }
}

variable "bronze_object_lock" {
  description = "Raw files cannot be changed or removed by anybody for so many days. Null: no lock. A lock stays for good."
  type = object({
    mode = string
    days = number
  })
  default = null

  validation {
    condition     = var.bronze_object_lock == null || try(contains(["GOVERNANCE", "COMPLIANCE"], var.bronze_object_lock.mode) && var.bronze_object_lock.days > 0, false)
    error_message = "Give mode GOVERNANCE or COMPLIANCE and a number of days above 0."
  }
}

variable "bronze_transitions" {
  description = "Days after which raw files move to a cheaper storage class, by class. They have to stay readable at once for a backfill: no Glacier class but GLACIER_IR."
  type        = map(number)
  default     = { STANDARD_IA = 30, GLACIER_IR = 120 }

  validation {
    condition     = length(setsubtract(keys(var.bronze_transitions), ["STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR"])) == 0
    error_message = "Give STANDARD_IA, INTELLIGENT_TIERING, ONEZONE_IA or GLACIER_IR."
  }
}

variable "noncurrent_days" {
  description = "Days for which overwritten and removed objects of the lake can be restored."
  type        = number
  default     = 30
}

variable "quarantine_days" {
  description = "Days for which quarantined rows are kept."
  type        = number
  default     = 400
}

variable "token_key_rotation_function_arn" {
  description = "Function that adds a token key on schedule (docs/operations.md). Null: keys are added by hand."
  type        = string
  default     = null
}

# ---- Schedule ----

variable "schedule" {
  description = "When a day is run: an expression of EventBridge Scheduler, its time zone, minutes by which the start may be late, how many days before the scheduled time (in UTC) the day lies, and whether the schedule is on."
  type = object({
    expression       = optional(string, "cron(0 3 * * ? *)")
    time_zone        = optional(string, "UTC")
    flexible_minutes = optional(number, 15)
    days_back        = optional(number, 1)
    enabled          = optional(bool, true)
  })
  default = {}

  validation {
    condition     = can(regex("^(cron|rate)\\(.+\\)$", var.schedule.expression)) && var.schedule.flexible_minutes >= 1 && var.schedule.flexible_minutes <= 1440 && var.schedule.days_back >= 0
    error_message = "Give cron(…) or rate(…), 1 to 1440 flexible minutes, and days_back from 0 on."
  }
}

variable "optimize" {
  description = "When the small data files of the tables are merged: before the vacuum, and not while a daily run publishes."
  type = object({
    expression = optional(string, "cron(0 9 ? * SUN *)")
    enabled    = optional(bool, true)
  })
  default = {}

  validation {
    condition     = can(regex("^(cron|rate)\\(.+\\)$", var.optimize.expression))
    error_message = "Give cron(…) or rate(…)."
  }
}

variable "vacuum" {
  description = "When files that no version of a table needs are removed, and the days for which they are kept: how far back the tables can be read."
  type = object({
    expression     = optional(string, "cron(0 12 ? * SUN *)")
    retention_days = optional(number, 7)
    enabled        = optional(bool, true)
  })
  default = {}

  validation {
    condition     = var.vacuum.retention_days >= 2
    error_message = "Keep at least 2 days: what a run has written and not committed yet must not be taken for orphaned."
  }
}

# ---- Warehouse ----

variable "warehouse" {
  description = "Redshift Serverless: database, base capacity in RPUs (60 seconds of it are billed at the least), the most it may scale to, RPU-hours a month from which on queries are refused, days for which daily snapshots are kept."
  type = object({
    database            = optional(string, "cardlake")
    admin_username      = optional(string, "warehouse_admin")
    base_capacity       = optional(number, 8)
    max_capacity        = optional(number, 64)
    rpu_hours_per_month = optional(number, 400)
    snapshot_days       = optional(number, 35)
  })
  default = {}

  validation {
    condition     = var.warehouse.base_capacity == 4 || (var.warehouse.base_capacity >= 8 && var.warehouse.base_capacity <= 512 && var.warehouse.base_capacity % 8 == 0)
    error_message = "Give a base capacity of 4, or from 8 to 512 in steps of 8."
  }

  validation {
    condition     = var.warehouse.max_capacity >= var.warehouse.base_capacity
    error_message = "The most that the warehouse may scale to lies below its base capacity."
  }
}

variable "existing_cluster" {
  description = "A provisioned Redshift cluster in the place of Redshift Serverless. Without secret and user the functions log in as their roles. The role for COPY and UNLOAD that the stack makes has to be attached to it. Null: a serverless workgroup is made."
  type = object({
    identifier = string
    database   = string
    user       = optional(string)
    secret_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.existing_cluster == null || try(var.existing_cluster.user == null || var.existing_cluster.secret_arn == null, false)
    error_message = "Give a user or a secret, not both."
  }
}

variable "warehouse_readers" {
  description = "Database users who may read the marts: the only members of the group cardlake_readers. `IAM:` and `IAMR:` stand before IAM users and roles; a user who does not exist is made without a password."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for reader in var.warehouse_readers : can(regex("^[A-Za-z_][A-Za-z0-9_:@.+-]{0,126}$", reader))])
    error_message = "Give names of database users, such as bi, IAM:kim or IAMR:analysts."
  }

  validation {
    condition     = var.existing_cluster == null || length(var.warehouse_readers) == 0
    error_message = "Readers of an existing cluster are granted by hand: docs/deploy.md."
  }
}

variable "warehouse_clients" {
  description = "Who may open connections to the workgroup (port 5439): ranges of private addresses, and security groups, such as that of a VPC connection of QuickSight. Nobody else gets further than the Data API."
  type = object({
    cidrs              = optional(list(string), [])
    security_group_ids = optional(list(string), [])
  })
  default = {}

  validation {
    condition     = alltrue([for cidr in var.warehouse_clients.cidrs : can(cidrhost(cidr, 0)) && !startswith(cidr, "0.0.0.0/") && !startswith(cidr, "::/")])
    error_message = "Give ranges such as 10.0.0.0/16: the warehouse is not for the whole internet."
  }

  validation {
    condition     = var.existing_cluster == null || length(concat(var.warehouse_clients.cidrs, var.warehouse_clients.security_group_ids)) == 0
    error_message = "An existing cluster has security groups of its own."
  }
}

variable "spectrum" {
  description = "Whether Redshift may query gold in place, through the Glue catalogue (CREATE EXTERNAL SCHEMA). In the VPC that is made this adds an endpoint for Glue, which costs by the hour; in a given one there has to be a way to Glue."
  type        = bool
  default     = false
}

variable "athena" {
  description = "A workgroup of Athena for the Glue tables: days for which results are kept, and the bytes that one query may read. Null: none."
  type = object({
    results_days         = optional(number, 7)
    max_bytes_of_a_query = optional(number, 100000000000)
  })
  default = {}

  validation {
    condition     = try(var.athena.max_bytes_of_a_query >= 10000000 && var.athena.results_days >= 1, var.athena == null)
    error_message = "Athena wants a limit of at least 10,000,000 bytes, and results live for a day at least."
  }
}

variable "vpc" {
  description = "Where the workgroup lives: a VPC with at least three subnets in three zones, and a way from them to S3. Null: a VPC is made."
  type = object({
    id         = string
    subnet_ids = list(string)
  })
  default = null

  validation {
    condition     = var.vpc == null || try(length(var.vpc.subnet_ids) >= 3, false)
    error_message = "Redshift Serverless wants three subnets in three zones."
  }
}

variable "vpc_cidr" {
  description = "Addresses of the VPC that is made."
  type        = string
  default     = "10.42.0.0/20"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 4, 3))
    error_message = "Give a range such as 10.42.0.0/20."
  }
}

variable "zones" {
  description = "Letters of the three availability zones of the VPC that is made. Named, so that a zone that comes new to the region changes nothing."
  type        = list(string)
  default     = ["a", "b", "c"]

  validation {
    condition     = length(toset(var.zones)) == 3
    error_message = "Redshift Serverless wants three zones."
  }
}

# ---- People ----

variable "notification_emails" {
  description = "Who gets mail about runs and alarms; each has to confirm once. A stack whose schedule is on needs somebody, here or by a webhook."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.notification_emails) > 0 || length(var.webhooks) > 0 || !var.schedule.enabled
    error_message = "Runs on schedule would fail unseen: give notification_emails or webhooks."
  }
}

variable "webhooks" {
  description = "Who else is told of the end of each run: slack, teams (a workflow of Microsoft Teams), pagerduty (failed runs; a later success closes the incident), other (any program, as a JSON document). Each makes a secret, into which URL or key is put by hand."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.webhooks, ["slack", "teams", "pagerduty", "other"])) == 0
    error_message = "Give slack, teams, pagerduty or other."
  }
}

variable "monthly_budget_usd" {
  description = "What the stack may cost a month; people are told at 80 % and when the forecast is above."
  type        = number
  default     = 200

  validation {
    condition     = var.monthly_budget_usd > 0
    error_message = "Give an amount above 0."
  }
}

variable "alarm_quarantine_share" {
  description = "Share of a day's rows, 0 to 1, from which on the quarantine raises an alarm, though the run goes on."
  type        = number
  default     = 0.02

  validation {
    condition     = var.alarm_quarantine_share > 0 && var.alarm_quarantine_share <= 1
    error_message = "Give a share above 0 and up to 1."
  }
}
