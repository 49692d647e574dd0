"""Makes the schedules of EventBridge Scheduler fire: LocalStack stores them and never does.

Looks at all schedules twice a second. Known: `at`, `rate` and `cron` with time zone, state machines and functions as
targets, the context attributes in the input, deletion after completion. Not known: flexible windows, start and end dates,
retries, dead-letter queues.
"""

import datetime
import logging
import re
import threading
import time
import uuid
from zoneinfo import ZoneInfo

from localstack.runtime import hooks

LOG = logging.getLogger(__name__)
UTC = datetime.timezone.utc


def next_time(expression, zone, after):
    """When an expression is due next, after a time; None when never."""
    from crontab import CronTab

    kind, _, rest = expression.rstrip(")").partition("(")
    if kind == "at":
        due = datetime.datetime.fromisoformat(rest).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        return due if due > after else None
    if kind == "rate":
        number, unit = rest.split()
        return after + datetime.timedelta(**{unit.rstrip("s") + "s": int(number)})
    fields = rest.split()
    # Days of the week count from 1 on AWS, from 0 in crontab.
    fields[4] = re.sub(r"\d+", lambda day: str(int(day[0]) - 1), fields[4])
    local = after.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    due = CronTab(" ".join(fields)).next(local, return_datetime=True, default_utc=True)
    return due and due.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def fire(schedule, account, region, due):
    """Starts the target, as the schedule's role would."""
    from localstack.aws.connect import connect_to

    attributes = {
        "schedule-arn": schedule.arn,
        "scheduled-time": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": str(uuid.uuid4()),
        "attempt-number": "1",
    }
    text = schedule.target.get("Input") or "{}"
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    clients = connect_to(aws_access_key_id=account, region_name=region)
    target = schedule.target["Arn"]
    LOG.info("schedule %s starts %s with %s", schedule.name, target, text)
    if ":states:" in target:
        clients.stepfunctions.start_execution(stateMachineArn=target, input=text)
    elif ":lambda:" in target:
        clients.lambda_.invoke(FunctionName=target, InvocationType="Event", Payload=text)
    else:
        LOG.warning("schedule %s: targets such as %s are not known here", schedule.name, target)


def schedules():
    """Every schedule as (account, region, group, schedule)."""
    from moto.scheduler.models import scheduler_backends

    for account, regions in list(scheduler_backends.items()):
        for region, backend in list(regions.items()):
            for group in list(backend.schedule_groups.values()):
                for schedule in list(group.schedules.values()):
                    yield account, region, group, schedule


def look(dues):
    """Fires what is due. `dues` holds the next time of each schedule, by what decides about it."""
    now = datetime.datetime.now(UTC)
    for account, region, group, schedule in schedules():
        zone = schedule.schedule_expression_timezone or "UTC"
        key = (schedule.arn, schedule.schedule_expression, zone, str(schedule.last_modified_date))
        if key not in dues:
            dues[key] = next_time(schedule.schedule_expression, zone, now)
        due = dues[key]
        # An update that says nothing of the state leaves none in moto; on AWS it is the default, enabled.
        if due is None or due > now or schedule.state == "DISABLED":
            continue
        dues[key] = next_time(schedule.schedule_expression, zone, due)
        fire(schedule, account, region, due)
        if dues[key] is None and schedule.action_after_completion == "DELETE":
            group.delete_schedule(schedule.name)


def loop():
    dues = {}
    while True:
        try:
            look(dues)
        except Exception:  # One schedule that cannot be read must not keep the others from firing.
            LOG.exception("a schedule did not fire")
        time.sleep(0.5)


@hooks.on_infra_ready()
def run_schedules():
    threading.Thread(target=loop, name="schedules", daemon=True).start()
