"""Import of a public data set: its files with its own labels, and its results as pathology."""

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import transaction

from mammo.accounts.models import Site, User
from mammo.archive.datasets import DataSet, Labelled
from mammo.archive.datasets.dataset import Result
from mammo.archive.label_sources import labelled
from mammo.archive.labels import Labels
from mammo.archive.models import ImportBatch, Study
from mammo.archive.pathology_import import import_pathology_rows
from mammo.archive.report_reading.categories import overall_category
from mammo.archive.report_reading.reading import RULES_VERSION
from mammo.archive.sources import Source, shown_below
from mammo.archive.studies_import import GivenNames, Progress, run_import
from mammo.archive.tables import Row
from mammo.core.choices import PathologyClass
from mammo.core.errors import UserError
from mammo.core.versions import save_versioned


class DatasetFiles:
    """The images of a public set as the files of an import."""

    def __init__(self, dataset: DataSet, root: Path, images: list[Labelled]) -> None:
        self.dataset, self.root, self.images = dataset, root, images

    def count(self) -> int:
        """One per row of the set's table."""
        return len(self.images)

    def files(self, unpack_into: Path) -> Iterator[Source]:
        """Each image; what the table names and the folder lacks is rejected by name."""
        # Files of public sets name no patient, or one patient per file: the set's table says whose they are.
        judged = {"accepts": sorted({*self.dataset.accepts, "identity"})}
        for image in self.images:
            shown = shown_below(self.root, str(image.path))
            if image.path.is_file():
                yield Source(str(image.path), image.path, judged=judged, shown=shown)
            else:
                problem = "the set's table names it, the folder lacks it"
                yield Source(str(image.path), None, problem=problem, shown=shown)


def import_dataset(
    dataset: DataSet,
    root: Path,
    *,
    site: Site,
    by_user: User | None,
    progress: Progress | None = None,
    given_names: GivenNames | None = None,
) -> tuple[ImportBatch, ImportBatch | None]:
    """Import a public set; running it again imports nothing twice.

    Raises:
        UserError: the folder or a table is missing, or a column; nothing was changed.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    images = list(dataset.images(root))
    if not images:
        raise UserError(f"{root}: {dataset.title} has no image here")
    labels = Labels.of({str(image.path): _label(image) for image in images})
    batch = run_import(
        DatasetFiles(dataset, root, images),
        site=site,
        labels=labels,
        by_user=by_user,
        origin=ImportBatch.Origin.DATASET,
        progress=progress,
        given_names=given_names,
    )
    _state_overall(batch)
    rows = _result_rows(images)
    if not rows:
        return batch, None
    return batch, import_pathology_rows(
        rows, Path(f"{dataset.name}.csv"), site=site, by_user=by_user, is_simulated=batch.is_simulated
    )


def _state_overall(batch: ImportBatch) -> None:
    """Make the exam's category of the sides, which are all that a set states, by the rule that reports go by.

    A category that a report, a table or a person states stays.
    """
    of_batch = batch.items.exclude(image=None).values("image__study")
    studies = Study.objects.filter(pk__in=of_batch, patient__erased_at=None)
    rule = settings.MAMMO_BIRADS_OVERALL_RULE
    for key in list(studies.values_list("pk", flat=True)):
        with transaction.atomic():
            study = Study.objects.select_for_update().get(pk=key)
            made = overall_category([study.birads_left or None, study.birads_right or None], rule) or ""
            source = study.label_sources.get("birads_overall")
            is_stated = source and not (source == "table" and study.birads_rule)
            if is_stated or not made or made == study.birads_overall:
                continue
            changes = labelled(study, {"birads_overall": made}, "table")
            if changes:
                changes["birads_rule"] = f"{RULES_VERSION} {rule}"
                save_versioned(study, expected_version=study.version, changes=changes)


def _label(image: Labelled) -> dict[str, str]:
    side = {"L": "birads_left", "R": "birads_right"}.get(image.laterality)
    label = {
        "patient": image.patient, "study": image.study, "laterality": image.laterality, "view": image.view,
        "density": image.density, "age": image.age if image.age.isdecimal() else "",
        "modifiers": ",".join(image.modifiers), "implant": "YES" if image.has_implant else "",
    }  # fmt: skip
    return label | ({side: image.birads} if side else {})


def _result_rows(images: list[Labelled]) -> list[Row]:
    """One row per breast and lesion, however many images show it, with the worst result that the set gives it."""
    order = PathologyClass.values
    found: dict[tuple[str, str, str, str], Result] = {}
    for image in images:
        for result in image.results:
            key = (image.patient, image.study, result.side, result.lesion)
            if result.side and (
                key not in found or order.index(result.result) > order.index(found[key].result)
            ):
                found[key] = result
    return [
        Row(
            number,
            {
                "patient": patient, "accession": study, "side": side, "lesion": lesion, "method": result.method,
                "class": result.result, "date": "",
            },
        )
        for number, ((patient, study, side, lesion), result) in enumerate(found.items(), start=1)
    ]  # fmt: skip
