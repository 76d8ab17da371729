// One push: the tab of its task instance, while it runs and after it.

import { UI, count, duration, h, query, useApi } from "./host.js";
import { Copy, Inner, Line, Loaded, Rows, StateBadge, Time, VerdictBar } from "./parts.js";
import { Again } from "./again.js";
import { Fact } from "./overview.js";
import { Browse, pathOf } from "./records.js";

const ENDED = new Set(["success", "failed", "skipped", "removed", "upstream_failed"]);

/** The tab. Airflow says of which task instance. */
export function PushTab({ dagId, runId, taskId, mapIndex }) {
  const index = mapIndex === undefined || mapIndex === "" ? -1 : mapIndex;
  // A list first: most tasks are no pushes, and a browser complains of what is not found.
  const there = useApi(`pushes${query({ dag_id: dagId, map_index: index, run_id: runId, task_id: taskId })}`);
  const isPush = Boolean(there.data?.pushes.length);
  const path = isPush ? pathOf({ dag_id: dagId, map_index: index, run_id: runId, task_id: taskId }) : null;
  const first = useApi(path);
  const under = first.data && !ENDED.has(first.data.state);
  const later = useApi(under ? path : null, 3);
  if (there.data && !isPush) {
    return h(
      UI.Text,
      { color: "fg.muted", p: 4 },
      "This task pushes no profiles, or has not started yet. A push shows its report here, also while it runs.",
    );
  }
  const push = later.data ? { ...first, data: later.data } : first;
  return h(
    UI.Box,
    { "data-profiles": "tab", p: { base: 2, md: 4 } },
    h(Loaded, { of: isPush ? push : there }, () => push.data && h(Push, { push: push.data })),
  );
}

function Push({ push }) {
  const report = push.report ?? push.progress.report;
  return h(
    UI.VStack,
    { align: "stretch", gap: 5 },
    h(
      UI.Flex,
      { align: "center", gap: 3, wrap: "wrap" },
      h(UI.Heading, { as: "h2", size: "md" }, `Push to ${push.vendor_name}`),
      push.conn_id && h(UI.Code, null, push.conn_id),
      h(StateBadge, { state: push.state }),
      push.action !== "push" && h(UI.Badge, { variant: "outline" }, push.action),
      h(
        Inner,
        { to: `/plugin/profiles${query({ screen: "pushes", vendor: push.vendor })}` },
        "All pushes of this vendor",
      ),
    ),
    push.progress.words &&
      h(
        UI.Alert.Root,
        { "aria-live": "polite", role: "status", status: "info" },
        h(UI.Alert.Indicator),
        h(
          UI.Alert.Content,
          null,
          h(UI.Alert.Title, null, "Under way"),
          h(UI.Alert.Description, null, push.progress.words),
        ),
      ),
    report
      ? h(Report, { push, report })
      : h(
          UI.Text,
          { color: "fg.muted" },
          ENDED.has(push.state)
            ? "It left no report: it was stopped before its end, or its do_xcom_push is off. Its log says more."
            : "No report so far.",
        ),
    push.ledger_conn_id && h(Browse, { push }),
    push.plan_summary &&
      h(
        UI.Box,
        { as: "section" },
        h(UI.Heading, { as: "h3", mb: 2, size: "sm" }, "Plan"),
        h(
          UI.Box,
          { as: "pre", bg: "bg.subtle", fontSize: "sm", overflowX: "auto", p: 3, tabIndex: 0 },
          push.plan_summary,
        ),
        push.plan && h(Copy, { label: "the plan's id", text: push.plan }),
      ),
  );
}

function Report({ push, report }) {
  return h(
    UI.VStack,
    { align: "stretch", gap: 5 },
    h(VerdictBar, { height: "16px", report }),
    report.complete === false &&
      h(
        UI.Alert.Root,
        { role: "note", status: "warning" },
        h(UI.Alert.Indicator),
        h(
          UI.Alert.Content,
          null,
          h(
            UI.Alert.Title,
            null,
            ENDED.has(push.state)
              ? "The push stopped before its end: what it has not sent is counted as unsent."
              : "These are the numbers so far.",
          ),
        ),
      ),
    h(Reasons, { report }),
    report.rejects &&
      h(
        UI.Box,
        { as: "section" },
        h(UI.Heading, { as: "h3", mb: 2, size: "sm" }, "Rejects"),
        h(UI.Text, { fontSize: "sm", mb: 2 }, "What was not delivered is in this file, where the task ran:"),
        h(Copy, { label: "the path of the rejects", text: report.rejects }),
        h(UI.Box, { mt: 3 }, h(Again, { push })),
      ),
    h(
      UI.Box,
      { as: "section" },
      h(UI.Heading, { as: "h3", mb: 2, size: "sm" }, "What it cost"),
      h(
        UI.DataList.Root,
        { orientation: "horizontal", size: "sm" },
        h(Fact, { label: "Received" }, count(report.received)),
        h(Fact, { label: "Requests" }, `${count(report.requests)}, ${count(report.retries)} of them retries`),
        h(Fact, { label: "Time" }, duration(report.seconds ?? 0)),
        h(
          Fact,
          { label: "Waited for quota" },
          `${duration(report.throttled_seconds ?? 0)}, summed over all requests`,
        ),
        report.throttled !== undefined && h(Fact, { label: "Answers 429" }, count(report.throttled)),
        typeof report.quota_share === "number" &&
          h(Fact, { label: "Share of the quota" }, `${Math.round(report.quota_share * 100)} %`),
        report.absent > 0 && h(Fact, { label: "Gone from the source" }, count(report.absent)),
        h(Fact, { label: "Started" }, h(Time, { at: push.start })),
        h(Fact, { label: "Ended" }, h(Time, { at: push.end })),
        push.ledger_conn_id && h(Fact, { label: "Ledger" }, push.ledger_conn_id),
      ),
    ),
  );
}

/** Why records were not delivered, as a report tells it. */
export function Reasons({ report }) {
  const reasons = Array.isArray(report.reasons) ? report.reasons : [];
  const owed = ["invalid", "rejected", "failed", "unsent", "quarantined", "drifted", "missing"].some(
    (name) => report[name] > 0,
  );
  if (!reasons.length) {
    return h(
      UI.Text,
      { color: "fg.muted", fontSize: "sm" },
      owed
        ? "This report names no reasons: they are in the task's log and in the rejects file."
        : "Nothing was refused.",
    );
  }
  const rows = reasons.map(({ verdict, reason, count: times }) =>
    h(Line, { cells: [count(times), verdict, reason], key: `${verdict} ${reason}` }),
  );
  return h(
    UI.Box,
    { as: "section" },
    h(UI.Heading, { as: "h3", mb: 2, size: "sm" }, "Why"),
    h(Rows, { columns: ["Records", "Verdict", "Reason"], label: "Reasons", rows }),
  );
}
