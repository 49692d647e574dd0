"""What LocalStack lacks to run this project without Docker: functions as processes, and schedules that fire."""
