"""Templates: those within expressions, and those that need a date, in a run that has none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    Rendered = BaseOperator
else:
    Rendered = object

DATES = frozenset(
    "ds ds_nodash ts ts_nodash ts_nodash_with_tz logical_date data_interval_start data_interval_end".split()
)
"""What Airflow leaves out of the templates of a run without a logical date."""


class TemplatesMixin(Rendered):
    """Renders expressions; says what to write where a template names a date that the run does not have."""

    def render_template(
        self, content: Any, context: Context, jinja_env: Any = None, seen_oids: set[int] | None = None
    ) -> Any:
        """Render a value; an expression is made anew of its parts, which are rendered."""
        render = super().render_template
        if hasattr(type(content), "rendered"):  # an expression: what it is, is not imported for this
            return content.rendered(lambda part: render(part, context, jinja_env, seen_oids))
        return render(content, context, jinja_env, seen_oids)

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Render the template fields.

        Raises:
            AirflowFailException: a date is missing; no retry brings it.
        """
        from jinja2 import UndefinedError

        try:
            super().render_template_fields(context, jinja_env)
        except UndefinedError as error:
            missing = re.match(r"'(\w+)' is undefined", str(error))
            if missing is None or missing[1] not in DATES or context.get("logical_date"):
                raise
            raise AirflowFailException(
                f"a template names {missing[1]}, and this run has no logical date, like any that an asset or "
                "the REST API may start: every run has dag_run.run_after, so write "
                "{{ dag_run.run_after | ds }}, or {{ run_id }} for a name of its own"
            ) from None
