#!/bin/sh
# Table 7: the energy compared with the Shannon entropy of the teacher's probabilities.
. "$(dirname "$0")/common.sh"
begin in21k 5 table-7
for task in ${TASKS:-$NATURAL}; do
    transfer "$task" "low-energy low-entropy" "${KEEP_RATES:-0.01 0.05 0.1}"
done
