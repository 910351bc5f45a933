# Read by every recipe: its settings, and the steps that the tables share. README.md explains them.
set -eu

PLADA=${PLADA:-plada}
PYTHON=${PYTHON:-python3}
OUT=${OUT:-runs}
TEACHER=${TEACHER:-convnextv2_tiny.fcmae_ft_in22k_in1k}
STUDENT=${STUDENT:-resnet18.a1_in1k}
TEACHER_TUNE=${TEACHER_TUNE:-slow}
TEACHER_EPOCHS=${TEACHER_EPOCHS:-10}
STUDENT_TUNE=${STUDENT_TUNE:-all}
LR=${LR:-0.001}
BATCH_SIZE=${BATCH_SIZE:-64}
IMG_SIZE=${IMG_SIZE-224}
FLAGS=${FLAGS:-}

NATURAL='caltech101 cifar10 cub200 dtd fgvc-aircraft food101 flowers102 oxford-pets places365 resisc45'
MEDICAL='bloodmnist_224 dermamnist_224 retinamnist_224 nct-crc-he'

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 2
}

# run ARGUMENT...: say a plada command, then do it. PLADA may be several words.
run() {
    printf '+ %s' "$PLADA" >&2
    printf ' %s' "$@" >&2
    printf '\n' >&2
    $PLADA "$@"
}

# keep FILE COMMAND...: what the command prints, whole or not at all.
keep() {
    file=$1
    shift
    "$@" >"$file.part"
    mv "$file.part" "$file"
}

# begin NAME EPOCHS TABLE: check the environment; NAME stands for the pool, EPOCHS for the students'.
begin() {
    [ -n "${POOL:-}" ] || fail "POOL is not set; give the pool's images: a folder, or a quoted glob of .tar or .parquet shards."
    [ -n "${DATA:-}" ] || fail "DATA is not set; give the folder that holds the task's image sets (docs/tasks.md)."
    [ -n "${WEIGHTS:-}" ] || fail "WEIGHTS is not set; give a folder with $TEACHER.safetensors and $STUDENT.safetensors, or 'timm' to let timm fetch both, or 'none'."
    [ -d "$DATA" ] || fail "DATA is '$DATA', which is no folder."
    STUDENT_EPOCHS=${STUDENT_EPOCHS:-$2}
    RUNS=$OUT/$1
    RESULTS=$OUT/$3
    MANIFEST=${MANIFEST:-$RUNS/pool.parquet}
    case $WEIGHTS in
        timm | none) ;;
        *)
            for model in "$TEACHER" "$STUDENT"; do
                [ -f "$WEIGHTS/$model.safetensors" ] ||
                    fail "There is no file '$WEIGHTS/$model.safetensors'; WEIGHTS is a folder with the weights of both models, 'timm' or 'none'."
            done
            ;;
    esac
    mkdir -p "$RUNS" "$RESULTS"
    [ -f "$MANIFEST" ] || run pool index "$POOL" -o "$MANIFEST"
}

# task_of TASK: what plada calls it.
task_of() {
    case $1 in
        digits) printf '%s' "$1" ;;
        *) printf '%s:%s' "$1" "$DATA" ;;
    esac
}

# transfer TASK SELECTIONS KEEP_RATES: one teacher, one pass over the pool, and a student for every
# selection at every keep rate. All recipes over one pool share the teacher and the pass.
transfer() {
    task=$1
    selections=$2
    rates=$3
    set -- transfer --task "$(task_of "$task")" -m "$MANIFEST" --pool "$POOL" \
        --model "$TEACHER" --tune "$TEACHER_TUNE" --epochs "$TEACHER_EPOCHS" \
        --student-model "$STUDENT" --student-tune "$STUDENT_TUNE" \
        --student-epochs "$STUDENT_EPOCHS" --lr "$LR" --batch-size "$BATCH_SIZE" --no-metadata
    [ -z "$IMG_SIZE" ] || set -- "$@" --img-size "$IMG_SIZE"
    case $WEIGHTS in
        none) set -- "$@" --random-backbone ;;
        timm) set -- "$@" --pretrained ;;
        *)
            set -- "$@" --weights "$WEIGHTS/$TEACHER.safetensors" \
                --student-weights "$WEIGHTS/$STUDENT.safetensors"
            ;;
    esac
    # The paper's figures are fractions of a fifth of all images, not of the set's own test images.
    [ "$task" != cub200 ] || set -- "$@" --split paper-train --test-split paper-test
    for selection in $selections; do set -- "$@" --select "$selection"; done
    for rate in $rates; do set -- "$@" --keep-rate "$rate"; done
    # shellcheck disable=SC2086 # FLAGS are several words.
    keep "$RESULTS/$task.json" run "$@" $FLAGS -o "$RUNS/$task" --json
}
