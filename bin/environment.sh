# Sourced by the other scripts: where the checkout is, which Python runs it, and a progress line.
# shellcheck shell=bash
#
# Sets ROOT (the checkout) and PYTHON: that of the active virtual or conda environment if this
# checkout's replearn is installed there, else .venv's. Always `"$PYTHON" -m tool`: the scripts
# that pip writes beside it break in folders with a space or a long name.

unset CDPATH PYTHONHOME
ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
PYTHON=$ROOT/.venv/bin/python

active_python() { # print the Python of the active environment, if it runs this checkout
  local prefix python
  for prefix in "${VIRTUAL_ENV:-}" "${CONDA_PREFIX:-}"; do
    python=$prefix/bin/python
    [ -n "$prefix" ] && [ -x "$python" ] && [ ! "$prefix" -ef "$ROOT/.venv" ] || continue
    "$python" -I - "$ROOT" <<'PY' 2>/dev/null && echo "$python" && return
import importlib.util, pathlib, sys
found = importlib.util.find_spec("replearn")
here = pathlib.Path(sys.argv[1], "src/replearn/__init__.py")
sys.exit(not (found and found.origin and here.samefile(found.origin)))
PY
  done
  return 1
}

# shellcheck disable=SC2034 # the scripts that source this use it
if ACTIVE=$(active_python); then PYTHON=$ACTIVE; fi

fail() { # SENTENCE: say what is wrong and stop
  printf '%s\n' "$1" >&2
  exit 1
}

progress() { # TITLE LOG COMMAND...: run it, its output in LOG, its last line and the time on screen
  local title=$1 log=$2 start=$SECONDS ticker='' code=0
  shift 2
  if [ -t 2 ]; then
    while true; do
      printf '\r\033[K%s: %d s  %.50s' "$title" $((SECONDS - start)) \
        "$(tail -n 1 "$log" 2>/dev/null | tr -d '\r\033')" >&2
      sleep 1
    done &
    ticker=$!
  else
    printf '%s ...\n' "$title" >&2
  fi
  "$@" >"$log" 2>&1 || code=$?
  if [ -n "$ticker" ]; then
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true # it answers with the code of its end, which is no failure
    printf '\r\033[K' >&2
  fi
  if [ "$code" -ne 0 ]; then
    tail -n 25 "$log" >&2
    printf '%s: failed after %d s; all it said is in %s\n' "$title" $((SECONDS - start)) "$log" >&2
    return "$code"
  fi
  printf '%s: done in %d s\n' "$title" $((SECONDS - start)) >&2
}
