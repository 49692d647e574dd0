# A stack to try things in: small, cheap, and gone with one command.
environment         = "dev"
deletion_protection = false
log_retention_days  = 30
noncurrent_days     = 3
monthly_budget_usd  = 50

# A new account has ten concurrent invocations and lets none be reserved.
reserve_concurrency = false

schedule       = { enabled = false }
synthetic_data = true

warehouse = {
  base_capacity       = 4
  max_capacity        = 8
  rpu_hours_per_month = 40
  snapshot_days       = 1
}
