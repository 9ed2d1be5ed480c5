"""What the jobs of this app say while they run and when they fail: known to the pages, which say it in the reader's
language (`mammo.jobs.messages`).
"""

from django.utils.translation import gettext_noop as _

from modeling.services.system_messages import SYSTEM_MESSAGES

MESSAGES: tuple[str, ...] = (
    *SYSTEM_MESSAGES,
    # Progress.
    _("encoding images"),
    _("log-probabilities"),
    _("measuring %(what)s"),
    _("measuring category"),
    _("measuring density"),
    _("measuring side"),
    _("measuring swapped images"),
    _("measuring black images"),
    _("loading"),
    _("loading %(system)s"),
    _("writing"),
    _("answers of %(system)s"),
    _("done"),
    _("memorisation test"),
    _("images"),
    _("classifier"),
    _("density"),
    _("encoder_probe"),
    _("language"),
    _("preferences"),
    _("sft"),
    _("umicon_supervised"),
    _("umicon_unsupervised"),
    _("vision_language_sft"),
    _("yes_no"),
    _("stated"),
    _("similarity"),
    _("column"),
    # What a stop says.
    _("stopped on request; a checkpoint is saved"),
    _("stopped on request; nothing was written"),
    # Results.
    _("run %(run)s: its answer names no checkpoint"),
    _("run %(run)s: its answer has a row of kind %(kind)s; known: %(known)s"),
    _("run %(run)s: a prediction names study %(study)s, which is not in the archive"),
    _("snapshot %(snapshot)s: has no split"),
    _("job %(job)s: its answer names no snapshot"),
    _("snapshot %(snapshot)s: a patient in it withdrew while it was written; freeze a new one"),
    _("snapshot %(snapshot)s: a picture with text was taken out while it was written; freeze it again"),
    _("snapshot %(snapshot)s is frozen already"),
    _("job %(job)s: its answer file is empty"),
    _("job %(job)s: its answer file holds no result"),
    _("run %(run)s: has no training set"),
    _("snapshot %(name)s: its split has no study on the test side"),
    # Requests.
    _("%(path)s: expected one JSON object"),
    _("%(path)s: cannot be read (%(error)s)"),
    _("%(path)s: cannot be written (%(error)s)"),
    _("%(path)s: not JSON (%(error)s)"),
    _("%(where)s: no field %(key)s"),
    _("config: %(overrides)s is not an object"),
    _("seed: %(seed)s is not a whole number of at least 0"),
    _("init.%(name)s: %(folder)s is not a folder"),
    _("init.%(name)s: missing; name the folder of %(what)s"),
    _("a trained UMiCon"),
    _("a language model"),
    _(
        "config.image_size: %(height)s x %(width)s, but the snapshot holds %(rows)s x %(columns)s "
        "images; make them the same"
    ),
    # Freezing of a training set.
    _("studies: no view in the request; a snapshot needs images"),
    _("image.%(key)s: %(value)s is not a whole number of at least 1"),
    _("studies[%(number)s]: not an object with a field 'study'"),
    _("study %(study)s: a view needs path, laterality (L or R) and view"),
    _("study %(study)s: %(error)s"),
    _("%(path)s: holds no image"),
    _("%(path)s: no such file"),
    _("%(path)s: not a readable DICOM file (%(error)s)"),
    _("%(name)s: its pixels cannot be decoded (%(error)s)"),
    _("%(name)s: %(count)s-dimensional pixels, expected one grey image"),
    _("fit %(fit)s: is no part of an image"),
    _("fit %(fit)s: nothing is left of it without a border of %(border)s pixels"),
    _("fit %(fit)s: outside an image of %(rows)s x %(columns)s pixels"),
    _("fit %(fit)s: needs whole numbers top, left, height and width"),
    _("window %(window)s: needs numbers center and width"),
    # Reading of a training set.
    _("%(folder)s: a snapshot is never overwritten; give another folder"),
    _("%(file)s: %(written)s images for %(views)s views"),
    _("%(path)s: no such file; a snapshot folder holds a manifest.json"),
    _("%(path)s: format %(format)s, this version reads %(known)s"),
    _("%(path)s: content_hash is not that of its files; build again"),
    _("%(path)s: %(type)s %(shape)s, expected uint8 (N, %(rows)s, %(columns)s)"),
    _("%(path)s: no such file; build the snapshot again"),
    _("%(where)s: %(key)s is %(value)s, expected one of %(known)s"),
    _("%(where)s: %(count)s turns; they alternate and end with the patient's"),
    _("%(file)s row %(row)s: %(type)s %(shape)s, expected %(count)s images of uint8 %(size)s"),
    _("%(path)s: not JSON (%(error)s); build the snapshot again"),
    _("%(path)s: no field %(key)s; build the snapshot again"),
    _("%(path)s: named in the manifest but missing; build the snapshot again"),
    _("%(path)s: changed since it was frozen (wrong SHA-256); build it again"),
    _("%(path)s: not covered by the manifest; build the snapshot again"),
    _("%(where)s: view index %(index)s is not a row of the %(count)s images"),
    _(
        "%(where)s: patient %(patient)s is in %(side)s and, in %(there)s, in %(other)s; split by patient "
        "and build the snapshot again"
    ),
    _("%(file)s: %(name)s %(value)s stands twice; build the snapshot again"),
    _(
        "%(file)s: question %(question)s of patient %(patient)s names study %(study)s, which is of patient "
        "%(other)s; name a study of hers and build the snapshot again"
    ),
    _("%(file)s row %(row)s: not a JSON object"),
    _("%(file)s row %(row)s: not JSON (%(error)s)"),
    # A corpus of dialogues.
    _("corpus %(path)s can't be read as UTF-8: %(error)s"),
    _("corpus %(path)s: %(count)s dialogues, at least %(least)s needed"),
    _("%(where)s: expected an object"),
    _("%(where)s: turns must be an odd number of texts, the last one the user's"),
    _("%(where)s: answer is empty"),
    _("%(where)s: not valid JSON (%(error)s)"),
    # Training.
    _("single_expert: %(value)s is not one of %(known)s"),
    _("beta: must be above 0, and sft_weight not below it"),
    _("tuning: none leaves nothing to learn here; choose lora or full"),
    _("planted: 0 alone; strings are planted in the SFT that this stage starts from"),
    _(
        "pretraining_epochs: %(count)s of %(epochs)s epochs leaves none to train the classifier; make it smaller than "
        "epochs"
    ),
    _(
        "%(path)s: cut or changed since it was written, and these are the best weights, which the run keeps; resume "
        "it, and it trains again from before them"
    ),
    _("%(name)s: %(value)s is less than 1"),
    _("%(name)s: %(value)s is less than 0"),
    _("%(name)s: %(value)s is less than 0 or no number"),
    _("text_hidden_size: %(value)s does not divide into %(heads)s text_heads"),
    _("vector_size: %(value)s is no multiple of %(step)s, which fusion: attention needs"),
    _(
        "%(stage)s: the loss is no number any more at step %(step)s (epoch %(epoch)s): the training diverged; "
        "lower learning_rate"
    ),
    _("%(stage)s: no training sample in the snapshot's train split; choose a snapshot that holds some"),
    _(
        "%(stage)s: no sample in the validation split to choose the best weights by; choose another snapshot, or "
        "keep last and no early_stopping_epochs"
    ),
    _("%(file)s: no weights of %(model)s (%(error)s); give those of this very model"),
    _(
        "%(file)s: its weights lack %(count)s parts of %(model)s (%(part)s, for one), which would stay random; "
        "give those of this very model"
    ),
    _("%(name)s: %(value)s is not between 0 and 1"),
    _("%(name)s: needs the validation loss; set validate_every_epochs"),
    _("%(name)s: %(config)s has no such field; known are %(known)s"),
    _("preset: %(name)s is unknown; known are %(known)s"),
    _("routing: names %(names)s, expected A, B, C and D"),
    _("routing: %(density)s goes to %(expert)s, which experts does not name"),
    _("tower_image_size: %(size)s is no multiple of tower_patch_size"),
    _("%(name)s: %(value)s is not %(expected)s"),
    _("a number"),
    _("of type %(type)s"),
    _("%(name)s: %(value)s is not one of %(known)s"),
    _("%(name)s: %(value)s is not a list of %(count)s values"),
    _("%(name)s: %(value)s is not an object"),
    _("gradient_checkpointing: this stage has no network that can recompute; set it to false"),
    _(
        "gradient_checkpointing: %(encoder)s has batch normalisation, whose statistics would count each "
        "batch twice; set it to false, or name an encoder without (convnext_tiny, "
        "vit_base_patch14_dinov2)"
    ),
    _("gradient_checkpointing: %(encoder)s can't recompute its layers; set it to false"),
    _(
        "%(output)s: cannot resume, %(changed)s differs from the run that was started there; start it "
        "anew with resume false"
    ),
    _("snapshot %(name)s: no answer in its train split to tune on"),
    _("snapshot %(name)s: no question of its train split has an unpicked answer"),
    _("init.mammovlm: missing; name the folder of a tuned MammoVLM"),
    _("init.density: missing; name the folder of a trained density selector"),
    _("init.%(name)s: trained on images of %(size)s, not %(other)s"),
    _("init.%(name)s: trained on images of %(size)s"),
    _("%(name)s: %(asked)s, but init.umicon was trained with %(found)s"),
    _("init.%(name)s: %(error)s"),
    _("init: %(error)s"),
    _("only_expert: %(error)s"),
    _("sft.jsonl: study %(study)s is not in studies.jsonl"),
    _(
        "sft.jsonl: sample %(sample)s has %(count)s tokens and the model takes %(most)s; shorten it or "
        "leave it out"
    ),
    _(
        "init.vision_language: its language model reads and writes apart (T5); only models that go on "
        "from the question are tuned here (for BLIP-2: the editions with OPT)"
    ),
    _(
        "init.vision_language: %(type)s has none of the parts that join images to words (%(known)s); it "
        "can't be tuned here"
    ),
    _(
        "init.vision_language: missing; name the folder of a vision-language model, or as "
        "init.language_model that of a language model to make a LLaVA of"
    ),
)
