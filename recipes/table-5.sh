#!/bin/sh
# Table 5: a pool of ImageNet-1K, and so 30 epochs. POOL is that pool.
. "$(dirname "$0")/common.sh"
begin in1k 30 table-5
for task in ${TASKS:-$NATURAL}; do
    transfer "$task" low-energy "${KEEP_RATES:-0.01 0.05 0.1 0.25 0.5 1}"
done
