// Refused: why records were not delivered, most frequent reasons first, and the pushes that met them.

import { UI, count, h, pushAddress, query, useApi, useId, useState } from "./host.js";
import { Choice, Empty, Inner, Line, Loaded, Rows, Time } from "./parts.js";
import { DAYS } from "./overview.js";
import { Records } from "./records.js";
import { Search } from "./story.js";

/** The screen; a search that somebody has sent stands first. */
export function Refused({ values, choose }) {
  const parts = [
    h(Why, { choose, key: "why", values }),
    h(
      UI.VStack,
      { align: "stretch", as: "section", gap: 3, key: "search" },
      h(UI.Heading, { as: "h2", size: "md" }, "Find one profile"),
      h(Search, { choose, values }),
    ),
  ];
  return h(UI.VStack, { align: "stretch", gap: 6 }, values.key ? parts.reverse() : parts);
}

function Why({ values, choose }) {
  const days = values.days ?? "7";
  const { vendor } = values;
  const found = useApi(`reasons${query({ days, vendor })}`);
  return h(
    UI.VStack,
    { align: "stretch", as: "section", gap: 3 },
    h(UI.Heading, { as: "h2", size: "md" }, "Why records were not delivered"),
    h(
      UI.Flex,
      { align: "end", gap: 3, wrap: "wrap" },
      h(Choice, {
        label: "Period",
        onChange: (chosen) => choose({ days: chosen }),
        options: DAYS,
        value: days,
      }),
      vendor &&
        h(
          UI.Button,
          { onClick: () => choose({ vendor: "" }), size: "sm", variant: "outline" },
          `Only ${vendor}: show all vendors`,
        ),
    ),
    h(Loaded, { of: found }, (data) =>
      data.reasons.length
        ? h(Rows, {
            columns: ["Records", "Vendor", "Verdict", "Reason", "Last", "Pushes"],
            label: "Reasons",
            rows: data.reasons.map((reason) =>
              h(Row, { key: `${reason.vendor} ${reason.verdict} ${reason.reason}`, reason }),
            ),
          })
        : h(
            Empty,
            { title: "Nothing was refused in this period" },
            "The reasons of records that are invalid, rejected or failed are counted here. Pushes of before the reasons were part of the report are not among them.",
          ),
    ),
  );
}

function Row({ reason }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const cells = [
    count(reason.count),
    reason.vendor_name,
    reason.verdict,
    h(UI.Text, { maxW: "60ch", overflowWrap: "anywhere" }, reason.reason),
    h(Time, { at: reason.last }),
    h(
      UI.Button,
      {
        "aria-controls": id,
        "aria-expanded": open,
        onClick: () => setOpen(!open),
        size: "2xs",
        variant: "outline",
      },
      open ? "Hide" : "Show",
    ),
  ];
  if (!open) return h(Line, { cells });
  const pushes = reason.pushes.map((push) => h(Push, { key: pushAddress(push), push, reason }));
  const details = h(
    UI.Table.Cell,
    { colSpan: cells.length },
    h(UI.VStack, { align: "stretch", gap: 2, id }, pushes),
  );
  return [h(Line, { cells, key: "row" }), h(UI.Table.Row, { key: "details" }, details)];
}

function Push({ push, reason }) {
  const [open, setOpen] = useState(false);
  return h(
    UI.Box,
    null,
    h(
      UI.Flex,
      { align: "center", columnGap: 2, wrap: "wrap" },
      h(Inner, { to: pushAddress(push) }, h(Time, { at: push.start })),
      `${push.dag_id} · ${push.task_id}: ${count(push.count)}`,
      push.ledger_conn_id &&
        h(
          UI.Button,
          { "aria-expanded": open, onClick: () => setOpen(!open), size: "2xs", variant: "outline" },
          open ? "Hide records" : "Records",
        ),
    ),
    open && h(Records, { push, reason: reason.reason, verdict: reason.verdict }),
  );
}
