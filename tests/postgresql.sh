#!/usr/bin/env bash
# Run a command beside a PostgreSQL of its own, on 127.0.0.1, which ends with it:
#
#     tests/postgresql.sh make test
#
# The command finds its URL in ASSAY_TEST_POSTGRESQL_URL. Where the server is not installed, Debian's package is (by root).
set -euo pipefail

programs() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1; }

if [ -z "$(programs)" ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends postgresql > /dev/null
fi
bin=$(programs)
folder=$(mktemp -d /tmp/assay-postgresql-XXXXXX)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# The server refuses to run as root.
as_owner() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
trap 'cd /; as_owner "$bin/pg_ctl" -D "$folder/data" -m immediate stop > /dev/null 2>&1 || true; rm -rf "$folder"' EXIT

as_owner "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 > "$folder/initdb.log"
as_owner "$bin/pg_ctl" -D "$folder/data" -l "$folder/server.log" -w start \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$folder -c fsync=off" > /dev/null
ASSAY_TEST_POSTGRESQL_URL="postgresql+psycopg2://postgres@127.0.0.1:$port/postgres" "$@"
