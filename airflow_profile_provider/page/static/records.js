// Records of a push: what became of each, as the history beside its ledger has it.

import { UI, count, h, query, usePages, useState } from "./host.js";
import { Choice, Line, Loaded, More, Rows, Time } from "./parts.js";

const ALL = "all";
const VERDICTS = [
  "invalid",
  "rejected",
  "failed",
  "unsent",
  "quarantined",
  "drifted",
  "missing",
  "pushed",
  "created",
];

/** The address of a push in the page's API. */
export const pathOf = (push) =>
  `pushes/${[push.dag_id, push.run_id, push.task_id, push.map_index].map(encodeURIComponent).join("/")}`;

/** Records of one verdict and reason, where these are given. */
export function Records({ push, verdict, reason }) {
  const pages = usePages(`${pathOf(push)}${query({ reason, verdict })}`, "records");
  return h(
    UI.VStack,
    { align: "stretch", gap: 2 },
    h(Loaded, { of: pages }, (data) => {
      if (data.records_problem)
        return h(UI.Text, { color: "fg.warning" }, `The history cannot be read: ${data.records_problem}`);
      if (data.records === null)
        return h(
          UI.Text,
          { color: "fg.muted" },
          "Only a push with a ledger leaves a line for each record. The rejects file has those that were not delivered.",
        );
      if (!pages.rows.length)
        return h(UI.Text, { color: "fg.muted" }, "No record of this kind is in the history.");
      return h(Table, { rows: pages.rows });
    }),
    h(More, { pages }),
  );
}

function Table({ rows }) {
  const isMasked = rows.some(({ key }) => key === "•••");
  const line = (row) =>
    h(Line, {
      cells: [
        count(row.position),
        row.key,
        row.verdict,
        h(UI.Text, { maxW: "60ch", overflowWrap: "anywhere" }, row.reason),
        h(Time, { at: row.instant }),
      ],
      key: `${row.push} ${row.number}`,
    });
  return h(
    UI.Box,
    null,
    h(Rows, {
      columns: ["Position", "Key", "Verdict", "Reason", "When"],
      label: "Records",
      rows: rows.map(line),
    }),
    isMasked &&
      h(
        UI.Text,
        { color: "fg.muted", fontSize: "xs", mt: 1 },
        "Keys are shown to who may read the ledger's connection.",
      ),
  );
}

/** All records of a push, with a choice of the verdict. */
export function Browse({ push }) {
  const [verdict, setVerdict] = useState(ALL);
  const options = [[ALL, "all"], ...VERDICTS.map((name) => [name, name])];
  return h(
    UI.VStack,
    { align: "stretch", as: "section", gap: 3 },
    h(UI.Heading, { as: "h3", size: "sm" }, "Records"),
    h(UI.Flex, null, h(Choice, { label: "Verdict", onChange: setVerdict, options, value: verdict })),
    h(Records, { push, verdict: verdict === ALL ? "" : verdict }),
  );
}
