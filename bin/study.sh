# Sourced by bin/run-<study>: sizes, the data at hand, sweeps, analyses, and what came of them.
# shellcheck shell=bash
#
#   study_options "$@"                  size=fast, desk or paper; --help and typos end here
#   look_for_data NAME...               say which are at hand; --paper wants published files of all
#   choose_data NAME...                 data=a,b: those to take; with --fast one for a whole study
#   excluding DATA CONDITION VARIANT MODIFIER...    excluded=(words of a hold-out), if DATA is taken
#   sweep EXPERIMENT with WORD...       run what is missing of a grid; ids=1,2,3 of all that it has
#   analyse ANALYSIS with KEY=VALUE...  one analysis; id=7
#   list_runs WHERE...                  ids=1,2,3 of the finished runs
#   results                             list tables, figures and reports
#
# Options of `python -m sweep` go to every sweep. Runs are tagged <study>-<size>; where a run of the
# same configuration is finished, it counts, whatever its tag.

# shellcheck source=bin/environment.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/environment.sh"

study=$(basename -- "$0")
study=${study#run-}
size=desk dry='' keep_going='' unfinished='' data='' ids='' id='' taken=0
options=()                                      # of python -m sweep
missing=() untaken=()                           # data sets that are left out
produced=()                                     # analysis:ids
excluded=()                                     # words of a hold-out
declare -A at_hand=()                           # data set -> published, twin or missing
readonly WITH_VALUE=" --cluster --workers --gpus --threads --jobs --cpus --memory --walltime --gres \
--partition --account --interface --directives --prologue --start-minutes --code "

study_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --fast | --desk | --paper) size=${1#--} ;;
      --keep-going) keep_going=yes ;;
      --dry-run) dry=yes ;;
      -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit ;;
      --retry-failed) options+=("$1") ;;
      *)
        [[ $1 == --* && $WITH_VALUE == *" ${1%%=*} "* ]] || fail "bin/run-$study knows --fast, \
--desk, --paper, --keep-going, --dry-run and the options of python -m sweep, not '$1'."
        options+=("$1")
        if [[ $1 != *=* ]]; then
          [ $# -gt 1 ] || fail "bin/run-$study: expected a value behind $1."
          options+=("$2")
          shift
        fi
        ;;
    esac
    shift
  done
  if [ "$size" = fast ] && [ "${#options[@]}" -eq 0 ]; then options=(--workers 2 --threads 1); fi
  said=$(mktemp)
  trap 'rm -f -- "$said"' EXIT
  if [ -z "$dry" ]; then
    "$ROOT/bin/setup"
  elif [ ! -x "$PYTHON" ]; then
    fail "bin/run-$study --dry-run looks for data with Python, which is not set up: run bin/setup."
  fi
  cd -- "$ROOT/scripts" || exit
}

join() { # WORD...: a, b, c
  local all
  printf -v all '%s, ' "$@"
  echo "${all%, }"
}

look_for_data() { # NAME...: fill at_hand, and say what is there
  local name state twins=() published=() absent=() wanted
  "$PYTHON" -m dataset at-hand "$@" >"$said"
  while read -r name state; do
    at_hand[$name]=$state
    case $state in
      published) published+=("$name") ;;
      twin) twins+=("$name") ;;
      *) absent+=("$name") ;;
    esac
  done <"$said"
  if [ "${#published[@]}" -gt 0 ]; then echo "at hand: $(join "${published[@]}")"; fi
  if [ "${#twins[@]}" -gt 0 ]; then echo "drawn by replearn in their place: $(join "${twins[@]}")"; fi
  if [ "${#absent[@]}" -gt 0 ]; then echo "not at hand: $(join "${absent[@]}")"; fi
  if [ "$size" != paper ]; then
    [ "${#absent[@]}" -lt "$#" ] || fail "bin/run-$study: none of its data sets is at hand; from \
scripts/, get one with python -m dataset get $1."
    return
  fi
  absent+=("${twins[@]}")
  if [ "${#absent[@]}" -eq 0 ]; then return; fi
  wanted=$(printf 'python -m dataset get %s, ' "${absent[@]}")
  wanted="bin/run-$study --paper wants the published files of all its data sets; from scripts/, get \
those that are not at hand: ${wanted%, }; or take --desk."
  if [ -z "$dry" ]; then fail "$wanted"; fi
  echo "$wanted" >&2
}

