"""Creates in LocalStack what the project needs on AWS, from the project's own definitions.

State machines come from `statemachine/`, policies from `infra/policies/`; names, memory and timeouts stand below, as in the
Terraform configuration.
"""

import base64
import json
import secrets
import string
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
ACCOUNT = "000000000000"
BUCKETS = {name: f"cardlake-{name}" for name in ("bronze", "silver", "gold")}
TOKEN_KEY_SECRET = "cardlake/token-keys"
# Every bronze file ends in one of these; other objects start nothing.
SUFFIXES = [f".{kind}{packed}" for kind in ("csv", "jsonl") for packed in ("", ".gz", ".zst")]

# Memory in MB and timeout in seconds.
FUNCTIONS = {
    "generator": (1024, 900),
    "transformer": (1769, 900),
    "reconciler": (3008, 900),
    "validator": (1769, 900),
    "loader": (512, 120),
    "mart-builder": (512, 300),
    "notifier": (256, 60),
}


def arn(service, resource, region=REGION, account=ACCOUNT):
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def create(client, zips, redshift_endpoint, copy_role="default"):
    """Creates everything. `client` gives the boto3 client of a service, `zips` the bytes of each function's package.

    Gives the names that somebody needs who uses it.
    """
    key = client("kms").create_key(Description="the lake")["KeyMetadata"]["Arn"]
    client("kms").create_alias(AliasName="alias/cardlake", TargetKeyId=key)
    _buckets(client("s3"), key)
    token_keys = {"current": "1", "keys": {"1": base64.b64encode(secrets.token_bytes(32)).decode()}}
    secret = client("secretsmanager").create_secret(
        Name=TOKEN_KEY_SECRET, SecretString=json.dumps(token_keys), KmsKeyId=key
    )["ARN"]
    topic = client("sns").create_topic(Name="cardlake-runs")["TopicArn"]
    dead_letters = _queue(client("sqs"), "cardlake-dead-letters")
    inbox = _queue(client("sqs"), "cardlake-inbox")
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox[1], Attributes={"RawMessageDelivery": "true"})

    names = {
        "aws_region": REGION,
        "account_id": ACCOUNT,
        "kms_key_arn": key,
        "token_key_secret_arn": secret,
        "topic_arn": topic,
        "dead_letter_queue_arn": dead_letters[1],
        **{f"{name}_bucket": bucket for name, bucket in BUCKETS.items()},
        **{f"{name}_bucket_arn": f"arn:aws:s3:::{bucket}" for name, bucket in BUCKETS.items()},
    }
    environment = {f"CARDLAKE_{name.upper()}_BUCKET": bucket for name, bucket in BUCKETS.items()} | {
        "CARDLAKE_TOKEN_KEY_SECRET": TOKEN_KEY_SECRET,
        "CARDLAKE_REDSHIFT_WORKGROUP": "cardlake",
        "CARDLAKE_REDSHIFT_DATABASE": "cardlake",
        "CARDLAKE_NOTIFICATION_TOPIC_ARN": topic,
        "AWS_ENDPOINT_URL_REDSHIFT_DATA": redshift_endpoint,
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
    }
    functions = {
        name: _function(client, name, zips[name], environment, names, dead_letters[1]) for name in FUNCTIONS
    }
    _notifications(client, functions["transformer"])
    names |= {f"{name.replace('-', '_')}_function": function for name, function in functions.items()}
    role = _role(client("iam"), "cardlake-states", "states.amazonaws.com", None)
    machines = {}
    for name in ("daily", "backfill"):
        text = (PROJECT / "statemachine" / f"{name}.asl.json").read_text()
        machines[name] = client("stepfunctions").create_state_machine(
            name=f"cardlake-{name}", definition=string.Template(text).substitute(names), roleArn=role
        )["stateMachineArn"]
        names[f"{name}_state_machine"] = machines[name]
    schedule = _schedule(client, machines["daily"])
    return {
        "topic": topic,
        "dead_letters": dead_letters[0],
        "inbox": inbox[0],
        "functions": functions,
        "machines": machines,
        "schedule": schedule,
    }


def _buckets(s3, key):
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
        "BucketKeyEnabled": True,
    }
    for bucket in BUCKETS.values():
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


def _role(iam, name, service, policy):
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if policy:
        iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=policy)
    return role


def _policy(name, names):
    """The policy document of a function, with the names of this deployment; none where there is none."""
    paths = sorted((PROJECT / "infra" / "policies").glob(f"{name}.json*"))
    return string.Template(paths[0].read_text()).substitute(names) if paths else None


def _function(client, name, package, environment, names, dead_letters):
    memory, timeout = FUNCTIONS[name]
    role = _role(client("iam"), f"cardlake-{name}", "lambda.amazonaws.com", _policy(name, names))
    made = client("lambda").create_function(
        FunctionName=f"cardlake-{name}",
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=role,
        Code={"ZipFile": package},
        MemorySize=memory,
        Timeout=timeout,
        Environment={"Variables": environment},
        DeadLetterConfig={"TargetArn": dead_letters},
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=f"cardlake-{name}")
    return made["FunctionArn"]


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


def _schedule(client, machine):
    role = _role(client("iam"), "cardlake-schedule", "scheduler.amazonaws.com", None)
    name = "cardlake-daily"
    client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="cron(0 2 * * ? *)",
        ScheduleExpressionTimezone="Asia/Seoul",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": machine,
            "RoleArn": role,
            "Input": json.dumps({"scheduled_time": "<aws.scheduler.scheduled-time>"}),
        },
    )
    return name
