#!/usr/bin/env bash
# Compute the golden vectors on arm64, emulated: by NumPy in seconds, by the reference and torch in some ten minutes.
# Needs root, qemu-user-static, debootstrap. torch 2.8.0, since wheels for Arm want CUDA's libraries from 2.11 on.
set -euo pipefail
cd "$(dirname "$0")/.."
arm=$PWD/build/arm
mkdir -p "$arm"
mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
if [ ! -e "$arm/root/usr/bin/python3.11" ]; then
    debootstrap --foreign --arch=arm64 --variant=minbase --include=python3 bookworm "$arm/root" $mirror >"$arm.log"
    for package in "$arm"/root/var/cache/apt/archives/*.deb; do dpkg -x "$package" "$arm/root"; done
fi
numpy=$(sed -n 's/^\(numpy==[^ ;]*\).*/\1/p' requirements.lock)
.venv/bin/python -m pip install --quiet --no-deps --upgrade --target "$arm/site" --python-version 3.11 --only-binary=:all: \
    --platform manylinux_2_27_aarch64 --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 "$numpy" \
    torch==2.8.0 safetensors filelock typing_extensions sympy mpmath networkx jinja2 markupsafe fsspec
.venv/bin/python -m tests.core.arithmetic.structures >"$arm/structures.json"
emulated() {
    PYTHONHOME=$arm/root/usr PYTHONPATH=$arm/site:src PYTHONDONTWRITEBYTECODE=1 \
        qemu-aarch64-static -L "$arm/root" "$arm/root/usr/bin/python3.11" "$@"
}
emulated tests/core/arithmetic/second_golden.py <"$arm/structures.json"
emulated -m mnist_study.tools.golden.verify
