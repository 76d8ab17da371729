"""What OpenLineage's listener asks an operator; without the extra ``openlineage`` nobody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_profile_provider.lineage.described import DescribedPush


class LineageMixin:
    """Tells where a push reads from and what it writes to: names of datasets and columns, and counts."""

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any]:
        """Return the datasets; what becomes of the changes is not known yet."""
        from airflow_profile_provider.lineage.facets import lineage_of

        return lineage_of(cast("DescribedPush", self))

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Return the datasets with the report's counts."""
        return self.get_openlineage_facets_on_start()

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Return the same: a red push has written what was acknowledged."""
        return self.get_openlineage_facets_on_start()