choose_data() { # NAME...: data=a,b of those at hand; '' if there is none
  local name chosen=()
  for name in "$@"; do
    if [ "${at_hand[$name]}" = missing ] && [ "$size" != paper ]; then
      missing+=("$name")
    elif [ "$size" = fast ] && [ "$taken" -eq 1 ]; then
      untaken+=("$name")
    else
      chosen+=("$name") taken=1
    fi
  done
  # shellcheck disable=SC2034 # for the study
  data=$(IFS=,; echo "${chosen[*]}")
}

excluding() { # DATA CONDITION VARIANT MODIFIER...: excluded=(words); 1 if DATA is not among data
  [[ ,$data, == *,$1,* ]] || return 1
  excluded=("dataset.$1" "dataset.condition=$2" "dataset.variant=$3")
  shift 3
  if [ $# -gt 0 ]; then excluded+=("dataset.modifiers=[$(IFS=,; echo "$*")]"); fi
}

left_out() { # a sentence for captions, or nothing
  if [ "${#missing[@]}" -gt 0 ]; then printf 'Not at hand and left out: %s. ' "$(join "${missing[@]}")"; fi
  if [ "${#untaken[@]}" -gt 0 ]; then printf 'Left out by --fast: %s. ' "$(join "${untaken[@]}")"; fi
}

announce() { # WORD...: print a command line as one can type it, but that long lists of ids are cut
  local word line='python -m'
  for word in "$@"; do
    if [[ $word =~ ^(run|where.id)= && ${#word} -gt 400 ]]; then word="${word:0:200}...${word: -20}"; fi
    if [[ $word != *[!A-Za-z0-9_.,=/:+-]* ]]; then line+=" $word"; else line+=" ${word@Q}"; fi
  done
  printf '\n%s\n' "$line"
}

sweep() { # EXPERIMENT with WORD...
  local code=0 finished=$said
  announce sweep "${options[@]}" "$@" "tags=$study-$size"
  ids=IDS
  if [ -n "$dry" ]; then return; fi
  : >"$finished"
  "$PYTHON" -m sweep --ids "$finished" "${options[@]}" "$@" "tags=$study-$size" || code=$?
  ids=$(paste -sd, "$finished")
  if [ "$code" -ne 0 ]; then
    if [ "$code" -ne 1 ] || [ -z "$keep_going" ] || [ -z "$ids" ]; then
      fail "bin/run-$study has stopped at a sweep of $1; the same command goes on with what is \
missing, and --keep-going makes tables of what is finished."
    fi
    unfinished=yes
  fi
  if [[ $1 == analysis.* ]]; then produced+=("${1#analysis.}:$ids"); fi
}

list_runs() { # where.KEY=VALUE...
  announce runs list --ids "$@"
  ids=IDS
  if [ -n "$dry" ]; then return; fi
  "$PYTHON" -m runs list --ids "$@" >"$said" || fail "bin/run-$study has stopped at a list of runs."
  ids=$(paste -sd, "$said")
}

analyse() { # ANALYSIS with KEY=VALUE...
  announce "$@" "tags=$study-$size" skip_finished=True
  id=ID
  if [ -n "$dry" ]; then return; fi
  "$PYTHON" -m "$@" "tags=$study-$size" skip_finished=True | tee "$said" ||
    fail "bin/run-$study has stopped at $1."
  id=$(sed -nE 's/^run ([0-9]+): COMPLETED$/\1/p; s/^skipped: run ([0-9]+) .*/\1/p' "$said")
  produced+=("${1#analysis.}:$id")
}

results() { # where everything lies; 1 if something has not finished
  local database=${MONGO_DB:-replearn} home=${REPLEARN_HOME:-$ROOT} each folder number
  if [ -n "$dry" ]; then return; fi
  printf '\nDone: bin/run-%s --%s, runs tagged %s-%s of the database %s.\n' \
    "$study" "$size" "$study" "$size" "$database"
  for each in "${produced[@]}"; do
    folder=$home/results/$database/${each%%:*}
    IFS=, read -ra numbers <<<"${each#*:}"
    if [ "${#numbers[@]}" -gt 12 ]; then
      echo "  $folder/: one folder for each of ${#numbers[@]} runs"
      continue
    fi
    for number in "${numbers[@]}"; do
      if [ -d "$folder/$number" ]; then
        find "$folder/$number" \( -name '*.pdf' -o -name '*.tex' -o -name report.html \) |
          sort | sed 's/^/  /'
      else
        echo "  run $number of analysis.${each%%:*}: its files are in the database alone"
      fi
    done
  done
  if [ -n "$unfinished" ]; then
    fail "Some runs have not finished, and the tables are without them; the same command tries again."
  fi
}
