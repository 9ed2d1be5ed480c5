"""Model fields whose text is encrypted at rest under the key of the patient it is about."""

import base64
import json
import uuid
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.expressions import BaseExpression
from django.utils.translation import gettext as _

from mammo.core.errors import WrongStateError
from mammo.core.keys import KeyDestroyedError, key_store

PREFIX = "mammo1"
ERASED = "[erased]"


class ErasedText(str):
    """Stands where an encrypted text was before its key was destroyed."""

    __slots__ = ()


class PatientWithdrewError(KeyDestroyedError, WrongStateError):
    """The key of the person whom a new text is about was destroyed: nothing more is written about her (HTTP 409)."""


def withdrew() -> PatientWithdrewError:
    """The refusal in words for the person who wrote."""
    return PatientWithdrewError(_("This patient withdrew; nothing more is written about her."))


def encrypt_text(text: str, key_id: uuid.UUID, purpose: str) -> str:
    """Return `mammo1:<key id>:<base64>`, bound to `purpose`."""
    sealed = key_store().encrypt(key_id, text.encode(), purpose)
    return f"{PREFIX}:{key_id}:{base64.b64encode(sealed).decode()}"


def decrypt_text(stored: str, purpose: str) -> str:
    """Reverse of `encrypt_text`; after erasure the result is `ErasedText`."""
    prefix, key_id, sealed = stored.split(":", 2)
    if prefix != PREFIX:
        raise ValueError(f"encrypted {purpose}: unknown format {prefix!r}")
    try:
        return key_store().decrypt(uuid.UUID(key_id), base64.b64decode(sealed), purpose).decode()
    except KeyDestroyedError:
        return ErasedText(ERASED)


if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


class EncryptedTextField(_TextField):
    """Text encrypted under `instance.encryption_key_id()`; reads back as str, or ErasedText after erasure.

    The model gives `encryption_key_id() -> uuid.UUID`. Searching in the text is impossible by design, and
    `QuerySet.update()` is refused unless it comes from `core.versions.save_versioned`. Saving a text under a key
    that was destroyed raises PatientWithdrewError.
    """

    def _purpose(self) -> str:
        return f"{self.model._meta.label_lower}.{self.name}"

    def _to_text(self, value: Any) -> str:
        return str(value)

    def _from_text(self, text: str) -> Any:
        return text

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = getattr(model_instance, self.attname)
        if value is None or value == "":
            return value
        if isinstance(value, ErasedText):
            raise ValueError(
                f"{self._purpose()}: the text was erased; a row can't be saved over its tombstone"
            )
        key_id = model_instance.encryption_key_id()  # type: ignore[attr-defined]
        try:
            return Sealed(encrypt_text(self._to_text(value), key_id, self._purpose()))
        except KeyDestroyedError:
            raise withdrew() from None

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value == "" or isinstance(value, Sealed | BaseExpression):
            return value
        raise TypeError(
            f"{self._purpose()} is encrypted per patient: save the row itself, not by QuerySet.update()"
        )

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        prepared = self.get_prep_value(value)
        return str(prepared) if isinstance(prepared, Sealed) else prepared

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        ready = value if prepared else self.get_prep_value(value)
        return str(ready) if isinstance(ready, Sealed) else ready

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        if value is None or value == "":
            return value
        text = decrypt_text(value, self._purpose())
        return text if isinstance(text, ErasedText) else self._from_text(text)


class EncryptedJSONField(EncryptedTextField):
    """As EncryptedTextField, for a JSON value (list or dict)."""

    def _to_text(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    def _from_text(self, text: str) -> Any:
        return json.loads(text)

    def to_python(self, value: Any) -> Any:
        return value


class Sealed(str):
    """Ciphertext on its way to the database (never encrypted twice)."""

    __slots__ = ()
