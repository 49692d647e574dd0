# The stack that people rely on.
environment        = "prod"
monthly_budget_usd = 500

# Whom a failed run, an alarm or the budget is told. No plan is made until somebody is named, here or by a webhook (Slack, Teams, PagerDuty).
# notification_emails = ["…"]

# Raw files are evidence: for a year only an administrator with a right of its own can change or remove one.
bronze_object_lock = { mode = "GOVERNANCE", days = 365 }

# 03:00 UTC: the day before is over everywhere that the files come from.
schedule = {
  expression       = "cron(0 3 * * ? *)"
  time_zone        = "UTC"
  flexible_minutes = 15
  days_back        = 1
}

warehouse = {
  base_capacity       = 16
  max_capacity        = 128
  rpu_hours_per_month = 1000
  snapshot_days       = 35
}
