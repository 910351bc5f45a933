#!/bin/sh
# Table 1: accuracy by keep rate. Ten tasks, a pool of ImageNet-21K, lowest energy first.
. "$(dirname "$0")/common.sh"
begin in21k 5 table-1
for task in ${TASKS:-$NATURAL}; do
    transfer "$task" low-energy "${KEEP_RATES:-0.01 0.05 0.1 0.25 0.5 1}"
done
