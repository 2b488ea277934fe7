"""The stores of a process, by its settings and policies."""

from typing import TYPE_CHECKING

from bff.clock import Clock
from bff.events import Notify
from bff.policy.caching import StorePolicy
from bff.secrets import Secret, SecretMissing
from bff.settings import Settings, SettingsError
from bff.store.address import Address
from bff.upstream.cache.keys import FORMAT
from bff.upstream.cache.seal import Seal

if TYPE_CHECKING:
    from bff.store.redis_store import RedisStore


def shared_store(
    settings: Settings, policy: StorePolicy, *, use: str = "cache", clock: Clock, notify: Notify
) -> "RedisStore":
    """Return the store in the Redis that *settings* name, for one *use*; nothing is connected yet."""
    from bff.store.redis_store import RedisStore  # noqa: PLC0415 - slow to import, and many processes have no Redis

    assert settings.redis_url is not None
    return RedisStore(
        Address.parse(settings.redis_url.get_secret_value()),
        policy,
        prefix=f"bff:{policy.namespace}:{FORMAT}:{use}:",
        use=use,
        clock=clock,
        notify=notify,
    )


def counter_store(settings: Settings, policy: StorePolicy, *, clock: Clock, notify: Notify) -> "RedisStore":
    """Return the store for counting alone, with bounds of its own (RL-19)."""
    from bff.store.redis_store import RedisStore  # noqa: PLC0415 - as above

    assert settings.redis_url is not None
    return RedisStore(
        Address.parse(settings.redis_url.get_secret_value()),
        policy.for_limits(),
        prefix=f"bff:{policy.namespace}:",
        use="ratelimit",
        clock=clock,
        notify=notify,
    )


def seal_of(policy: StorePolicy, *, clock: Clock) -> Seal | None:
    """Return what encrypts entries by *policy*, None where it names no key.

    Raises:
        SettingsError: The key cannot be read.
    """
    if policy.encryption_key is None:
        return None
    try:
        return Seal(Secret(policy.encryption_key, now=clock.now))
    except SecretMissing as error:
        raise SettingsError(f"policies/store.yaml: encryption_key: {error}") from error
