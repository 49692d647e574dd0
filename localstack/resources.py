"""Creates in LocalStack what the project needs on AWS, from the project's own definitions.

State machines come from `statemachine/`, policies from `infra/policies/`, memory and timeouts from `infra/functions.tf`.
"""

import json
import re
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
ACCOUNT = "000000000000"
BUCKETS = {name: f"cardlake-{name}" for name in ("bronze", "silver", "gold")}
TOKEN_KEY_SECRET = "cardlake/token-keys"
# Every bronze file ends in one of these; other objects start nothing.
SUFFIXES = [f".{kind}{packed}" for kind in ("csv", "jsonl") for packed in ("", ".gz", ".zst")]

FUNCTIONS = ("generator", "transformer", "reconciler", "validator", "loader", "mart-builder", "notifier")
WAREHOUSE_FUNCTIONS = ("loader", "mart-builder")


def arn(service, resource):
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def function_arn(name):
    return arn("lambda", f"function:cardlake-{name}")


def render(path, names):
    """A file of the project with names in the place of its `${…}`, as Terraform's `templatefile` fills them in."""
    text = (PROJECT / path).read_text()
    return re.sub(r"\$\{(\w+)\}", lambda placeholder: names[placeholder[1]], text)


def sizes():
    """(memory in MB, timeout in seconds) of every function, as they are deployed."""
    text = (PROJECT / "infra" / "functions.tf").read_text()
    found = re.findall(r"^ +(\S+) += \{ description = .* memory_size = (\d+), timeout = (\d+),", text, re.MULTILINE)
    sizes = {name: (int(memory), int(timeout)) for name, memory, timeout in found}
    if sorted(sizes) != sorted(FUNCTIONS):
        raise RuntimeError(f"infra/functions.tf tells the sizes of {sorted(sizes)}, wanted are those of {FUNCTIONS}")
    return sizes


def create(client, zips, token_keys, redshift_endpoint, longest_wait=10):
    """Creates everything. `client` gives the boto3 client of a service, `zips` the bytes of each function's package,
    `token_keys` the document that the secret of that name holds.

    `longest_wait` is how many seconds may come to lie between two ticks: tests have small statements and little time. Gives
    the names that somebody needs who uses it.
    """
    key = client("kms").create_key(Description="the lake")["KeyMetadata"]["Arn"]
    client("kms").create_alias(AliasName="alias/cardlake", TargetKeyId=key)
    bronze_key = client("kms").create_key(Description="the raw files")["KeyMetadata"]["Arn"]
    _buckets(client("s3"), {"bronze": bronze_key, "silver": key, "gold": key})
    secret = client("secretsmanager").create_secret(Name=TOKEN_KEY_SECRET, SecretString=token_keys, KmsKeyId=key)["ARN"]
    topic = client("sns").create_topic(Name="cardlake-runs")["TopicArn"]
    dead_letters = {}
    inbox = _queue(client("sqs"), "cardlake-inbox")
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox[1], Attributes={"RawMessageDelivery": "true"})

    silver = f"arn:aws:s3:::{BUCKETS['silver']}"
    datasets = sorted(path.stem.split(".")[0] for path in (PROJECT / "contracts").iterdir())
    functions = {name: function_arn(name) for name in FUNCTIONS}
    names = {
        "region": REGION,
        "kms_key_arn": key,
        "bronze_kms_key_arn": bronze_key,
        "token_key_secret_arn": secret,
        "notification_topic_arn": topic,
        "warehouse_arn": arn("redshift-serverless", "workgroup/cardlake"),
        "silver_tables": json.dumps([f"{silver}/{dataset}/*" for dataset in datasets]),
        "own_user_id": "${aws:userid}",
        "function_arns": json.dumps([f"{function}{end}" for function in functions.values() for end in ("", ":*")]),
        "reconciler_function_arn": functions["reconciler"],
        "daily_state_machine_arn": arn("states", "stateMachine:cardlake-daily"),
        "daily_execution_arn": arn("states", "execution:cardlake-daily"),
        "step_functions_rule_arn": arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"),
        "daily_state_machine": arn("states", "stateMachine:cardlake-daily"),
        "bronze_bucket": BUCKETS["bronze"],
        **{f"{name}_bucket_arn": f"arn:aws:s3:::{bucket}" for name, bucket in BUCKETS.items()},
        **{f"{name.replace('-', '_')}_function": function for name, function in functions.items()},
    }
    lake = {f"CARDLAKE_{name.upper()}_BUCKET": bucket for name, bucket in BUCKETS.items()}
    warehouse = {
        "CARDLAKE_REDSHIFT_WORKGROUP": "cardlake",
        "CARDLAKE_REDSHIFT_DATABASE": "cardlake",
        "AWS_ENDPOINT_URL_REDSHIFT_DATA": redshift_endpoint,
    }
    settings = {
        "transformer": {"CARDLAKE_TOKEN_KEY_SECRET": secret},
        "loader": warehouse,
        "mart-builder": warehouse,
        "notifier": warehouse | {"CARDLAKE_NOTIFICATION_TOPIC_ARN": topic},
    }
    for name, size in sizes().items():
        dead_letters[name] = _function(client, name, size, zips[name], lake | settings.get(name, {}), names)
    _notifications(client, functions["transformer"])
    machines = {}
    for name in ("daily", "backfill"):
        role = _role(client("iam"), name, "states.amazonaws.com", [f"services/{name}", "options/state-machine"], names)
        definition = render(f"statemachine/{name}.asl.json", names)
        definition = definition.replace('"NumericGreaterThanEquals": 10', f'"NumericGreaterThanEquals": {longest_wait}')
        machines[name] = client("stepfunctions").create_state_machine(
            name=f"cardlake-{name}", definition=definition, roleArn=role
        )["stateMachineArn"]
    schedules = _schedules(client, machines["daily"], functions["reconciler"], names)
    return {
        "topic": topic,
        "dead_letters": dead_letters["transformer"],
        "inbox": inbox[0],
        "functions": functions,
        "machines": machines,
        "schedules": schedules,
        # What `cardlake --aws` wants to know.
        "settings": lake | warehouse | {f"CARDLAKE_{name.upper()}_STATE_MACHINE_ARN": machines[name] for name in machines},
    }


