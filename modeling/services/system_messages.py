"""What jobs say about answering systems, their files of answers, endpoints and weights (`job_messages`)."""

from django.utils.translation import gettext_noop as _

SYSTEM_MESSAGES: tuple[str, ...] = (
    # Answers of systems.
    _("systems: expected a list with at least one system"),
    _("systems: two systems have the same key"),
    _("systems[%(number)s]: expected an object with key and spec"),
    _("system %(key)s: %(error)s"),
    _("%(error)s; another system failed too: %(what)s"),
    _("parameters: %(error)s"),
    _("spec: %(error)s"),
    _("spec.kind: %(kind)s is not one of %(known)s"),
    _("spec.path: a system of kind %(kind)s needs the path of its files"),
    _("spec.layout: %(layout)s is not one of %(known)s"),
    _("n, distinct: a dialogue is answered once; give n = 1 and leave distinct out"),
    _("%(name)s: %(value)s is not a whole number that makes sense here"),
    _("spec.budget.%(name)s: unknown; known are requests, tokens"),
    _("spec.budget.%(name)s: %(value)s is neither a whole number nor null"),
    _("questions: expected a list of objects"),
    _("questions: id %(question)s occurs twice; give each question its own id"),
    _("%(where)s: expected an object with the field 'id'"),
    _("%(where)s: expected an object with the fields path, laterality and view"),
    _("%(where)s.turns: expected an odd number of texts, the last one the patient's"),
    _("%(where)s.turns: the last text is empty; a question is needed"),
    _("%(where)s.following: expected a list of the patient's further texts, none of them empty"),
    _("question %(question)s: %(error)s"),
    _(
        "question %(question)s: %(count)s tokens and an answer of up to %(longest)s do not fit the "
        "model's %(most)s positions; shorten it or max_new_tokens"
    ),
    _(
        "question %(question)s: %(count)s tokens (images included) and an answer of up to %(longest)s do "
        "not fit the model's %(most)s positions; use the layout montage, or a smaller max_new_tokens"
    ),
    _("%(folder)s: nothing was planted in this run; tune it with planted above 0"),
    _("%(name)s: give an object whose `kind` is one of %(known)s"),
    _("%(name)s: cannot be read (%(error)s); give an existing file or one of the ready specs: %(known)s"),
    # Files of answers.
    _("answers file %(path)s does not exist: put it there or name another"),
    _("answers file %(path)s can't be read as UTF-8: %(error)s"),
    _("%(path)s row %(row)s: holds text and turns; leave one of them empty"),
    _('%(path)s row %(row)s: turns is no list of texts; write the answers as ["first", "second"]'),
    _("%(path)s row %(row)s: answer %(number)s of turns is empty or no text; write it, or leave the row out"),
    _(
        "%(path)s: %(problem)s; columns are question, text (of a dialogue turns, a list) and, if known, "
        "index, seconds, study and malignancy"
    ),
    _("column %(column)s is missing"),
    _("unknown column %(column)s"),
    _("%(path)s: no answer number %(number)s to question %(question)s; add a row"),
    _("%(where)s is a dialogue of %(wanted)s turns; give its %(count)s answers as a list in turns"),
    _("%(where)s has %(wanted)s turns of the patient, %(given)s answers are given; %(mend)s answers"),
    _("add the missing"),
    _("take out the extra"),
    _("%(where)s is no dialogue; give one answer in text, not turns"),
    _("%(path)s row %(row)s: question %(question)s has two answers of index %(index)s"),
    _("%(path)s row %(row)s: %(name)s is empty; each row needs question and text"),
    _("a frame of %(shape)s pixels, but this system was trained on %(size)s"),
    _("%(path)s row %(row)s: index and seconds must be numbers (%(error)s)"),
    _("%(path)s row %(row)s: expected a JSON object"),
    _("%(path)s row %(row)s: more cells than columns"),
    _("%(path)s row %(row)s: not valid JSON (%(error)s)"),
    # Endpoints.
    _("endpoint %(url)s: the environment variable %(variable)s, which holds the key, is not set"),
    _("endpoint %(url)s: no answer to question %(question)s"),
    _(
        "endpoint %(url)s, question %(question)s: the budget of its approval is spent; ask for an "
        "approval with a larger one"
    ),
    _("spec.capabilities.image_mode: %(mode)s, not none or data_url"),
    _(
        "spec.base_url: %(host)s is another machine; patients' text leaves this one only when an "
        "administrator has set remote_allowed to true for this system"
    ),
    _("spec.%(name)s: an endpoint needs %(need)s"),
    _("%(where)s.%(name)s: unknown; known are %(known)s"),
    _("endpoint %(url)s: nothing more is sent"),
    _("spec.api_key_env: name a variable in capitals that ends in _API_KEY; no other secret is sent"),
    _("%(where)s: the key is refused; check the environment variable %(variable)s"),
    _(
        "%(where)s: still too many requests (429) after %(retries)s retries; lower "
        "capabilities.max_concurrency or run again later"
    ),
    _("%(where)s: no answer within %(seconds)s s; raise timeout_seconds or look at the server"),
    _("%(where)s: no connection; is the server running?"),
    _("%(where)s: refused with status %(status)s"),
    # Zero-shot methods.
    _("method: %(method)s is not one of %(known)s"),
    _("yes_no: the tokenizer does not tell yes from no by their first token; use stated"),
    _("yes_no: a %(system)s shows no token chances; use stated"),
    _("%(method)s: not defined for a system of kind %(kind)s; similarity is for dual_encoder alone"),
    _("%(method)s: not defined for a system of kind %(kind)s; column is for a file of answers alone"),
    _("%(path)s: no columns study and malignancy, so it gives no chance of malignancy"),
    _("%(path)s: row %(number)s lacks study or malignancy; give both in each row"),
    _("%(path)s: row %(number)s gives study %(study)s another chance of malignancy than a row before"),
    _("%(path)s: malignancy of study %(study)s is %(given)s, expected 0 to 1"),
    _("%(path)s: can't be read (%(error)s)"),
    # Folders of weights.
    _("%(path)s holds a %(type)s model: use the kind transformers for it"),
    _(
        "%(path)s: no model of this hub name lies below %(base)s: run `%(command)s`, or give the folder; "
        "nothing is downloaded here"
    ),
    _(
        "%(path)s: neither a folder here nor known as a hub name, since %(variable)s is not set: set it "
        "to the folder of all weights and run `%(command)s`; nothing is downloaded here"
    ),
    _("%(folder)s: holds %(found)s, expected %(expected)s"),
    _("%(path)s: missing or changed since it was saved (wrong SHA-256)"),
    _("%(path)s: missing %(missing)s, unexpected %(unexpected)s"),
    _("%(path)s: missing %(missing)s, unexpected %(unexpected)s; convert it again"),
    _("%(folder)s: no readable %(file)s (%(error)s)"),
    _("%(file)s: not a JSON object (%(error)s); copy the folder's files again"),
    _("%(file)s: grey is %(given)s, expected [mean, deviation] of grey values in 0..1"),
    _("%(folder)s: no %(names)s; point to a folder of timm weights (`manage.py fetch_weights` brings them)"),
    _("%(name)s is not a timm model"),
    _("model.safetensors is missing in %(folder)s: %(hint)s"),
    _(
        "model folder %(path)s does not exist: put the model's files there (config.json, the tokenizer's "
        'files and *.safetensors; `manage.py fetch_weights` brings them) or name another folder as "path"'
    ),
    _(
        "%(path)s asks for code of its own (auto_map), which is never run: use the edition of this model "
        "that transformers loads natively (for GLM-4: glm-4-9b-chat-hf)"
    ),
    _("tokenizer.json is missing in %(path)s: copy the tokenizer's files beside config.json"),
    _(
        "the weights in %(path)s lack %(count)s parts that config.json asks for (%(name)s, for one): the "
        "files are of different models; copy them again from one source"
    ),
    _("%(name)s is missing in %(folder)s: copy the model's %(file)s there"),
    _("%(file)s must hold one JSON object: copy the file again"),
    _("the model in %(path)s can't be loaded: %(reason)s; copy its files again"),
    _("%(file)s is not valid JSON (%(error)s): copy the file again"),
    _(
        "%(part)s is missing in %(folder)s (%(missing)s of %(count)s parts named by %(file)s): copy the "
        "other parts there"
    ),
    _("%(path)s: holds a %(type)s model, expected %(expected)s"),
    _(
        "%(path)s: no whole Mammo-CLIP folder (%(error)s); convert the published checkpoint with "
        "convert_mammo_clip"
    ),
    _(
        "%(folder)s: no %(names)s; put %(what)s there (`manage.py fetch_weights macbert` brings all "
        "files of one)"
    ),
    _(
        "%(path)s: its weights lack %(count)s parts that config.json asks for (%(name)s, for one); copy "
        "config.json and model.safetensors again from one source"
    ),
    _("%(path)s: this text encoder can't be loaded (%(reason)s); copy its files again"),
    _("neither generation_config.json nor the tokenizer names the token that ends an answer (eos_token_id)"),
    _("the language model's tokenizer has no %(token)s; give one with GLM-4's tokens"),
    _("%(path)s: not as it was written (%(error)s); copy the file again"),
)
