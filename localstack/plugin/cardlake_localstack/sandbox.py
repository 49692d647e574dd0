"""One process of a Lambda function with the Runtime API that it talks to.

Knows nothing of LocalStack. A process that ended is never started again: make a new `Sandbox`. Nothing is isolated: the
process runs as the user of this one, sees all files, and may use all memory.
"""

import concurrent.futures
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

START_SECONDS = 10
OUTPUT_BYTES = 1 << 20


class FunctionError(Exception):
    """What Lambda itself reports of a function: the `errorType` and the message."""

    def __init__(self, error_type, message):
        super().__init__(message)
        self.error_type = error_type


class Job:
    """An invocation on its way through a process."""

    def __init__(self, request_id, arn, payload, trace_id, seconds):
        self.request_id = request_id
        self.headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": arn,
            "Lambda-Runtime-Trace-Id": trace_id,
        }
        self.payload = payload
        # Of the pair (whether it is an error, the bytes of the reply).
        self.reply = concurrent.futures.Future()


class Sandbox:
    """Starts `bootstrap` in the folder `code` and waits until it asks for its first invocation.

    `environment` is all that the process gets, beside the address of the Runtime API. Raises `FunctionError` when the
    process cannot be started or ends first; the output so far is in `error.output`.
    """

    def __init__(self, code, environment):
        self.lock = threading.Lock()
        self.jobs = queue.SimpleQueue()
        self.job = None
        self.ended = None
        self.ready = concurrent.futures.Future()
        # A file and not a pipe: what the process wrote before its reply is there when the reply is.
        self.output = tempfile.TemporaryFile()
        self.output_read = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), RuntimeApi)
        self.server.daemon_threads = True
        self.server.sandbox = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.started = time.perf_counter()
        try:
            self.process = subprocess.Popen(
                [Path(code) / "bootstrap"],
                cwd=code,
                env=environment | {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % self.server.server_port},
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            self._close()
            raise self._with_output(FunctionError("Runtime.InvalidEntrypoint", str(error))) from error
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            # The time, in seconds, from the start of the process to its first request.
            self.start_seconds = self.ready.result(START_SECONDS)
        except concurrent.futures.TimeoutError:
            self.stop()
            message = f"the function asked for no invocation within {START_SECONDS} seconds"
            raise self._with_output(FunctionError("Sandbox.Timedout", message)) from None
        except FunctionError as error:
            raise self._with_output(error) from None

    def invoke(self, job, seconds):
        """The reply as (is error, bytes). A process that ends or takes longer raises `FunctionError`."""
        with self.lock:
            if self.ended:
                raise self.ended
            self.job = job
        self.jobs.put(job)
        try:
            return job.reply.result(seconds)
        except concurrent.futures.TimeoutError:
            self.stop()
            raise FunctionError("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds") from None

    def read_output(self):
        """What was written since the last time, the end of it when it is long."""
        size = os.fstat(self.output.fileno()).st_size
        start = max(self.output_read, size - OUTPUT_BYTES)
        self.output_read = size
        return os.pread(self.output.fileno(), size - start, start).decode(errors="replace")

    def stop(self):
        """Ends the process; more than once does no harm."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(0.5)
                return
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue

    def _watch(self):
        status = self.process.wait()
        how = f"exit status {status}" if status >= 0 else f"signal: {signal.Signals(-status).name}"
        error = FunctionError("Runtime.ExitError", f"Runtime exited with error: {how}")
        with self.lock:
            self.ended, job = error, self.job
        for waiting in [self.ready] + ([job.reply] if job else []):
            if not waiting.done():
                waiting.set_exception(error)
        self._close()

    def _close(self):
        # Wakes the request for a next invocation, if one waits.
        self.jobs.put(None)
        self.server.shutdown()
        self.server.server_close()

    def _with_output(self, error):
        error.output = self.read_output()
        return error


class RuntimeApi(BaseHTTPRequestHandler):
    """The four requests of the Lambda Runtime API."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        sandbox = self.server.sandbox
        if not self.path.endswith("/runtime/invocation/next"):
            return self._answer(404)
        if not sandbox.ready.done():
            sandbox.ready.set_result(time.perf_counter() - sandbox.started)
        job = sandbox.jobs.get()
        if job is None:
            self.close_connection = True
            return None
        return self._answer(200, job.payload, job.headers)

    def do_POST(self):
        sandbox = self.server.sandbox
        body = self._body()
        if self.path.endswith("/runtime/init/error"):
            if not sandbox.ready.done():
                sandbox.ready.set_exception(FunctionError("Runtime.InitError", body.decode(errors="replace")))
            return self._answer(202)
        request_id, kind = self.path.split("/")[-2:]
        job = sandbox.job
        if job is None or job.request_id != request_id or job.reply.done() or kind not in ("response", "error"):
            return self._answer(400)
        self._answer(202)
        job.reply.set_result((kind == "error", body))
        return None

    def _body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def _answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Nobody reads these lines."""
