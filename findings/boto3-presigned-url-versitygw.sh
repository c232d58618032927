#!/usr/bin/env bash
# boto3 and VersityGW: generate_presigned_url of a client that has an endpoint_url and the region us-east-1.
#
# Expected: an URL that works wherever the client's own requests do, so one with Signature Version 4.
# Seen with boto3 1.40.1 and VersityGW 1.8.0: the client signs its requests with Version 4 and its URLs with Version 2,
# which VersityGW refuses: 400 InvalidRequest. With `Config(signature_version="s3v4")` the URL works. us-east-1 is
# VersityGW's default region; in one that AWS opened later, such as eu-central-1, boto3 takes Version 4 for URLs, too.
#
# Needs Go and Python 3.11; a few minutes. Exit code 0: as seen. Everything runs on loopback.
set -euo pipefail

folder=$(mktemp -d)
server=
clean() {
	[[ -z "$server" ]] || kill "$server" 2>/dev/null || true
	chmod -R u+w "$folder"
	rm -rf "$folder"
}
trap clean EXIT

GOBIN=$folder go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet boto3==1.40.1

port=$("$folder/venv/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$folder/data"
ROOT_ACCESS_KEY=finding ROOT_SECRET_KEY=example-only-replace-me \
	"$folder/versitygw" --quiet --port "127.0.0.1:$port" posix "$folder/data" >"$folder/log" 2>&1 &
server=$!

"$folder/venv/bin/python" - "http://127.0.0.1:$port" <<'PYTHON'
import sys
import time
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError


def client(**options):
    return boto3.client(
        "s3",
        endpoint_url=sys.argv[1],
        region_name="us-east-1",
        aws_access_key_id="finding",
        aws_secret_access_key="example-only-replace-me",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, **options),
    )


for _ in range(60):
    try:
        client().create_bucket(Bucket="finding")
        break
    except (EndpointConnectionError, ClientError):
        time.sleep(0.5)
else:
    sys.exit("the server did not start")
# The client's own requests are taken.
client().put_object(Bucket="finding", Key="key", Body=b"hello")

seen = {}
for name, options in (("default", {}), ("s3v4", {"signature_version": "s3v4"})):
    url = client(**options).generate_presigned_url(
        "get_object", Params={"Bucket": "finding", "Key": "key"}
    )
    version = 4 if "X-Amz-Signature" in parse_qs(urlsplit(url).query) else 2
    try:
        status, text = 200, urlopen(url).read().decode()
    except HTTPError as error:
        status, text = error.code, error.read().decode()
    code = "InvalidRequest" if "<Code>InvalidRequest</Code>" in text else text
    seen[name] = (version, status, code)
    print(f"generate_presigned_url, {name}: signature version {version}, {status} {code}")
if seen != {"default": (2, 400, "InvalidRequest"), "s3v4": (4, 200, "hello")}:
    sys.exit("not as seen before")
PYTHON
