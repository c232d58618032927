#!/usr/bin/env bash
# deltalake and Garage: several writers that append to one Delta table at once.
#
# Expected: a commit that is told as done is in the table. delta-rs writes each version of the log with `If-None-Match: *`,
# so of two writers of the same version one is refused and takes the next; or the store refuses what it doesn't know.
# Seen with deltalake 1.6.6 and Garage 2.5.0: Garage passes over the header and overwrites the version, so each of the eight
# writers is told that it is done, and the table has fewer of their commits. Their files stay, named by no version.
#
# Needs Rust and Python 3.11; about ten minutes. Exit code 0: as seen. Everything runs on loopback.
set -euo pipefail

folder=$(mktemp -d)
server=
clean() {
	[[ -z "$server" ]] || kill "$server" 2>/dev/null || true
	[[ -z "$server" ]] || wait "$server" 2>/dev/null || true
	chmod -R u+w "$folder"
	rm -rf "$folder"
}
trap clean EXIT

# Without optimisation, which is quicker to build and changes nothing here.
TMPDIR=$folder CARGO_PROFILE_RELEASE_OPT_LEVEL=0 cargo install garage@2.5.0 --quiet --locked --root "$folder" \
	--no-default-features --features bundled-libs,sqlite
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet boto3==1.40.1 deltalake==1.6.6 arro3-core==0.9.1

ports=$("$folder/venv/bin/python" -c '
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))')
read -r port rpc_port <<<"$ports"
cat >"$folder/garage.toml" <<TOML
metadata_dir = "$folder/meta"
data_dir = "$folder/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "127.0.0.1:$rpc_port"
rpc_secret = "$(printf '0%.0s' {1..64})"

[s3_api]
s3_region = "garage"
api_bind_addr = "127.0.0.1:$port"
TOML
GARAGE_DEFAULT_ACCESS_KEY=finding-writer GARAGE_DEFAULT_SECRET_KEY=example-only-replace-me GARAGE_DEFAULT_BUCKET=finding \
	"$folder/bin/garage" -c "$folder/garage.toml" server --single-node --default-bucket >"$folder/log" 2>&1 &
server=$!

"$folder/venv/bin/python" - "http://127.0.0.1:$port" <<'PYTHON'
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import boto3
from arro3.core import Array, DataType, Table
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

WRITERS, ROUNDS = 8, 10

s3 = boto3.client(
    "s3",
    endpoint_url=sys.argv[1],
    region_name="garage",
    aws_access_key_id="finding-writer",
    aws_secret_access_key="example-only-replace-me",
    config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
)
for _ in range(60):
    try:
        s3.put_object(Bucket="finding", Key="key", Body=b"first", IfNoneMatch="*")
        break
    except (EndpointConnectionError, ClientError):
        time.sleep(0.5)
else:
    sys.exit("the server did not start")

try:
    s3.put_object(Bucket="finding", Key="key", Body=b"second", IfNoneMatch="*")
except ClientError as error:
    sys.exit(f"If-None-Match: {error.response['Error']['Code']}, not as seen before")
left = s3.get_object(Bucket="finding", Key="key")["Body"].read()
print(f"PutObject of a key that is there, If-None-Match *: accepted, and the object is the {left.decode()}")

options = {
    "AWS_ENDPOINT_URL": sys.argv[1],
    "AWS_REGION": "garage",
    "AWS_ACCESS_KEY_ID": "finding-writer",
    "AWS_SECRET_ACCESS_KEY": "example-only-replace-me",
    "AWS_ALLOW_HTTP": "true",
}
rows = Table.from_pydict({"number": Array([1], DataType.int64())})
barrier = Barrier(WRITERS)


def append(uri):
    table = DeltaTable(uri, storage_options=options)
    barrier.wait()
    try:
        write_deltalake(table, rows, mode="append")
    except DeltaError:
        return False
    return True


# Each round has a table of its own. One is enough if two of its writers meet.
for number in range(ROUNDS):
    uri = f"s3://finding/table-{number}"
    DeltaTable.create(uri, rows.schema, storage_options=options)
    with ThreadPoolExecutor(WRITERS) as pool:
        told = sum(pool.map(append, [uri] * WRITERS))
    # Each commit adds one file.
    there = len(DeltaTable(uri, storage_options=options).file_uris())
    print(f"{WRITERS} writers at once: {told} commits told as done, {there} in the table")
    if there < told:
        break
if left != b"second" or there >= told:
    sys.exit("not as seen before")
PYTHON
