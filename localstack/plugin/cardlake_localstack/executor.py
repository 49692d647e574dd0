"""Runs the functions of LocalStack as processes of this machine, where LocalStack would start a container for each."""

import json
import os

from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from .sandbox import FunctionError, Job, Sandbox

# The key that the functions sign with, where servers beside LocalStack check it; LocalStack itself takes any.
KEY_VARIABLES = {"AWS_ACCESS_KEY_ID": "FUNCTION_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY": "FUNCTION_SECRET_ACCESS_KEY"}


class ProcessExecutorPlugin(RuntimeExecutorPlugin):
    """`LAMBDA_RUNTIME_EXECUTOR=process`"""

    name = "process"

    def load(self, *_args, **_kwargs):
        return ProcessExecutor


class ProcessExecutor(RuntimeExecutor):
    """One environment of a function. LocalStack gives it one invocation at a time, and keeps it after errors."""

    def __init__(self, id, function_version):
        super().__init__(id=id, function_version=function_version)
        self.sandbox = None
        self.environment = {}
        self.logs = ""

    @classmethod
    def prepare_version(cls, function_version):
        runtime = function_version.config.runtime or ""
        if function_version.config.package_type != "Zip" or not runtime.startswith("provided"):
            raise ValueError(f"only zips with a bootstrap can run as a process, not {runtime or 'images'}")
        function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version):
        """The code goes when LocalStack deletes it."""

    def get_address(self):
        return "127.0.0.1"

    def get_endpoint_from_executor(self):
        # An address and no name: SDKs then put the bucket into the path.
        return "127.0.0.1"

    def get_runtime_endpoint(self):
        return "http://127.0.0.1"

    def get_logs(self):
        return self.logs

    def start(self, env_vars):
        code = self.function_version.config.code.get_unzipped_code_location()
        # Some values are numbers. The environment of LocalStack is no business of the functions.
        self.environment = {name: str(value) for name, value in env_vars.items()}
        self.environment |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "LAMBDA_TASK_ROOT": str(code)}
        if all(name in os.environ for name in KEY_VARIABLES.values()):
            self.environment |= {name: os.environ[given] for name, given in KEY_VARIABLES.items()}
            self.environment.pop("AWS_SESSION_TOKEN", None)
        try:
            self.sandbox = Sandbox(code, self.environment)
        except FunctionError:
            # The first invocation tries again, and tells with its own id and output.
            self.sandbox = None

    def invoke(self, payload):
        request_id, seconds = payload["invoke-id"], self.function_version.config.timeout
        job = Job(request_id, payload["invoked-function-arn"], payload["payload"].encode(), payload["trace-id"], seconds)
        output = f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}\n"
        try:
            # After an error or a timeout the same environment comes again, without its process.
            if self.sandbox is None or self.sandbox.ended:
                self.sandbox = Sandbox(self.function_version.config.code.get_unzipped_code_location(), self.environment)
            is_error, reply = self.sandbox.invoke(job, seconds)
        except FunctionError as error:
            output += getattr(error, "output", "")
            # Without an errorType a state machine sees nothing but `Exception`.
            message = f"RequestId: {request_id} Error: {error}"
            is_error, reply = True, json.dumps({"errorType": error.error_type, "errorMessage": message}).encode()
        if self.sandbox is not None:
            output += self.sandbox.read_output()
        output += f"END RequestId: {request_id}\nREPORT RequestId: {request_id}\n"
        self.logs = (self.logs + output)[-(1 << 20) :]
        return InvocationResult(request_id=request_id, payload=reply, is_error=is_error, logs=output)

    def stop(self):
        if self.sandbox is not None:
            self.sandbox.stop()
