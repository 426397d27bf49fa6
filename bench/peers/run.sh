#!/usr/bin/env bash
# Installs the peers for CPUs in a virtual environment and measures them.
#
#   bench/peers/run.sh [--out FILE] [--size full|small] [--ops REGEXP]
#
# ZMLX_PEERS_VENV names the environment; without it, it is made under the
# folder for temporary files. ZMLX_PEERS_PYTHON chooses the interpreter.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
venv="${ZMLX_PEERS_VENV:-${TMPDIR:-/tmp}/zmlx-peers-venv}"
if [ ! -x "$venv/bin/python" ]; then
	"${ZMLX_PEERS_PYTHON:-python3}" -m venv "$venv"
fi
if ! "$venv/bin/python" -c 'import numpy, numba, jax, mlx.core' 2>/dev/null; then
	"$venv/bin/python" -m pip install --quiet --disable-pip-version-check numpy numba jax 'mlx[cpu]'
fi
cd "$here"
exec "$venv/bin/python" cpu.py "$@"
