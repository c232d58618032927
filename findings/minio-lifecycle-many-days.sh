#!/usr/bin/env bash
# MinIO: a lifecycle rule that expires objects after more than 106,750 days.
#
# Expected: as S3 documents it, any positive number of days is taken, and only objects that are so old expire; or an error.
# Seen with MinIO 2026-02-12 (Go module v0.0.0-20260212201848-7aac2a2c5b7c): 106,750 days end in 2319, as they should.
# 106,751 days are accepted, end in 1734, and every object is gone as soon as it is written; also one that was there before
# the rule. So a rule that is meant as "never" by a large number deletes the whole bucket.
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

GOBIN=$folder go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet boto3==1.40.1

port=$("$folder/venv/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
MINIO_ROOT_USER=finding MINIO_ROOT_PASSWORD=example-only-replace-me \
	"$folder/minio" server --quiet --address "127.0.0.1:$port" "$folder/data" >"$folder/log" 2>&1 &
server=$!

"$folder/venv/bin/python" - "http://127.0.0.1:$port" <<'PYTHON'
import re
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

s3 = boto3.client(
    "s3",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="finding",
    aws_secret_access_key="example-only-replace-me",
    config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
)
for _ in range(60):
    try:
        s3.create_bucket(Bucket="finding")
        break
    except (EndpointConnectionError, ClientError):
        time.sleep(0.5)
else:
    sys.exit("the server did not start")

seen = {}
for days in (106_750, 106_751):
    key = f"after-{days}"
    rule = {"ID": "one", "Status": "Enabled", "Filter": {"Prefix": key}, "Expiration": {"Days": days}}
    s3.put_bucket_lifecycle_configuration(Bucket="finding", LifecycleConfiguration={"Rules": [rule]})
    told = s3.put_object(Bucket="finding", Key=key, Body=b"body").get("Expiration", "")
    (year,) = re.findall(r"\b(\d{4}) \d\d:", told) or ["none"]
    try:
        s3.head_object(Bucket="finding", Key=key)
    except ClientError as error:
        found = error.response["Error"]["Code"]
    else:
        found = "there"
    seen[days] = (year, found)
    print(f"{days} days: said to end in {year}; the object that was just written: {found}")
if seen != {106_750: ("2319", "there"), 106_751: ("1734", "404")}:
    sys.exit("not as seen before")
PYTHON
