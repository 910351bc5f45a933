#!/bin/sh
# Table 2, PLADA's own row: accuracy and bytes at 1 %. The baselines beside it are not run here.
. "$(dirname "$0")/common.sh"
begin in21k 5 table-2
for task in ${TASKS:-$NATURAL}; do
    transfer "$task" low-energy "${KEEP_RATES:-0.01}"
done
