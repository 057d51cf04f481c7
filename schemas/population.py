"""`genre.population`: the sufficient statistics of one partition's users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from schemas.fields import Count, FeaturesVersion, Moment, Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationSums:
    """Sums over the users of one tenant on one partition; partitions add up to the population."""

    tenant: Tenant | None = None
    partition: Count
    users: Count
    features_version: FeaturesVersion
    sums: Annotated[bytes, Meta(max_length=256 * 1024, description="Packed sums; base64.")]
    time: Moment
