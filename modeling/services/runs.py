"""Training runs: started as jobs, their checkpoints, curves and predictions stored as rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.services.access import require_researcher
from annotation.services.endpoint_budgets import count_use
from mammo.accounts import audit
from mammo.accounts.models import Site, User
from mammo.core.code_version import code_version
from mammo.core.errors import UserError, WrongStateError
from mammo.jobs import services as jobs
from mammo.jobs.messages import shown_message
from mammo.jobs.models import Job
from modeling.data.exchange import BadRequestError
from modeling.data.model_folders import weights_folder
from modeling.models import Checkpoint, Run, Snapshot, Stage
from modeling.services.code_at_work import GPUS, code_at_work
from modeling.services.results import store_results
from modeling.services.stages import StageSpec, stage_spec
from modeling.services.withdrawals import checkpoints_under, refuse_to_train_on
from modeling.services.zero_shot import start_zero_shot
from modeling.training.config_base import DEMO_IMAGE_SIZE
from modeling.training.typed_fields import ConfigError


def start_run(
    stage: str,
    *,
    by_user: User | None,
    snapshot: Snapshot | None = None,
    config: Mapping[str, Any] | None = None,
    starts_from: Sequence[Checkpoint] = (),
    language_model: Path | str | None = None,
    corpus: Path | str | None = None,
    site: Site | None = None,
    name: str = "",
    variant: str = "",
    seed: int = 0,
    gpus: int = 0,
    is_simulated: bool = False,
) -> Run:
    """Queue one training run.

    Args:
        stage: one of modeling.services.stages.
        snapshot: the frozen training set; not for the language stage, which takes a corpus.
        config: fields of the stage's setting, checked here; the key `preset` names what they are laid over.
        starts_from: checkpoints of earlier runs; their stage says what they are.
        language_model: folder of a pretrained language model, or the hub name of one that was fetched, in place of a
            checkpoint of the language stage; for the tuning of a compared model, of a vision-language model too.
        corpus: JSON-lines file of dialogues, for the language stage.
        site: of the run; the snapshot's when not given.
        gpus: how many GPUs the run sees; 0 trains on the processor.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: the snapshot is not frozen yet, or a patient of it, or of what the starting weights learned
            from, has withdrawn.
        UserError: unknown stage or field, something that the stage needs is missing, or images of another size.
    """
    spec = stage_spec(stage)
    site = _site_of(spec, site, snapshot, corpus)
    require_researcher(site, by_user)
    _check_inputs(spec, snapshot, corpus)
    checked = _checked_config(spec, config or {})
    _check_image_size(checked, snapshot)
    init = _init(spec, starts_from, language_model)
    refuse_to_train_on(snapshot, _all_named(starts_from, init))
    learned_from = [row for row in (snapshot, *starts_from) if row is not None]
    with transaction.atomic():
        run = Run.objects.create(
            site=site, name=name, stage=spec.stage, variant=variant, config=checked, seed=seed, snapshot=snapshot,
            code_version=code_version(), environment={GPUS: gpus},
            by_user=by_user, is_simulated=is_simulated or any(row.is_simulated for row in learned_from),
        )  # fmt: skip
        run.starts_from.set(starts_from)
        _queue(run, spec, init=init, corpus=corpus, gpus=gpus)
    return run


def _queue(
    run: Run, spec: StageSpec, *, init: Mapping[str, str], corpus: Path | str | None, gpus: int
) -> None:
    """The job of a run that was just made, in the same transaction."""
    run.job = jobs.submit(
        spec.job_kind,
        by_user=run.by_user,
        site=run.site,
        about=run,
        title=gettext_lazy("Training: %(stage)s"),
        title_values={"stage": run.name or spec.stage.label},
        parameters={
            "run": str(run.pk),
            "init": init,
            "corpus": str(Path(corpus).absolute()) if corpus else None,
        },
        gpus=gpus,
        is_simulated=run.is_simulated,
    )
    run.save(update_fields=["job"])
    audit.record(
        "modeling.run_started",
        by_user=run.by_user,
        on=run,
        site=run.site,
        stage=spec.stage.value,
        seed=run.seed,
    )


def _site_of(
    spec: StageSpec, site: Site | None, snapshot: Snapshot | None, corpus: Path | str | None
) -> Site:
    """The run's site: the one that is named, else the snapshot's."""
    if site is not None:
        return site
    _check_inputs(spec, snapshot, corpus)  # a missing snapshot is the cause: it would have named the site
    if snapshot is None:
        raise UserError(_("site: missing; a run without a snapshot needs one"))
    return snapshot.site


def may_repeat(run: Run, user: User) -> bool:
    """Whether the account may start the same run again, and everything for that is known."""
    return run.job is not None and user.has_role("researcher", "admin", site=run.site)


def repeat_run(run: Run, *, by_user: User) -> Run:
    """Queue a run anew with the setting, seed, training set and starting weights of an earlier one.

    Raises:
        NotAllowedError: not a researcher of the site.
        WrongStateError: a patient of its training set, or of what its starting weights learned from, has withdrawn.
        UserError: it was recorded without a job, or what it started from is gone.
    """
    require_researcher(run.site, by_user)
    if run.job is None:
        raise UserError(_("This run was recorded without a job; it can't be repeated from here."))
    if run.stage == Stage.ZERO_SHOT and run.snapshot is not None:
        asked = {name: run.config[name] for name in ("method", "language")}
        return start_zero_shot(
            run.config["spec"], snapshot=run.snapshot, by_user=by_user, gpus=run.job.gpus, **asked
        )
    given = dict(run.job.parameters)
    own = {stage_spec(c.run.stage).gives for c in run.starts_from.select_related("run")}
    named = [given["init"].get(name) for name in ("language_model", "vision_language") if name not in own]
    folder = next((path for path in named if path), None)
    return start_run(
        run.stage,
        by_user=by_user,
        snapshot=run.snapshot,
        config=run.config,
        starts_from=list(run.starts_from.select_related("run")),
        language_model=folder,
        corpus=given.get("corpus"),
        site=run.site,
        name=run.name,
        variant=run.variant,
        seed=run.seed,
        gpus=run.job.gpus,
        is_simulated=run.is_simulated,
    )


def _check_inputs(spec: StageSpec, snapshot: Snapshot | None, corpus: Path | str | None) -> None:
    stage = {"stage": spec.stage.value}
    if spec.reads_snapshot:
        if snapshot is None:
            raise UserError(_("stage %(stage)s: trains on a snapshot; name one") % stage)
        if not snapshot.content_hash:
            raise WrongStateError(
                _("snapshot %(name)s: not frozen yet; wait for its job to end") % {"name": snapshot.name}
            )
    elif corpus is None:
        raise UserError(_("stage %(stage)s: trains on a corpus of dialogues; name its file") % stage)
    elif not Path(corpus).is_file():
        raise UserError(_("corpus %(path)s: no such file") % {"path": corpus})


def _checked_config(spec: StageSpec, overrides: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return spec.settings.from_overrides(overrides).to_dict()
    except (ConfigError, ValueError, TypeError) as error:
        raise UserError(_("config: %(error)s") % {"error": error}) from None


def _check_image_size(config: Mapping[str, Any], snapshot: Snapshot | None) -> None:
    """A frozen set tells the size of its images: a run for others would only fail once it has begun."""
    image = snapshot.manifest.get("image") if snapshot is not None else None
    asked = config.get("image_size")
    if image is None or asked is None or tuple(asked) == (image["height"], image["width"]):
        return
    raise UserError(
        _(
            "image_size: the setting asks for images of %(height)s x %(width)s, but the training set holds "
            "%(rows)s x %(columns)s; make them the same"
        )
        % {"height": asked[0], "width": asked[1], "rows": image["height"], "columns": image["width"]}
        + (
            _(" (the setting “Small: minutes on a processor”, preset demo, does)")
            if (image["height"], image["width"]) == DEMO_IMAGE_SIZE
            else ""
        )
    )


def _init(
    spec: StageSpec, starts_from: Sequence[Checkpoint], language_model: Path | str | None
) -> dict[str, str]:
    stage = {"stage": spec.stage.value}
    folders: dict[str, str] = {}
    for checkpoint in starts_from:
        gives = stage_spec(checkpoint.run.stage).gives
        if not gives:
            raise UserError(
                _("stage %(stage)s: no stage starts from its checkpoints; name another")
                % {"stage": checkpoint.run.stage}
            )
        if gives in folders:
            raise UserError(
                _("stage %(stage)s: two checkpoints are given for its %(need)s; name one")
                % {**stage, "need": gives}
            )
        folders[gives] = checkpoint.folder
    if language_model is not None:
        folder = _folder_of(language_model)
        folders[_what_is_in(folder)] = str(folder)
    for need in spec.needs:
        if need not in folders and spec.instead.get(need) not in folders:
            raise UserError(
                _("stage %(stage)s: starts from a %(need)s checkpoint; name one") % {**stage, "need": need}
            )
    strangers = sorted(set(folders) - {*spec.needs, *spec.instead.values(), *spec.takes})
    if strangers:
        raise UserError(
            _("stage %(stage)s: does not start from a %(need)s checkpoint; leave it out")
            % {**stage, "need": strangers[0]}
        )
    return folders


def _folder_of(language_model: Path | str) -> Path:
    """The model's folder, whole, from a path or from a hub name that was fetched. Raises UserError."""
    try:
        folder = weights_folder(language_model)
    except BadRequestError as error:
        raise UserError(shown_message(str(error))) from None
    if not folder.is_dir():
        raise UserError(_("language model %(path)s: no such folder") % {"path": language_model})
    return folder.absolute()


