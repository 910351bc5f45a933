#!/bin/sh
# Tables 12 to 15: bytes by keep rate, without students. Our files, and the paper's encodings of the
# same images beside ours (benchmarks/payload_size.py).
. "$(dirname "$0")/common.sh"
begin in21k 5 tables-12-15
PYTHONPATH=$(dirname "$0")/..${PYTHONPATH:+:$PYTHONPATH} # For benchmarks, which is not installed.
export PYTHONPATH

# scores TASK: sets SCORES to the task's label table, made now unless a transfer has left one.
scores() {
    SCORES=$RUNS/$1/scores.parquet
    [ ! -f "$SCORES" ] || return 0
    SCORES=$RESULTS/$1/scores.parquet
    teacher=$RESULTS/$1/teacher.safetensors
    task=$1
    mkdir -p "$RESULTS/$task"
    if [ ! -f "$teacher" ]; then
        set -- teach --task "$(task_of "$task")" --model "$TEACHER" --tune "$TEACHER_TUNE" \
            --epochs "$TEACHER_EPOCHS" --lr "$LR" --batch-size "$BATCH_SIZE" --val-fraction 0
        [ -z "$IMG_SIZE" ] || set -- "$@" --img-size "$IMG_SIZE"
        case $WEIGHTS in
            none) set -- "$@" --random-backbone ;;
            timm) set -- "$@" --pretrained ;;
            *) set -- "$@" --weights "$WEIGHTS/$TEACHER.safetensors" ;;
        esac
        [ "$task" != cub200 ] || set -- "$@" --split paper-train
        # shellcheck disable=SC2086 # FLAGS are several words.
        run "$@" $FLAGS -o "$teacher"
    fi
    # shellcheck disable=SC2086
    [ -f "$SCORES" ] || run label "$teacher" -m "$MANIFEST" --pool "$POOL" $FLAGS -o "$SCORES"
}

rates=${KEEP_RATES:-0.001 0.005 0.01 0.05 0.1 1}
for task in ${TASKS:-$NATURAL}; do
    scores "$task"
    for rate in $rates; do
        stem=$RESULTS/$task-$rate
        # Without class names and metadata, which the paper does not count.
        run prune "$SCORES" --keep-rate "$rate" --no-metadata -o "$stem.parquet"
        keep "$stem.json" run encode "$stem.parquet" --unnamed -o "$stem.plada" --json
        keep "$stem-dense.json" \
            run encode "$stem.parquet" --unnamed --dense -o "$stem-dense.plada" --json
    done
    # shellcheck disable=SC2086 # Rates are several words.
    keep "$RESULTS/$task.txt" \
        "$PYTHON" -m benchmarks.payload_size --scores "$SCORES" --rates $rates --skip zpaq --json
done
