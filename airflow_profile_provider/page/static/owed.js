// Owed: outboxes, what they owe, since when, and whether somebody watches them.

import { UI, count, h, useApi } from "./host.js";
import { Empty, Line, Loaded, Rows, Time } from "./parts.js";

/** The screen. */
export function Owed() {
  const known = useApi("summary?days=1");
  return h(Loaded, { of: known }, ({ outboxes }) =>
    outboxes.length
      ? h(
          UI.VStack,
          { align: "stretch", gap: 6 },
          outboxes.map((name) => h(Outboxes, { key: name, name })),
        )
      : h(
          Empty,
          { title: "No outbox that you may read" },
          "An application writes its changes into an outbox, a table, and a push that reads it with records=from_events() delivers them seconds later. What waits there is shown here to who may read its connection.",
        ),
  );
}

function Outboxes({ name }) {
  const found = useApi(`outboxes/${encodeURIComponent(name)}`, 10);
  return h(
    UI.Box,
    { as: "section" },
    h(UI.Heading, { as: "h2", mb: 2, size: "md" }, name),
    h(Loaded, { of: found }, (data) =>
      h(Rows, {
        columns: ["Table", "Marks", "Owed", "Oldest row", "Written", "Watcher"],
        label: `Outboxes behind ${name}`,
        rows: data.outboxes.map((outbox) =>
          h(Line, { cells: cellsOf(outbox), key: `${outbox.table} ${outbox.delivered}` }),
        ),
      }),
    ),
  );
}

function cellsOf(outbox) {
  const { watchers } = outbox;
  const marks = outbox.delivered.join(", ");
  if (outbox.problem)
    return [outbox.table, marks, h(UI.Text, { color: "fg.warning" }, outbox.problem), "–", "–", "–"];
  const alive = watchers.some(Boolean);
  return [
    outbox.table,
    marks,
    `${count(outbox.owed)}${outbox.owed_at_least ? " at least" : ""}`,
    outbox.oldest_id === null ? "–" : `id ${outbox.oldest_id}`,
    h(Time, { at: outbox.oldest_created }),
    h(
      UI.Badge,
      { colorPalette: alive ? "green" : watchers.length ? "red" : "gray" },
      alive ? "alive" : watchers.length ? "not run by any triggerer" : "none: runs start in another way",
    ),
  ];
}