def _all_named(starts_from: Sequence[Checkpoint], init: Mapping[str, str]) -> list[Checkpoint]:
    """The starting checkpoints, those that are named by their folder alone among them."""
    by_folder = Checkpoint.objects.filter(folder__in=init.values()).select_related("run__job")
    return list({checkpoint.pk: checkpoint for checkpoint in (*starts_from, *by_folder)}.values())


def _what_is_in(folder: Path) -> str:
    """Whether a model folder reads images: the name under which stages take it."""
    try:
        reads_images = "vision_config" in json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        reads_images = False  # the stage itself tells what is missing
    return "vision_language" if reads_images else "language_model"


def run_folder(run: Run) -> Path:
    """Where the run's checkpoints lie."""
    return Path(settings.MAMMO_HOME) / "runs" / str(run.pk)


def build_request(job: Job) -> dict[str, Any]:
    """The stage's request; a later attempt goes on from the last checkpoint of the run's folder.

    Raises:
        WrongStateError: a patient of its training set, or of its starting weights', withdrew since it was queued.
    """
    run = Run.objects.select_related("snapshot", "job").get(pk=job.parameters["run"])
    refuse_to_train_on(run.snapshot, checkpoints_under(run))
    request: dict[str, Any] = {
        "output": str(run_folder(run)),
        "config": run.config,
        "init": job.parameters["init"],
        "seed": run.seed,
        "resume": job.attempt > 1,
        "code": code_at_work(run),
    }
    if run.snapshot is not None:
        request["snapshot"] = run.snapshot.folder
    if job.parameters.get("corpus"):
        request["corpus"] = job.parameters["corpus"]
    return request


def ingest(job: Job, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Store checkpoints, curves, predictions and what an endpoint cost; called in the transaction that ends the job."""
    run = Run.objects.get(pk=job.parameters["run"])
    count_use(job)
    counts = store_results(run, rows)
    audit.record("modeling.run_finished", by_user=job.by_user, on=run, site=run.site, counts=counts)
    return counts
