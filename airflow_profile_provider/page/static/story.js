// One person's story: what the ledger knows of a key, and what became of it in each push, across vendors.

import { UI, count, h, inRuns, pushAddress, query, useApi, useId, usePages, useState } from "./host.js";
import { Copy, Empty, Inner, Line, Loaded, More, Rows, Time } from "./parts.js";
import { WithLedger } from "./ledger.js";
import { pathOf } from "./records.js";

/** A history line's push, as the page's other parts name one. */
const pushOf = (line) => ({
  dag_id: line.dag,
  map_index: line.map_index,
  run_id: line.run,
  task_id: line.task,
});

/** Write a word as a shell takes it. */
const quoted = (word) => `'${word.replaceAll("'", "'\\''")}'`;

/** The search, and what it finds. */
export function Search({ values, choose }) {
  return h(WithLedger, { choose, values }, ({ choice, ledger }) =>
    h(
      UI.VStack,
      { align: "stretch", gap: 4 },
      h(Form, { choice, choose, key: values.key ?? "", values }),
      values.key &&
        (values.prefix ? h(Keys, { choose, ledger, values }) : h(Story, { ledger, wanted: values.key })),
    ),
  );
}

function Form({ choice, choose, values }) {
  const [key, setKey] = useState(values.key ?? "");
  const id = useId();
  const submit = (event) => {
    event.preventDefault();
    choose({ key: key.trim(), prefix: "" });
  };
  return h(
    "form",
    { onSubmit: submit, role: "search" },
    h(
      UI.Flex,
      { align: "end", gap: 3, wrap: "wrap" },
      choice,
      h(
        UI.Box,
        { flex: "1 1 220px", maxW: "420px" },
        h(
          UI.Text,
          { as: "label", color: "fg.muted", display: "block", fontSize: "xs", htmlFor: id, mb: 1 },
          "Key",
        ),
        h(UI.Input, {
          autoComplete: "off",
          id,
          maxLength: 500,
          onChange: (event) => setKey(event.target.value),
          placeholder: "the vendor's identifier",
          size: "sm",
          value: key,
        }),
      ),
      h(UI.Button, { disabled: !key.trim(), size: "sm", type: "submit" }, "Find"),
      h(
        UI.Button,
        {
          disabled: !key.trim(),
          onClick: () => choose({ key: key.trim(), prefix: "true" }),
          size: "sm",
          type: "button",
          variant: "outline",
        },
        "Find keys that begin so",
      ),
    ),
  );
}

function Keys({ ledger, values, choose }) {
  const found = useApi(
    `ledgers/${encodeURIComponent(ledger)}/profile${query({ key: values.key, prefix: true })}`,
  );
  return h(Loaded, { of: found }, ({ keys }) =>
    keys.length
      ? h(
          UI.Flex,
          { "aria-label": "Keys", gap: 2, role: "list", wrap: "wrap" },
          keys.map((key) =>
            h(
              UI.Box,
              { key, role: "listitem" },
              h(
                UI.Button,
                { onClick: () => choose({ key, prefix: "" }), size: "xs", variant: "outline" },
                key,
              ),
            ),
          ),
        )
      : h(Empty, { title: "No key begins so" }, "Upper and lower case matter in the history."),
  );
}

function Story({ ledger, wanted }) {
  const pages = usePages(`ledgers/${encodeURIComponent(ledger)}/profile${query({ key: wanted })}`, "history");
  return h(
    UI.VStack,
    { align: "stretch", gap: 4 },
    h(Loaded, { of: pages }, ({ entries }) =>
      entries.length || pages.rows.length
        ? h(
            UI.VStack,
            { align: "stretch", gap: 4 },
            entries.length > 0 && h(Entries, { entries }),
            pages.rows.length > 0 && h(History, { lines: pages.rows }),
            h(Explain, { line: pages.rows.find((line) => line.dag), wanted }),
          )
        : h(
            Empty,
            { title: "Nothing is known of this key" },
            "No push with this ledger has sent or refused it in the last two weeks, and no vendor has acknowledged it.",
          ),
    ),
    h(More, { pages }),
  );
}

function stateOf(entry) {
  if (entry.under_way) return "on its way";
  if (entry.quarantined_until)
    return h("span", null, "quarantined until ", h(Time, { at: entry.quarantined_until }));
  const past = entry.acknowledged ? "acknowledged" : "never acknowledged";
  return entry.in_doubt ? `${past}; in doubt, so it is sent again` : past;
}

function Entries({ entries }) {
  const line = (entry) =>
    h(Line, {
      cells: [
        entry.target,
        entry.key_type,
        entry.key,
        stateOf(entry),
        entry.version ?? "–",
        entry.refused_in_runs ? inRuns(entry.refused_in_runs) : "no",
      ],
      key: `${entry.target} ${entry.key_type} ${entry.key}`,
    });
  return h(Rows, {
    columns: ["Target", "Known by", "Key", "The ledger knows", "Version", "Refused"],
    label: "What the ledger knows",
    rows: entries.map(line),
  });
}

function History({ lines }) {
  return h(Rows, {
    columns: ["When", "Target", "Task", "Position", "Verdict", "Reason"],
    label: "History of this key",
    rows: lines.map((line) => h(Line, { cells: cellsOf(line), key: `${line.push} ${line.number}` })),
  });
}

function cellsOf(line) {
  const task = line.dag
    ? h(Inner, { to: pushAddress(pushOf(line)) }, `${line.dag} · ${line.task}`)
    : "not by a DAG";
  return [
    h(Time, { at: line.instant }),
    line.target,
    task,
    count(line.position),
    line.verdict,
    h(UI.Text, { maxW: "60ch", overflowWrap: "anywhere" }, line.reason),
  ];
}

function Explain({ line, wanted }) {
  const push = line && pushOf(line);
  const found = useApi(push ? pathOf(push) : null);
  if (!found.data) return null;
  return h(
    UI.Box,
    { as: "section" },
    h(UI.Heading, { as: "h3", mb: 2, size: "sm" }, "What would the push do with it now?"),
    h(Copy, {
      label: "the command",
      text: `airflow profiles explain ${quoted(wanted)} ${found.data.explain}`,
    }),
  );
}
