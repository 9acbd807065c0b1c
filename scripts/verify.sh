#!/usr/bin/env bash
# Installs, builds, lints, checks types and runs every test, on a machine with only Node and apt.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$1"; }

# Tests run in real browsers, too. WebGPU in Node runs on the software GPU that Debian's chromium contains, through the
# Vulkan loader. Tests read a data set and ONNX' own tests, which Debian packages.
if [ ! -e /usr/lib/chromium/vk_swiftshader_icd.json ] || [ ! -e /usr/bin/firefox-esr ] ||
  [ ! -d /usr/share/datasets/fashion-mnist ] || [ ! -d /usr/share/libonnx-testdata ] || ! ldconfig -p | grep -q 'libvulkan\.so\.1'; then
  step 'Debian packages: chromium, firefox-esr, libvulkan1, dataset-fashion-mnist, libonnx-testdata'
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
    chromium firefox-esr libvulkan1 dataset-fashion-mnist libonnx-testdata
fi

step 'npm ci'
# The tests run ONNX files on the CPU: half a gigabyte of its libraries for GPUs is not fetched.
export ONNXRUNTIME_NODE_INSTALL=skip
npm ci --no-audit --no-fund

step 'Build'
npm run --silent build

step 'Documentation'
npm run --silent docs

step 'Sizes'
node scripts/size-report.mjs

step 'Release, rehearsed'
node scripts/release.mjs --dry-run --built

step 'Lint, format and who imports whom'
npm run --silent lint

step 'Types'
npm run --silent types

step 'Tests'
# Here every backend, browser and data set must be present: an absent one fails instead of being skipped. The command is run as it was built.
CHAINGRAD_REQUIRE_ALL=1 CHAINGRAD_BUILT_COMMAND=1 node scripts/test-shards.mjs
