#!/usr/bin/env bash
# From a fresh clone to a picture with the objects in it found: install, build, detect.
# Needs Node and npm, the npm registry, and nothing else.   Usage: scripts/demo.sh [picture] [output folder]
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
picture=${1:-examples/images/chelsea.png}
out=${2:-out}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "demo: Node.js and npm are needed, 20.19 or newer (on Debian: apt-get install nodejs npm)" >&2
  exit 1
fi
if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'; then
  echo "demo: Node.js 20.19 or newer is needed, this is $(node --version)" >&2
  exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs a step in silence; shows all it said, and ends the demo, when it fails.
step() {
  local title=$1 start=$SECONDS code
  shift
  printf '%-36s' "$title"
  "$@" >"$log" 2>&1 </dev/null
  code=$?
  if [ $code -ne 0 ]; then
    printf 'FAILED (exit code %s): %s\n' "$code" "$*"
    cat "$log" >&2
    exit "$code"
  fi
  printf 'done in %s s\n' $((SECONDS - start))
}

# `npm ci` removes node_modules first: spare a checkout that has all it needs.
if [ -d node_modules ] && npm ls --all >/dev/null 2>&1; then
  echo 'Dependencies are installed'
else
  # Of onnxruntime, which only tests use, the libraries for GPUs are not fetched.
  step 'Installing the dependencies' env ONNXRUNTIME_NODE_INSTALL=skip npm ci --no-audit --no-fund
fi
step 'Building the packages' npm run build

echo
echo "\$ npx chaingrad detect $picture --out $out"
npx --no-install chaingrad detect "$picture" --out "$out" || exit $?
echo
echo "The picture with the boxes is in $(cd "$out" && pwd)"
