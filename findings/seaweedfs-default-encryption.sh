#!/usr/bin/env bash
# SeaweedFS: PutBucketEncryption with AES256 on a server that has no key for it (`s3.sse.kek` or `s3.sse.key`).
#
# Expected: the bucket's objects are encrypted; or it is refused, as the server knows that it has no key.
# Seen with SeaweedFS 4.53 (Go module v0.0.0-20261109003541-7506e5f91cd6): it is accepted, GetBucketEncryption tells it, and
# from then on each object that is written without a word of encryption is 500 InternalError, until the default encryption
# is deleted. Clients take that code for a passing fault. With a key, all of it works.
#
# Needs Go and Python 3.11; about five minutes. Exit code 0: as seen. Everything runs on loopback.
set -euo pipefail

folder=$(mktemp -d)
server=
stop() {
	[[ -z "$server" ]] || kill "$server" 2>/dev/null || true
	[[ -z "$server" ]] || wait "$server" 2>/dev/null || true
	server=
}
clean() {
	stop
	chmod -R u+w "$folder"
	rm -rf "$folder"
}
trap clean EXIT

# `go install` can't build it: a requirement is gone, and is replaced here.
mkdir "$folder/module"
(
	cd "$folder/module"
	go mod init finding
	go mod edit -replace=github.com/tyler-smith/go-bip39=github.com/cosmos/go-bip39@v1.0.0
	go get -tool github.com/seaweedfs/seaweedfs/weed@v0.0.0-20261109003541-7506e5f91cd6
	go build -trimpath -buildvcs=false -o "$folder/weed" github.com/seaweedfs/seaweedfs/weed
) >"$folder/build" 2>&1 || {
	cat "$folder/build" >&2
	exit 1
}
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet boto3==1.40.1

cat >"$folder/s3.json" <<'JSON'
{"identities": [{"name": "finding", "actions": ["Admin"],
  "credentials": [{"accessKey": "finding", "secretKey": "example-only-replace-me"}]}]}
JSON

# One process, without what it sends elsewhere and without what speaks other protocols.
start() {
	local data=$1 ports names flags
	shift
	names=(s3.port master.port volume.port filer.port s3.port.grpc master.port.grpc volume.port.grpc filer.port.grpc)
	mapfile -t ports < <("$folder/venv/bin/python" -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(8)]
print(*(s.getsockname()[1] for s in sockets), sep="\n")')
	flags=(-dir="$data" -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.telemetry=false -master.volumeSizeLimitMB=64
		-volume.max=0 -filer=true -s3=true -s3.config="$folder/s3.json" -s3.port.iceberg=0 -s3.port.lance=0)
	for number in "${!names[@]}"; do
		flags+=("-${names[$number]}=${ports[$number]}")
	done
	mkdir "$data"
	port=${ports[0]}
	# So that it reads no security.toml of whoever runs this.
	HOME=$folder env -C "$folder" "$@" "$folder/weed" server "${flags[@]}" >"$data.log" 2>&1 &
	server=$!
}

look() {
	"$folder/venv/bin/python" - "http://127.0.0.1:$port" "$@" <<'PYTHON'
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

url, name, *expected = sys.argv[1:]
s3 = boto3.client(
    "s3",
    endpoint_url=url,
    region_name="us-east-1",
    aws_access_key_id="finding",
    aws_secret_access_key="example-only-replace-me",
    config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
)
# It takes no object before it knows its own filer, some seconds after its start.
for _ in range(120):
    try:
        if "finding" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
            s3.create_bucket(Bucket="finding")
        s3.put_object(Bucket="finding", Key="first", Body=b"hello")
        break
    except (BotoCoreError, ClientError):
        time.sleep(0.5)
else:
    sys.exit("the server did not start")


def answer(call, **arguments):
    try:
        answered = call(Bucket="finding", **arguments)["ResponseMetadata"]
    except ClientError as error:
        return f"{error.response['ResponseMetadata']['HTTPStatusCode']} {error.response['Error']['Code']}"
    return str(answered["HTTPStatusCode"])


wanted = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
seen = {
    "PutObject before": answer(s3.put_object, Key="before", Body=b"hello"),
    "PutBucketEncryption": answer(s3.put_bucket_encryption, ServerSideEncryptionConfiguration=wanted),
    "GetBucketEncryption": answer(s3.get_bucket_encryption),
    # Three, as one could fail by chance.
    "PutObject under it, 1": answer(s3.put_object, Key="under-1", Body=b"hello"),
    "PutObject under it, 2": answer(s3.put_object, Key="under-2", Body=b"hello"),
    "PutObject under it, 3": answer(s3.put_object, Key="under-3", Body=b"hello"),
    "DeleteBucketEncryption": answer(s3.delete_bucket_encryption),
    "PutObject after": answer(s3.put_object, Key="after", Body=b"hello"),
}
for call, told in seen.items():
    print(f"{name}: {call}: {told}")
if list(seen.values()) != expected:
    sys.exit("not as seen before")
PYTHON
}

start "$folder/without" -u WEED_S3_SSE_KEK -u WEED_S3_SSE_KEY
look "without a key" 200 200 200 "500 InternalError" "500 InternalError" "500 InternalError" 204 200
stop
start "$folder/with" -u WEED_S3_SSE_KEY WEED_S3_SSE_KEK="$(printf '0%.0s' {1..64})"
look "with a key" 200 200 200 200 200 200 204 200