def _buckets(s3, keys):
    for layer, bucket in BUCKETS.items():
        rule = {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": keys[layer]},
            "BucketKeyEnabled": True,
        }
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )


def _queue(sqs, name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def _role(iam, name, service, policies, names):
    """A role that a service takes on, with documents of `infra/policies`."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    role = iam.create_role(RoleName=f"cardlake-{name}", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    for policy in policies:
        document = render(f"infra/policies/{policy}.json.tftpl", names)
        iam.put_role_policy(RoleName=f"cardlake-{name}", PolicyName=policy.replace("/", "-"), PolicyDocument=document)
    return role


def _function(client, name, size, package, environment, names):
    """Gives the URL of the queue for events that fail."""
    memory, timeout = size
    dead_letters = _queue(client("sqs"), f"cardlake-{name}-dead-letters")
    policies = [name, "options/runtime"] + ["options/warehouse-workgroup"] * (name in WAREHOUSE_FUNCTIONS)
    names = names | {
        "log_group_arn": arn("logs", f"log-group:/aws/lambda/cardlake-{name}"),
        "dead_letter_queue_arn": dead_letters[1],
    }
    client("lambda").create_function(
        FunctionName=f"cardlake-{name}",
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=_role(client("iam"), name, "lambda.amazonaws.com", policies, names),
        Code={"ZipFile": package},
        MemorySize=memory,
        Timeout=timeout,
        Environment={"Variables": environment | {"AWS_LAMBDA_LOG_FORMAT": "JSON"}},
        DeadLetterConfig={"TargetArn": dead_letters[1]},
    )
    client("lambda").get_waiter("function_active_v2").wait(
        FunctionName=f"cardlake-{name}", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    client("lambda").put_function_event_invoke_config(FunctionName=f"cardlake-{name}", MaximumRetryAttempts=2)
    return dead_letters[0]


def _notifications(client, function):
    client("lambda").add_permission(
        FunctionName=function,
        StatementId="bronze",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{BUCKETS['bronze']}",
        SourceAccount=ACCOUNT,
    )
    client("s3").put_bucket_notification_configuration(
        Bucket=BUCKETS["bronze"],
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "Id": suffix,
                    "LambdaFunctionArn": function,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": suffix}]}},
                }
                for suffix in SUFFIXES
            ]
        },
    )


def _schedules(client, machine, reconciler, names):
    """What `infra/scheduler.tf` has, by name; the snapshots of the warehouse need a Redshift."""
    names = names | {"dead_letter_queue_arn": _queue(client("sqs"), "cardlake-schedule-dead-letters")[1]}
    role = _role(client("iam"), "scheduler", "scheduler.amazonaws.com", ["services/scheduler"], names)
    day = {"scheduled_time": "<aws.scheduler.scheduled-time>", "days_back": 1}
    vacuum = {"action": "vacuum", "retention_days": 7, "dry_run": False}
    schedules = {
        "daily": ("cron(0 3 * * ? *)", machine, day),
        "vacuum": ("cron(0 12 ? * SUN *)", reconciler, vacuum),
    }
    for name, (expression, target, event) in schedules.items():
        client("scheduler").create_schedule(
            Name=f"cardlake-{name}",
            ScheduleExpression=expression,
            ScheduleExpressionTimezone="UTC",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": target, "RoleArn": role, "Input": json.dumps(event)},
        )
    return {name: f"cardlake-{name}" for name in schedules}
