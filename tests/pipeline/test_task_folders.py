"""Class folders and shards as people have them: nothing is lost without a word."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from PIL import Image
from typer.testing import CliRunner

from plada_ref.cli import app
from plada_ref.compute.context import Compute
from plada_ref.errors import Misuse, PipelineError
from plada_ref.models.spec import ModelSpec
from plada_ref.storage import location
from plada_ref.tasks.load import load_task
from plada_ref.training.learn import teach

from .conftest import DEVICE, png, write_tar
from .image_sets import BUILDERS


def picture(number: int = 0, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (number * 40, 80, 9)).save(stream, kind)
    return stream.getvalue()


def members(*classes: str, split: str = "", count: int = 2) -> dict[str, bytes]:
    return {
        f"{split}{name}/{row}.png": picture(number)
        for number, name in enumerate(classes)
        for row in range(count)
    }


def lay(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def test_links_are_followed_as_torchvision_does(tmp_path: Path) -> None:
    root = lay(tmp_path / "task", members("a", "b"))
    elsewhere = lay(tmp_path / "elsewhere", members("c"))
    (root / "c").symlink_to(elsewhere / "c")
    (root / "a/more").symlink_to(elsewhere / "c")
    (root / "b/2.png").symlink_to(elsewhere / "c/1.png")
    (tmp_path / "divided").mkdir()
    (tmp_path / "divided/train").symlink_to(root)
    for spec in (root, tmp_path / "divided"):
        task = load_task(str(spec), "train")
        assert task.classes == ("a", "b", "c")
        assert task.keys == (
            *("a/0.png", "a/1.png", "a/more/0.png", "a/more/1.png"),
            *("b/0.png", "b/1.png", "b/2.png", "c/0.png", "c/1.png"),
        )
        assert [task.images.open_image(row).size for row in range(9)] == [(8, 8)] * 9
        assert not task.skipped


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    root = lay(tmp_path / "task", members("a", "b"))
    (root / "a/again").symlink_to(root)
    (root / "a/self").symlink_to(root / "a")
    (root / "b/up").symlink_to(tmp_path)
    task = load_task(str(root))
    assert len(task) == 4
    assert task.skipped == {"linked-in-a-circle": 3}  # The third is b/up/task.


def test_links_to_nowhere(tmp_path: Path) -> None:
    root = lay(tmp_path / "task", members("a", "b"))
    (root / "a/9.png").symlink_to(tmp_path / "nowhere.png")
    (root / "a/loop.png").symlink_to(root / "a/loop.png")
    os.mkfifo(root / "a/pipe.png")
    assert load_task(str(root)).skipped == {"broken-link": 2, "not-a-file": 1}
    (root / "c").symlink_to(tmp_path / "unmounted")
    with pytest.raises(PipelineError, match=r"task/c' leads nowhere"):
        load_task(str(root))


def test_files_left_out_are_counted(tmp_path: Path) -> None:
    root = lay(
        tmp_path / "task",
        members("a", "b")
        | {"a/x.avif": b"", "a/y.HEIC": b"", "a/z": b"", "b/.hidden.png": b"", "readme.md": b""}
        | {".git/a/1.png": b"", "__MACOSX/a/._1.png": b"", "a/.cache/1.png": b""},
    )
    expected = {"hidden": 4, "unread-format": 2, "not-an-image": 2}
    assert load_task(str(root)).skipped == expected
    shard = write_tar(
        tmp_path / "task.tar",
        {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()},
    )
    # A shard has no folders to leave out as a whole: the files in them count.
    assert load_task(str(shard)).skipped == expected


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "ppm", "PGM", "pbm", "pnm"])
def test_more_names_of_images_are_read_than_in_pools(tmp_path: Path, suffix: str) -> None:
    kind = "JPEG" if suffix[0] == "j" else "PPM"
    files = members("a") | {f"b/1.{suffix}": picture(1, kind)}
    for spec in (lay(tmp_path / "task", files), write_tar(tmp_path / "task.tar", files)):
        task = load_task(str(spec))
        assert task.keys[-1] == f"b/1.{suffix}"
        assert task.images.open_image(2).size == (8, 8)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"c/1.avif": b"", "c/2.avif": b""}, "'c' .* holds no image; .*2 unread-format"),
        ({"c/1": b""}, "'c' .*1 not-an-image"),
        ({"c/.1.png": b""}, "'c' .*1 hidden"),
        ({"c/deep/er/1.txt": b"", "d/1.txt": b""}, r"'c' .*and 1 others have none.*1 not-an-image"),
    ],
)
def test_a_class_without_images_is_named(
    tmp_path: Path, files: dict[str, bytes], words: str
) -> None:
    files = members("a", "b") | files
    shard = write_tar(tmp_path / "task.tar", files)
    for spec in (lay(tmp_path / "task", files), shard):
        with pytest.raises(PipelineError, match=words):
            load_task(str(spec))


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    root = lay(tmp_path / "task", members("a", "b"))
    (root / "c").mkdir()
    shard = tmp_path / "task.tar"
    with tarfile.open(shard, "w") as archive:
        archive.add(root, ".")
    for spec in (root, shard):
        with pytest.raises(PipelineError, match=r"'c' .* holds no image; it is empty"):
            load_task(str(spec))


def test_members_that_a_shard_cannot_give_are_not_lost_silently(tmp_path: Path) -> None:
    latin, links = tmp_path / "latin.tar", tmp_path / "links.tar"
    with tarfile.open(latin, "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as archive:
        for name in ("a/1.png", "b/1.png", "b/é.png", "é/1.png"):
            archive.addfile(tarfile.TarInfo(name))
    with tarfile.open(links, "w") as archive:
        for name in ("a/1.png", "b/1.png"):
            archive.addfile(tarfile.TarInfo(name))
        for kind, name in ((tarfile.LNKTYPE, "b/2.png"), (tarfile.SYMTYPE, "c/1.png")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "a/1.png"
            archive.addfile(info)
    with pytest.raises(PipelineError, match=r"'\\udce9' .* holds no image; .*1 unsafe-name"):
        load_task(str(latin))
    with pytest.raises(PipelineError, match=r"'c' .* holds no image; .*1 not-a-file"):
        load_task(str(links))
    with tarfile.open(links, "a") as archive:
        archive.addfile(tarfile.TarInfo("c/2.png"))
    assert load_task(str(links)).skipped == {"not-a-file": 2}


def test_a_member_that_is_there_twice_is_named(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "task.tar", members("a", "b"))
    with tarfile.open(shard, "a") as archive:
        archive.addfile(tarfile.TarInfo("a/0.png"))
    with pytest.raises(PipelineError, match=r"'a/0\.png' twice, as after tar -r; keep one"):
        load_task(str(shard))


def test_a_folder_that_cannot_be_listed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = lay(tmp_path / "task", members("a", "b", "c"))
    lists = LocalFileSystem.ls

    def ls(self: LocalFileSystem, path: str, *args: Any, **kwargs: Any) -> Any:
        if path.endswith("task/b"):
            raise PermissionError(13, "Permission denied")
        return lists(self, path, *args, **kwargs)

    # Not with chmod: the tests may run as root, who may list everything.
    monkeypatch.setattr(LocalFileSystem, "ls", ls)
    with pytest.raises(PipelineError, match=r"task/b' cannot be listed \(Permission denied\)"):
        load_task(str(root))


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    task = load_task(str(lay(tmp_path / "task", members("a", "b"))))
    (tmp_path / "task/a/0.png").unlink()
    with pytest.raises(PipelineError, match=r"a/0\.png' cannot be read \(No such file"):
        task.images.open_image(0)


SPLITS = {
    "train": ("train", "Train", "TRAIN", "training", "Training"),
    "val": ("val", "Val", "valid", "validation", "VALIDATION"),
    "test": ("test", "Test", "testing", "TESTING"),
}


@pytest.mark.parametrize("number", range(4))
def test_splits_are_found_in_any_spelling(tmp_path: Path, number: int) -> None:
    names = {split: spellings[number] for split, spellings in SPLITS.items()}
    files: dict[str, bytes] = {}
    for count, name in enumerate(names.values(), 1):
        files |= members("a", "b", split=f"{name}/", count=count)
    folders = lay(tmp_path / "folders", files)
    shard = write_tar(tmp_path / "all.tar", files)
    inside = write_tar(tmp_path / "dotted.tar", {f"./{name}": data for name, data in files.items()})
    shards = tmp_path / "shards"
    shards.mkdir()
    for count, name in enumerate(names.values(), 1):
        some = members("a", "b", count=count)
        write_tar(shards / f"{name}-0.tar", dict(list(some.items())[::2]))
        write_tar(shards / f"{name}-1.tar", dict(list(some.items())[1::2]))
    for spec in map(str, (folders, shard, inside, shards)):
        for count, (split, name) in enumerate(names.items(), 1):
            for asked in (split, name):
                task = load_task(spec, asked)
                assert task.classes == ("a", "b")
                assert len(task) == 2 * count
        with pytest.raises(Misuse, match="no split 'all'"):
            load_task(spec, "all")
        with pytest.raises(Misuse, match="no split 'extra'"):
            load_task(spec, "extra")


def test_a_split_under_its_very_name_may_have_any(tmp_path: Path) -> None:
    files = members("a", "b", split="train/") | members("a", "b", split="dev set/", count=3)
    for spec in (lay(tmp_path / "task", files), write_tar(tmp_path / "task.tar", files)):
        assert len(load_task(str(spec), "dev set")) == 6
        assert len(load_task(str(spec), "train")) == 4
        with pytest.raises(Misuse, match="no split 'test'; there are dev set, train"):
            load_task(str(spec), "test")


def test_two_spellings_of_one_split(tmp_path: Path) -> None:
    root = lay(
        tmp_path / "task",
        members("a", "b", split="valid/") | members("a", "b", split="validation/", count=3),
    )
    with pytest.raises(Misuse, match="'valid', 'validation': say which"):
        load_task(str(root), "val")
    assert len(load_task(str(root), "validation")) == 6


def test_a_split_that_is_there_twice(tmp_path: Path) -> None:
    root = lay(tmp_path / "task", members("a", "b", split="train/"))
    write_tar(root / "Training-0.tar", members("a", "b", "c"))
    write_tar(root / "test.tar", members("a", "b"))
    task = load_task(str(root), "train")
    assert task.classes == ("a", "b")
    (said,) = task.warnings
    assert "the folder 'train' and the shard 'Training-0.tar'" in said
    assert not load_task(str(root), "test").warnings


@pytest.mark.parametrize("name", ["task.tar.gz", "task.tgz", "task.zip", "train.parquet"])
def test_files_of_other_kinds(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(Misuse, match=r"is no task: a shard is an uncompressed .tar file"):
        load_task(str(tmp_path / name))


def test_classes_that_are_called_like_splits(tmp_path: Path) -> None:
    root = lay(tmp_path / "one", members("valid", "invalid"))
    assert load_task(str(root)).classes == ("invalid", "valid")
    root = lay(tmp_path / "two", members("train", "bus"))
    with pytest.raises(Misuse, match=r"folders:.*two and --split all"):
        load_task(str(root), "all")
    assert load_task(f"folders:{root}", "all").classes == ("bus", "train")
    with pytest.raises(PipelineError, match="outside any class folder"):
        load_task(str(root), "train")
    root = lay(tmp_path / "flat", {"Train/1.png": picture(), "Test/1.png": picture()})
    with pytest.raises(PipelineError, match="outside any class folder"):
        load_task(str(root), "train")


@pytest.mark.parametrize(
    "outer", [("mydata",), ("site1", "site2"), ("a_train/a_train", "b_test/b_test")]
)
def test_folders_too_deep_are_refused(tmp_path: Path, outer: tuple[str, ...]) -> None:
    files: dict[str, bytes] = {}
    for name in outer:
        files |= members("cat", "dog", split=f"{name}/")
    for spec in (lay(tmp_path / "task", files), write_tar(tmp_path / "task.tar", files)):
        for split in ("train", "all"):
            with pytest.raises(Misuse, match=r"too deep.* 'cat', 'dog' in"):
                load_task(str(spec), split)
            assert load_task(f"folders:{spec}", split).classes == tuple(
                name.partition("/")[0] for name in outer
            )
    divided = lay(tmp_path / "divided", {f"train/{name}": data for name, data in files.items()})
    with pytest.raises(Misuse, match="too deep"):
        load_task(str(divided), "train")


def test_a_folder_in_every_class_is_fine(tmp_path: Path) -> None:
    """As in Tiny ImageNet: CLASS/images/image."""
    files = members("a/images", "b/images") | members("c")
    assert load_task(str(lay(tmp_path / "task", files))).classes == ("a", "b", "c")
    del files["c/0.png"], files["c/1.png"]
    assert load_task(str(lay(tmp_path / "other", files))).classes == ("a", "b")


def test_a_single_class_is_refused(tmp_path: Path) -> None:
    root = lay(tmp_path / "task", members("cat"))
    with pytest.raises(Misuse, match=r"a single class, 'cat'.*folders:"):
        load_task(str(root), "train")
    insisted = load_task(f"folders:{root}", "train")
    assert insisted.classes == ("cat",)
    with pytest.raises(Misuse, match="a teacher tells classes apart"):
        teach(insisted, ModelSpec("plada_convnet_s"), compute=Compute())


def test_named_sets_lose_nothing_silently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("resisc45", "nct-crc-he"):
        BUILDERS[name](tmp_path, monkeypatch)
    folder = tmp_path / "NWPU-RESISC45"
    (folder / "airport/notes.txt").write_text("")
    (folder / "airport/cut.jp2").write_text("")
    for split in ("train", "test", "all"):
        task = load_task(f"resisc45:{tmp_path}", split)
        assert task.skipped == {"not-an-image": 1, "unread-format": 1}
    (folder / "stadium").mkdir()
    with pytest.raises(PipelineError, match=r"'stadium' .* it is empty"):
        load_task(f"resisc45:{tmp_path}", "train")
    (tmp_path / "NCT-CRC-HE-100K/MUC").symlink_to(tmp_path / "CRC-VAL-HE-7K/ADI")
    assert load_task(f"nct-crc-he:{tmp_path}", "train").classes == ("ADI", "BACK", "DEB", "MUC")


@pytest.mark.parametrize("path", ["/etc/hostname", "../../outside.png", "images/../../x.png"])
def test_tables_cannot_name_other_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for name in ("cub200", "elpv"):
        BUILDERS[name](tmp_path, monkeypatch)
    (tmp_path / "outside.png").write_bytes(picture())
    table = tmp_path / "CUB_200_2011/images.txt"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:-1], f"{len(lines)} {path}"]))
    with pytest.raises(PipelineError, match="is not a path below"):
        load_task(f"cub200:{tmp_path}", "test")
    table = tmp_path / "elpv_dataset/data/labels.csv"
    table.write_text(table.read_text() + f"{path} 0.0 mono\n")
    with pytest.raises(PipelineError, match="is not a path below"):
        load_task(f"elpv:{tmp_path}", "train")


def test_images_that_a_table_lists_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    BUILDERS["elpv"](tmp_path, monkeypatch)
    for number in (3, 7):
        (tmp_path / f"elpv_dataset/data/images/cell{number:04d}.png").unlink()
    with pytest.raises(PipelineError, match=r"2 images that are not there, such as .*cell0003"):
        load_task(f"elpv:{tmp_path}", "train")


def test_library_sets_are_decoded_by_us_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, folder in (("oxford-pets", "oxford-iiit-pet"), ("food101", "food-101")):
        BUILDERS[name](tmp_path, monkeypatch)
        task = load_task(f"{name}:{tmp_path}", "train")
        first = next(
            path
            for path in sorted((tmp_path / folder / "images").rglob("*.jpg"))
            if path.stem.startswith(("Abyssinian", "0"))
        )
        turned = Image.new("RGB", (16, 8))
        exif = Image.Exif()
        exif[0x0112] = 6
        turned.save(first, exif=exif)
        assert (8, 16) in [task.images.open_image(row).size for row in range(len(task))]
        first.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
        with pytest.raises(PipelineError, match="PostScript"):
            [task.images.open_image(row) for row in range(len(task))]
        with Image.open(io.BytesIO(png(turned))) as image:  # It is Pillow's own again.
            assert image.size == (16, 8)


def test_odd_working_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pool [2019]", "a*b?", "100%", "~x"):
        lay(tmp_path / name / "task", members("a", "b", split="train/"))
        write_tar(tmp_path / name / "all.tar", members("a", "b"))
        monkeypatch.chdir(tmp_path / name)
        location._filesystem.cache_clear()
        for spec in ("task", "all.tar", str(tmp_path / name / "task")):
            task = load_task(spec, "train")
            assert task.images.open_image(3).size == (8, 8)


def test_a_path_may_hold_two_colons(tmp_path: Path) -> None:
    lay(tmp_path / "a::b" / "task", members("a", "b", split="train/"))
    write_tar(tmp_path / "a::b.tar", members("a", "b"))
    for spec in (tmp_path / "a::b/task", tmp_path / "a::b.tar"):
        assert load_task(str(spec), "train").images.open_image(3).size == (8, 8)


def test_a_server_that_is_not_there() -> None:
    pytest.importorskip("aiohttp")
    with pytest.raises(PipelineError, match=r"'http://127\.0\.0\.1:9/a\.tar' cannot be read"):
        load_task("http://127.0.0.1:9/a.tar")


def test_a_zip_file_holds_a_task(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "task.zip", "w") as archive:
        for name, data in members("a", "b", split="sets/Train/").items():
            archive.writestr(name, data)
    task = load_task(f"zip://sets::{tmp_path / 'task.zip'}", "train")
    assert task.classes == ("a", "b")
    assert task.images.open_image(3).size == (8, 8)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        for name, data in members("a", "b").items():
            archive.writestr(name, data)
        archive.writestr("c/", b"")
    with pytest.raises(PipelineError, match=r"'c' .* holds no image; it is empty"):
        load_task(f"zip://::{tmp_path / 'other.zip'}")


def test_commands_say_what_was_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    location._filesystem.cache_clear()
    for split in ("train", "test"):
        lay(tmp_path / "task" / split, members("a", "b", count=4) | {"a/x.avif": b"", "b/y": b""})
    lay(tmp_path / "pool", members("f", count=6))

    def plada(*arguments: str) -> tuple[dict[str, Any], str]:
        result = CliRunner().invoke(app, [*arguments, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout.splitlines()[-1]), result.stderr

    net = ("--model", "plada_convnet_s", "--random-backbone", "--device", DEVICE, "--workers", "0")
    expected = {"unread-format": 1, "not-an-image": 1}
    plada("pool", "index", "pool", "-o", "pool.parquet", "--workers", "1")
    pool = ("-m", "pool.parquet", "--pool", "pool")
    found, text = plada("teach", "--task", "task", *net, "-o", "t.safetensors")
    assert found["skipped"] == expected
    assert "skipped  1 unread-format in the task's train" in text
    evaluate = ("evaluate", "t.safetensors", "--task", "task", "--device", DEVICE, "--workers", "0")
    found, text = plada(*evaluate)
    assert found["skipped"] == expected
    assert "skipped  1 unread-format in the task's test" in text
    found, text = plada("leakage", "--task", "task", *pool)
    assert found["skipped"] == expected
    assert "skipped  1 not-an-image in the task's test" in text
    found, text = plada(
        *("transfer", "--task", "task", *pool, *net, "-o", "run", "--select", "random"),
        *("--keep-rate", "0.5", "--no-leakage"),
    )
    assert found["skipped"] == found["test_skipped"] == expected
    payload = str(next((tmp_path / "run").rglob("*.plada")))
    found, _ = plada("train", payload, *pool, *net, "-o", "s.safetensors", "--task", "task")
    assert found["skipped"] == expected
    found, _ = plada(
        *("baselines", "--task", "task", *net, "-o", "run", "--images", "4"),
        *("--baseline", "images-random"),
    )
    assert found["skipped"] == found["test_skipped"] == expected
    found, text = plada(
        *("prune", "run/scores.parquet", "--by", "prototype", "--count", "3", "--task", "task"),
        *(*pool, *net, "-o", "selection.parquet"),
    )
    assert found["skipped"] == expected
    assert "skipped  1 unread-format in the task's train" in text
    # A shard whose end is odd is said, of a split as well.
    shard = write_tar(tmp_path / "odd.tar", members("a", "b", split="train/"))
    shard.write_bytes(shard.read_bytes() + bytes(20_480))
    found, text = plada("teach", "--task", "odd.tar", *net, "-o", "t.safetensors")
    assert found["skipped"] == {}
    assert "warning: In the shard 'odd.tar', " in text and "zeros follow the last member" in text


def test_grey_sees_lab(tmp_path: Path) -> None:
    root = lay(tmp_path / "task", members("a", "b"))
    channels = [Image.linear_gradient("L").resize((8, 8)) for _ in range(3)]
    Image.merge("LAB", channels).save(root / "a/lab.tif")
    result = CliRunner().invoke(
        app,
        [
            *("teach", "--task", str(root), "--model", "plada_convnet_s", "--grey"),
            "--random-backbone",
            *("--device", DEVICE, "--workers", "0", "-o", str(tmp_path / "t.safetensors")),
        ],
    )
    assert result.exit_code == 0, result.output
