#!/bin/sh
# Table 3: which images to keep at 1 %. Fourteen tasks, four of them medical; the lowest energies,
# the highest ("opposite"), and the Safety-Net with alpha 0.5 and -0.2.
. "$(dirname "$0")/common.sh"
begin in21k 5 table-3
for task in ${TASKS:-$NATURAL $MEDICAL}; do
    transfer "$task" \
        "low-energy high-energy low-energy+safety-net:alpha=0.5 low-energy+safety-net:alpha=-0.2" \
        "${KEEP_RATES:-0.01}"
done
