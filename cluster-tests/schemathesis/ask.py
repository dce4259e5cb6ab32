"""Compares what a node answers with what the management API says of itself.

Starts a node on free ports and an empty folder, makes one of each noun under an id that all of them share, and lets
Schemathesis send what fits the description and what does not. Fails on an answer of 5xx, and on a status, a media
type, a header or a body that the description does not have.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from pathlib import Path

MANAGEMENT = "urn:zitadel:iam:org:project:id:zitadel:aud"
SEED = 58
EXAMPLES = int(os.environ.get("CONCLAVE_API_EXAMPLES", "12"))
READY_SECS = 60
# The seed makes each run send the same; how long it may take is bounded too.
RUN_SECS = 600
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]

# Ids are each kind's own, except those of users and applications, which share the token endpoint.
THING = "thing"
APPLICATION = "application"


def call(method, url, token=None, body=None, form=None, basic=None):
    """Sends a request; returns the status, the headers and the JSON of the answer."""
    headers, data = {}, None
    if token:
        headers["authorization"] = f"Bearer {token}"
    if basic:
        headers["authorization"] = "Basic " + b64encode(":".join(basic).encode()).decode()
    if body is not None:
        headers["content-type"], data = "application/json", json.dumps(body).encode()
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, told, text = answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        status, told, text = refused.code, refused.headers, refused.read()
    return status, told, json.loads(text) if text else None


class Node:
    """A node of its own, alone in its cluster."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.log = self.folder / "log"

    def __enter__(self):
        files = ["--bootstrap-secret-file", self.folder / "bootstrap.json"]
        files += ["--admin-password-file", self.folder / "admin.password"]
        addresses = []
        for what in ["--listen", "--peers-listen", "--operations-listen"]:
            addresses += [what, "127.0.0.1:0"]
        command = [os.environ["CONCLAVE_BINARY"], "serve", "--data-dir", self.folder / "data", *addresses, *files]
        # The node takes its configuration from such variables, and ours are none.
        outside = {name: value for name, value in os.environ.items() if not name.startswith("CONCLAVE_")}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=outside
            )
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def wait(self):
        """Waits until it serves; returns where."""
        until = time.monotonic() + READY_SECS
        while time.monotonic() < until:
            found = re.search(r"http://[a-z0-9.]+:[0-9]+", self.log.read_text(errors="replace"))
            if self.process.poll() is not None:
                break
            if found and self.is_ready(found[0]):
                return found[0]
            time.sleep(0.2)
        sys.exit(f"the node did not come to serve:\n{self.log.read_text(errors='replace')}")

    @staticmethod
    def is_ready(url):
        try:
            return call("GET", f"{url}/.well-known/openid-configuration")[0] == 200
        except OSError:
            return False

    def token(self, url):
        """An access token for management, of the service account that owns the instance."""
        client = json.loads((self.folder / "bootstrap.json").read_text())
        basic = (client["client_id"], client["client_secret"])
        form = {"grant_type": "client_credentials", "scope": f"openid {MANAGEMENT}"}
        status, _, answer = call("POST", f"{url}/oauth/v2/token", form=form, basic=basic)
        assert status == 200, answer
        return answer["access_token"]


def furnish(url, token):
    """Makes one of each noun; returns the token's id, and the position behind all of them."""
    service = {"service": {"name": "A thing"}}
    within = {"organization": THING}
    bodies = [
        ("organizations", {"id": THING, "name": "Thing", "domain": "thing.example"}),
        ("organizations", {"id": "other", "name": "Other", "domain": "other.example"}),
        ("projects", {"id": THING, "organization": THING, "name": "Thing"}),
        (f"projects/{THING}/roles", {"key": THING, "display_name": "Thing"}),
        ("applications", {"id": APPLICATION, "project": THING, "name": "x", "kind": "web", "auth": "basic", "alg": "ES256"}),
        ("users", {"id": THING, "organization": THING, "username": THING, "kind": service}),
        ("authorizations", {"id": THING, "project": THING, "user": THING, "roles": [THING]}),
        ("administrators", {"id": THING, "user": THING, "within": within, "roles": ["ORG_OWNER_VIEWER"]}),
        ("project-grants", {"id": THING, "project": THING, "organization": "other", "roles": [THING]}),
        ("custom-roles", {"id": THING, "name": "Thing", "permissions": ["org.read"]}),
        ("groups", {"id": THING, "organization": THING, "name": "Thing"}),
        (f"groups/{THING}/members", {"user": THING}),
        (f"organizations/{THING}/metadata", {"key": THING, "value": "dGhpbmc="}),
        (f"users/{THING}/metadata", {"key": THING, "value": "dGhpbmc="}),
        (f"users/{THING}/tokens", {}),
    ]
    for collection, body in bodies:
        status, headers, answer = call("POST", f"{url}/api/v1/{collection}", token, body)
        assert status == 201, f"{collection}: {status} {answer}"
    return answer["id"], headers["conclave-position"]


def configuration(made, position):
    """What is sent instead of random values where these would only be refused."""
    return f"""
[parameters]
"path.id" = "{THING}"
"path.key" = "{THING}"
"header.Conclave-At-Least" = "{position}"
"header.If-Match" = "*"

[[operations]]
include-path-regex = "^/api/v1/applications/"
parameters = {{ "path.id" = "{APPLICATION}" }}

[[operations]]
include-path-regex = "/tokens/"
parameters = {{ "path.key" = "{made}" }}
"""


def ask(folder, url, token, known, *options):
    """Lets Schemathesis ask; returns whether it is content."""
    config = Path(folder) / "schemathesis.toml"
    config.write_text(configuration(*known))
    command = [Path(sys.executable).with_name("schemathesis"), "--config-file", config]
    command += ["run", f"{url}/api/openapi.json", "--url", url, "--header", f"Authorization: Bearer {token}"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--mode", "all"]
    command += ["--seed", str(SEED), "--generation-database", "none", "--max-examples", str(EXAMPLES)]
    # A stream ends after a minute: it is no answer to wait for.
    command += ["--exclude-path", "/api/v1/events/stream"]
    command += ["--request-timeout", "30", "--continue-on-failure", "--no-color", *options]
    # Where a run leaves files of its own it leaves them in the folder.
    return subprocess.run(command, cwd=folder, timeout=RUN_SECS, check=False).returncode == 0


def main():
    with tempfile.TemporaryDirectory(prefix="conclave-api-") as folder, Node(folder) as node:
        url = node.wait()
        token = node.token(url)
        known = furnish(url, token)
        # What ends something comes last: everything else would find nothing any more.
        content = ask(folder, url, token, known, "--exclude-method", "DELETE")
        content &= ask(folder, url, token, known, "--include-method", "DELETE")
        if "panicked" in node.log.read_text(errors="replace"):
            print(node.log.read_text(errors="replace"))
            content = False
    sys.exit(0 if content else 1)


if __name__ == "__main__":
    main()
