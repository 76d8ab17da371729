// Pushes: a list, newest first, with filters; the reasons of each on demand.

import {
  UI,
  count,
  duration,
  h,
  pushAddress,
  query,
  taskAddress,
  useId,
  usePages,
  useState,
} from "./host.js";
import { Choice, Empty, Inner, Line, Loaded, More, Rows, StateBadge, Time, VerdictBar } from "./parts.js";
import { Again } from "./again.js";
import { Reasons } from "./push.js";
import { DAYS } from "./overview.js";

const STATES = [
  ["", "all"],
  ["success", "success"],
  ["failed", "failed"],
  ["running", "running"],
  ["deferred", "deferred"],
  ["up_for_retry", "up for retry"],
];
const DAY = 86_400_000;

/** The screen. */
export function Pushes({ values, choose }) {
  const { vendor, dag_id, state } = values;
  const days = values.days ?? "7";
  // A whole minute, so that the address stays the same while the screen is drawn anew.
  const since = new Date(Math.floor(Date.now() / 60_000) * 60_000 - Number(days) * DAY).toISOString();
  const [from] = useState({});
  from[days] ??= since;
  const pages = usePages(`pushes${query({ dag_id, since: from[days], state, vendor })}`, "pushes");
  const [known, setKnown] = useState({ dags: [], vendors: [] });
  if (pages.data && !vendor && !dag_id && known.data !== pages.data)
    setKnown({ dags: pages.data.dags, data: pages.data, vendors: pages.data.vendors });
  const listed = (names, chosen) => [
    ["", "all"],
    ...[...new Set([...names, ...(chosen ? [chosen] : [])])].map((name) => [name, name]),
  ];
  return h(
    UI.VStack,
    { align: "stretch", gap: 4 },
    h(
      UI.Flex,
      { "aria-label": "Filters", gap: 3, role: "group", wrap: "wrap" },
      h(Choice, {
        label: "Vendor",
        onChange: (chosen) => choose({ vendor: chosen }),
        options: listed(known.vendors, vendor),
        value: vendor ?? "",
      }),
      h(Choice, {
        label: "DAG",
        onChange: (chosen) => choose({ dag_id: chosen }),
        options: listed(known.dags, dag_id),
        value: dag_id ?? "",
      }),
      h(Choice, {
        label: "State",
        onChange: (chosen) => choose({ state: chosen }),
        options: STATES,
        value: state ?? "",
      }),
      h(Choice, {
        label: "Period",
        onChange: (chosen) => choose({ days: chosen }),
        options: DAYS,
        value: days,
      }),
    ),
    h(Loaded, { of: pages }, () =>
      pages.rows.length
        ? h(Rows, {
            columns: ["Started", "Target", "Task", "State", "Records", "Took", "Why"],
            label: "Pushes",
            rows: pages.rows.map((push) => h(Row, { key: pushAddress(push), push })),
          })
        : h(
            Empty,
            { title: "No push is like that" },
            "Choose a longer period, or fewer filters. You see the pushes of the DAGs that you may read.",
          ),
    ),
    h(More, { pages }),
  );
}

function Row({ push }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const seconds = push.end ? (new Date(push.end) - new Date(push.start)) / 1000 : null;
  const cells = [
    h(Inner, { to: pushAddress(push) }, h(Time, { at: push.start })),
    h(
      UI.Box,
      null,
      h(UI.Text, null, push.vendor_name),
      h(UI.Text, { color: "fg.muted", fontSize: "xs" }, push.conn_id ?? ""),
    ),
    h(
      UI.Box,
      null,
      h(
        Inner,
        { to: taskAddress(push) },
        `${push.dag_id} · ${push.task_id}${push.map_index >= 0 ? ` [${push.map_index}]` : ""}`,
      ),
      push.action !== "push" && h(UI.Badge, { ml: 2, variant: "outline" }, push.action),
      push.try_number > 1 && h(UI.Text, { color: "fg.muted", fontSize: "xs" }, `try ${push.try_number}`),
    ),
    h(StateBadge, { state: push.state }),
    push.report ? h(VerdictBar, { report: push.report }) : h(UI.Text, { color: "fg.muted" }, "no report"),
    seconds === null ? "–" : duration(seconds),
    push.report
      ? h(
          UI.Button,
          {
            "aria-controls": id,
            "aria-expanded": open,
            "aria-label": `Why, of ${push.task_id}`,
            onClick: () => setOpen(!open),
            size: "2xs",
            variant: "outline",
          },
          open ? "Hide" : "Why",
        )
      : null,
  ];
  if (!open) return h(Line, { cells });
  const details = h(
    UI.VStack,
    { align: "stretch", gap: 3, id, py: 2 },
    h(Reasons, { report: push.report }),
    h(
      UI.Flex,
      { align: "center", gap: 3, wrap: "wrap" },
      h(Inner, { to: taskAddress(push) }, "Log"),
      h(
        Inner,
        { to: `/dags/${encodeURIComponent(push.dag_id)}/runs/${encodeURIComponent(push.run_id)}` },
        "Run",
      ),
      h(Inner, { to: pushAddress(push) }, `All of this push: ${count(push.report.requests)} requests`),
      h(Again, { push }),
    ),
  );
  return [
    h(Line, { cells, key: "row" }),
    h(UI.Table.Row, { key: "details" }, h(UI.Table.Cell, { colSpan: cells.length }, details)),
  ];
}
