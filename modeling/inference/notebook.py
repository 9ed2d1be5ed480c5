"""Asking a tuned MammoVLM from a notebook, about a study of a snapshot."""

from __future__ import annotations

from pathlib import Path

import torch

from modeling.data.augmentation import orient
from modeling.data.snapshot import open_snapshot
from modeling.nn.chat import ChatEncoder
from modeling.nn.generation import Prompt, Sampling, generate_rows
from modeling.nn.language import check_model_folder, load_tokenizer, load_whole
from modeling.nn.mammovlm import MammoVLM


def ask(
    model_folder: Path | str,
    question: str,
    *,
    snapshot: Path | str,
    study: int,
    history: tuple[str, ...] = (),
    temperature: float = 0.0,
    seed: int = 0,
) -> str:
    """The answer to a question about the study in that place of a snapshot.

    Args:
        history: earlier questions and answers, alternating.
        temperature: 0 takes the likeliest words.

    Raises:
        ModelFolderError: the folder holds no whole MammoVLM. SnapshotError: the snapshot is not as it was frozen.
    """
    model = load_whole(MammoVLM, check_model_folder(model_folder)).eval()
    encoder = ChatEncoder(load_tokenizer(model_folder))
    opened = open_snapshot(snapshot)
    views = opened.studies[study].views
    images = opened.images[[view.index for view in views]]
    images = orient(images, [view.laterality for view in views], flip_right=model.config.flip_right)
    vectors, mask = model.encode_images(torch.from_numpy(images.copy())[None])
    tags = model.config.tags([(view.laterality, view.view) for view in views])
    ids = encoder.prompt((*history, question), visual_tags=tags, per_tag=model.config.tokens_per_vector)
    (row,) = generate_rows(
        model,
        [Prompt(ids, seed, vectors[mask])],
        sampling=Sampling(temperature=temperature),
        stop_ids=encoder.stop_ids,
        pad_id=encoder.pad_id,
    )
    return encoder.decode(row.ids)
