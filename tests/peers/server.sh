# Read by the scripts beside it: a `whfb serve` of their own, and a folder to work in that is gone afterwards.
#
#   whfb=BINARY; . server.sh; serve OPTION...

work=$(mktemp -d)
children=""
finish() {
    for child in $children; do
        kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
cd "$work"

# Starts the server on free ports and points this shell at it.
serve() {
    "$whfb" --state "$work/state" serve --listen 127.0.0.1:0 "$@" >serve.log 2>&1 &
    server=$!
    children="$children $server"
    tries=0
    : >>serve.log
    until grep -q '^ready' serve.log; do
        kill -0 "$server" 2>/dev/null || { cat serve.log; exit 1; }
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || { echo "the server is not ready after 30 s"; exit 1; }
        sleep 0.1
    done
    . "$work/state/env.sh"
}
