"""The training stages that can be run: module, setting, what each starts from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from mammo.core.errors import UserError
from modeling.models import Stage
from modeling.training import config


@dataclass(frozen=True, kw_only=True)
class StageSpec:
    """How a stage is run.

    Attributes:
        settings: its frozen dataclass; reading it needs no torch.
        needs: names of checkpoints it must start from.
        instead: for a need, what may stand in for it (the supervised stage alone, a row of Table 8, starts
            from the selector).
        takes: names of checkpoints it may start from besides.
        gives: the name under which later stages take its checkpoint; empty when none does.
        reads_snapshot: whether it trains on a snapshot (the language stage reads a corpus).
    """

    stage: Stage
    settings: type[config.StageConfig]
    needs: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)
    takes: tuple[str, ...] = ()
    gives: str = ""
    reads_snapshot: bool = True

    @property
    def module(self) -> str:
        """Run as `python -m`."""
        return f"modeling.training.{self.stage.value}"

    @property
    def label(self) -> str:
        """The stage in words, in the reader's language."""
        return str(self.stage.label)

    @property
    def job_kind(self) -> str:
        """Name of its kind of job."""
        return f"modeling.train.{self.stage.value}"


SPECS = (
    StageSpec(
        stage=Stage.LANGUAGE, settings=config.LanguageConfig, gives="language_model", reads_snapshot=False
    ),
    StageSpec(stage=Stage.DENSITY, settings=config.DensityConfig, gives="density"),
    StageSpec(stage=Stage.ENCODER_PROBE, settings=config.EncoderProbeConfig),
    StageSpec(
        stage=Stage.UMICON_UNSUPERVISED,
        settings=config.UmiconUnsupervisedConfig,
        needs=("density",),
        gives="umicon",
    ),
    StageSpec(
        stage=Stage.UMICON_SUPERVISED,
        settings=config.UmiconSupervisedConfig,
        needs=("umicon",),
        instead={"umicon": "density"},
        gives="umicon",
    ),
    StageSpec(
        stage=Stage.SFT,
        settings=config.SftConfig,
        needs=("umicon", "language_model"),
        takes=("density",),
        gives="mammovlm",
    ),
    StageSpec(
        stage=Stage.PREFERENCES, settings=config.PreferencesConfig, needs=("mammovlm",), gives="mammovlm"
    ),
    StageSpec(
        stage=Stage.VISION_LANGUAGE_SFT,
        settings=config.VisionLanguageSftConfig,
        needs=("vision_language",),
        instead={"vision_language": "language_model"},
        gives="vision_language",
    ),
    StageSpec(stage=Stage.CLASSIFIER, settings=config.ClassifierConfig),
)
_BY_NAME = {spec.stage.value: spec for spec in SPECS}


def stage_spec(name: str) -> StageSpec:
    """Return how a stage is run.

    Raises:
        UserError: one line that lists the stages.
    """
    found = _BY_NAME.get(name)
    if found is None:
        raise UserError(
            _("stage %(name)r: unknown; known: %(known)s") % {"name": name, "known": ", ".join(_BY_NAME)}
        )
    return found
