"""``plada train``: the client's student, from a payload and the client's own pool."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..output import Output
from .exit_codes import command, resumes
from .options.address import readable
from .options.advised import AdvisedOptions, StudentModelOptions
from .options.common import AsJson
from .options.compute import ComputeOptions, prepare
from .options.group import OptionGroup
from .options.held_out import Heard, ValFractionOption, part_held_out
from .options.out import named, out_option, standing
from .options.payload import ReceivedOptions
from .options.pool import PoolOptions
from .options.task import DownloadOption, load_shown

if TYPE_CHECKING:
    from ..features.cache import FeatureCache
    from ..pool import DiskPool
    from ..tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class CachedPoolOptions(PoolOptions):
    """A pool, and where the features of its images stay."""

    skip_missing: Annotated[
        bool,
        typer.Option(
            "--skip-missing",
            help="Learn from those kept images that the pool's sources hold: for a client that has "
            "a part of the pool. How many are missing is said, by class.",
        ),
    ] = False
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep the features of frozen backbones here, for more students of the same model "
            "on this pool.",
        ),
    ] = None

    def cache_of(self, pool: DiskPool) -> FeatureCache | None:
        """Return the cache of this pool's features, None if they are not kept."""
        from ..features.cache import FeatureCache

        return None if self.cache is None else FeatureCache.of_pool(self.cache, pool)


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions(OptionGroup):
    """The labelled images that a student is evaluated on, if any."""

    panel = "Task"
    everyday = frozenset({"task"})

    task: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Evaluate the student on these labelled images."),
    ] = None
    split: Annotated[str, typer.Option(help="The part of --task to evaluate on.")] = "test"
    download: DownloadOption = False

    def load(self, output: Output) -> Task | None:
        """Return the images, None without ``--task``; print how many files were left out.

        Raises:
            PipelineError, Misuse: if they cannot be found or read.
        """
        if self.task is None:
            return None
        return load_shown(self.task, self.split, download=self.download, progress=output)


@command
@resumes
def train(
    *,
    local: CachedPoolOptions,
    model: StudentModelOptions,
    training: AdvisedOptions,
    out: Annotated[Path, out_option("Where to write the student")],
    test: EvaluationOptions,
    received: ReceivedOptions,
    hard_labels: Annotated[
        bool,
        typer.Option(
            "--hard-labels",
            rich_help_panel="Training",
            help="Of a payload that keeps images by a rule, learn each image's class. By default "
            "the rule's scores of all classes are learned, as soft labels.",
        ),
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="STUDENT",
            rich_help_panel="Model",
            help="Start from this student, such as that of the task's version before: from its "
            "backbone, and with --tune all from its classifier for classes of the same name.",
            parser=readable(),
        ),
    ] = None,
    val_fraction: ValFractionOption = None,
    machine: ComputeOptions,
    as_json: AsJson = False,
) -> None:
    """Train a student on the pool images that a payload names.

    How images are prepared, and how the student is trained, the payload may advise (plada inspect
    shows it): that is followed where no option says otherwise, within bounds, and said.

    Reports how often it says what the payload says about a tenth of the images, which is held out.
    With --tune head, what is written is then fitted to all of them. How often it is right about
    images of the task, --task shows; with that, a model that is trained whole learns from all.

    Stops with `mismatch` when the payload was made for another pool, and names an image that has
    changed since the manifest was made: every image is verified when it is loaded. A client that
    holds a part of the pool's images learns from those with --skip-missing. With --tune
    slow or all, an interrupted run goes on after its last whole epoch when it is called again.

    Under torchrun the processes share each batch; --batch-size stays the size of the whole one. See
    docs/cluster.md.

    Example: `plada train cifar10.plada -m pool.parquet --pool 'shards/*.tar' --model
    tf_efficientnet_lite0 --weights lite0.safetensors -o student.safetensors --task cifar10`
    """
    prepare("plada train")
    from ..compute.torchrun import decoders, first, joined
    from ..training.evaluate import evaluate
    from ..training.learn import train as train_model
    from ..training.recipe import Tune
    from ..training.soft_labels import soft_labels
    from ..training.start import Start

    output = Output(as_json=as_json, quiet=not first())
    started = time.monotonic()
    compute = machine.compute(output)
    begun = None
    if start is not None:
        from ..models.checkpoint import Checkpoint

        begun = Start(Checkpoint.read(start))
    found = received.receive(for_="plada train", manifest=local.listed)
    payload = found.payload
    pool = local.open()
    pool.serve(payload.pool)
    how = training.follow(payload, model, output, begun)
    recipe = how.recipe
    compute = replace(compute, batch_size=recipe.batch_size)
    # The solver of a head is not shared out: the first process does it alone.
    alone = recipe.tune is Tune.HEAD
    if alone and not first():
        return
    # Before the training: a mistyped task should not cost an hour.
    tested = test.load(output)
    soft = None
    if found.rule is not None and found.codes is not None and not hard_labels:
        soft = soft_labels(payload, found.rule, found.codes)
        output.say("soft labels: the rule's scores of all classes are learned (--hard-labels: not)")
    heard = Heard()
    if val_fraction is None and tested is not None and not alone:
        val_fraction = 0.0  # The task's images say it, at no image less to learn from.
    with (
        nullcontext(compute.device) if alone else joined(compute.device) as device,
        standing(out) if first() else nullcontext(out) as file,
    ):
        # Processes on one computer share its cores while they train.
        student = train_model(
            payload,
            pool,
            how.model,
            recipe,
            compute=replace(compute, device=device, workers=decoders(machine.workers, device)),
            resume=file.with_name(f"{file.name}.training"),
            cache=local.cache_of(pool),
            soft=soft,
            hold_out=part_held_out(val_fraction, recipe),
            measure=None if val_fraction == 0 else heard,
            skip_missing=local.skip_missing,
            max_unreadable=local.max_unreadable,
            start=begun,
        )
        if not first():
            return
        student.write(file)
    kept = len(payload.positions)
    left_out = student.facts.get("left_out", {})
    missing, unreadable = (sum(left_out.get(why, [])) for why in ("missing", "unreadable"))
    learned = student.facts["images"]
    part = "" if missing + unreadable == 0 else f" of {kept:,} that the payload keeps"
    output.say(
        f"student of {student.class_count} classes from {learned:,} images{part}: {named(out)}"
    )
    if val_fraction != 0 or tested is None:
        heard.tell(output, val_fraction, "pool images, by the payload's labels")
    accuracy = None
    on_one = replace(compute, device=device)
    if tested is not None:
        accuracy = evaluate(student, tested, compute=on_one).accuracy
        output.say(f"accuracy: {100 * accuracy:.1f} % of {len(tested):,} images")
    output.result(
        {
            "student": named(out),
            "sha256": student.sha256,
            "model": model.model,
            "started_from": None if begun is None else begun.student.sha256,
            "classes": list(student.class_names),
            "images": learned,
            "kept": kept,
            "missing": missing,
            "missing_per_class": left_out.get("missing"),
            "unreadable": unreadable,
            "soft_labels": soft is not None,
            "recipe": recipe.to_json(),
            "settings": how.to_json(),
            "test_images": None if tested is None else len(tested),
            "skipped": {} if tested is None else dict(tested.skipped),
            "accuracy": accuracy,
            "seconds": round(time.monotonic() - started, 3),
        }
        | heard.facts()
    )
