// Refused: why records were not delivered, most frequent reasons first, and the pushes that met them.

import { UI, count, h, pushAddress, query, useApi, useState } from "./host.js";
import { Choice, Empty, Inner, Line, Loaded, Rows, Time } from "./parts.js";
import { DAYS } from "./overview.js";

/** The screen. */
export function Refused({ values, choose }) {
  const days = values.days ?? "7";
  const { vendor } = values;
  const found = useApi(`reasons${query({ days, vendor })}`);
  return h(
    UI.VStack,
    { align: "stretch", gap: 4 },
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
  const pushes = reason.pushes.map((push) =>
    h(
      UI.Flex,
      { columnGap: 2, key: pushAddress(push), wrap: "wrap" },
      h(Inner, { to: pushAddress(push) }, h(Time, { at: push.start })),
      `${push.dag_id} · ${push.task_id}: ${count(push.count)}`,
    ),
  );
  return h(Line, {
    cells: [
      count(reason.count),
      reason.vendor_name,
      reason.verdict,
      h(UI.Text, { maxW: "60ch", overflowWrap: "anywhere" }, reason.reason),
      h(Time, { at: reason.last }),
      open
        ? h(UI.VStack, { align: "start", gap: 1 }, pushes)
        : h(
            UI.Button,
            { "aria-expanded": open, onClick: () => setOpen(true), size: "2xs", variant: "outline" },
            "Show",
          ),
    ],
  });
}
