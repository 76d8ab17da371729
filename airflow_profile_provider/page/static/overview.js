// Overview: a card for each target, and what was pushed day by day.

import { UI, count, duration, h, pushAddress, query, useApi } from "./host.js";
import { Chart, Choice, Empty, Inner, Loaded, StateBadge, Time, VerdictBar } from "./parts.js";

export const DAYS = [
  ["1", "last day"],
  ["7", "last 7 days"],
  ["30", "last 30 days"],
  ["90", "last 90 days"],
];

/** The screen. */
export function Overview({ values, choose, open }) {
  const days = values.days ?? "7";
  const summary = useApi(`summary${query({ days })}`, 30);
  return h(
    UI.VStack,
    { align: "stretch", gap: 4 },
    h(
      UI.Flex,
      null,
      h(Choice, {
        label: "Period",
        onChange: (chosen) => choose({ days: chosen }),
        options: DAYS,
        value: days,
      }),
    ),
    h(Loaded, { of: summary }, (data) =>
      data.targets.length ? h(Targets, { data, days, open }) : h(Nothing, { data }),
    ),
  );
}

function Nothing({ data }) {
  if (data.tasks) {
    return h(
      Empty,
      { title: "No push has run in this period" },
      `${count(data.tasks)} tasks of the DAGs that you may read push profiles. Trigger one of them, or choose a longer period.`,
    );
  }
  return h(
    Empty,
    { title: "No DAG pushes profiles yet" },
    h(
      "p",
      null,
      "A push is a task of a vendor's operator in a DAG. This command looks at a file or table and writes a first DAG that fits it:",
    ),
    h(UI.Code, { display: "block", my: 2, p: 2 }, "airflow profiles init"),
    h(
      "p",
      null,
      "Every push shows up here once it has run, those of yesterday included. You see the DAGs that you may read.",
    ),
  );
}

function Targets({ data, days, open }) {
  return h(
    UI.VStack,
    { align: "stretch", gap: 6 },
    h(
      UI.SimpleGrid,
      { as: "section", "aria-label": "Targets", gap: 4, minChildWidth: "min(320px, 100%)" },
      data.targets.map((target) =>
        h(Target, {
          days,
          key: `${target.vendor} ${target.conn_id}`,
          ledgers: data.ledgers,
          open,
          outboxes: data.outboxes,
          target,
        }),
      ),
    ),
    h(
      UI.Box,
      { as: "section" },
      h(UI.Heading, { as: "h2", mb: 2, size: "md" }, "Pushed over time"),
      h(Chart, { hours: data.hours }),
      data.capped &&
        h(
          UI.Text,
          { color: "fg.muted", fontSize: "sm" },
          "Only the newest pushes of this period are counted.",
        ),
    ),
  );
}

const refusedIn = (verdicts) =>
  ["invalid", "rejected", "failed", "unsent", "quarantined"].reduce(
    (sum, name) => sum + (verdicts[name] ?? 0),
    0,
  );

function Target({ target, days, open, ledgers, outboxes }) {
  const last = target.last;
  const refused = refusedIn(target.verdicts);
  const more = { days, vendor: target.vendor };
  return h(
    UI.Card.Root,
    { as: "article", size: "sm" },
    h(
      UI.Card.Header,
      null,
      h(UI.Card.Title, { as: "h2" }, target.vendor_name),
      h(
        UI.Text,
        { color: "fg.muted", fontSize: "sm", overflowWrap: "anywhere" },
        target.conn_id ?? "connection unknown",
      ),
    ),
    h(
      UI.Card.Body,
      { gap: 3 },
      h(
        UI.Box,
        null,
        h(
          UI.Flex,
          { align: "center", columnGap: 2, flexWrap: "wrap", mb: 1 },
          h(UI.Text, { fontWeight: "medium" }, "Last push"),
          h(StateBadge, { state: last.state }),
          h(Inner, { to: pushAddress(last) }, h(Time, { at: last.start })),
        ),
        last.report
          ? h(VerdictBar, { report: last.report })
          : h(UI.Text, { color: "fg.muted", fontSize: "sm" }, "no report yet"),
        h(MostOften, { report: last.report }),
      ),
      h(
        UI.DataList.Root,
        { orientation: "horizontal", size: "sm" },
        h(
          Fact,
          { label: "Pushes" },
          h(
            UI.Button,
            { onClick: () => open("pushes", more), size: "2xs", variant: "outline" },
            `${count(target.pushes)}, ${count(target.red)} of them red`,
          ),
        ),
        h(
          Fact,
          { label: "Not delivered" },
          refused
            ? h(
                UI.Button,
                {
                  colorPalette: "red",
                  onClick: () => open("refused", more),
                  size: "2xs",
                  variant: "outline",
                },
                `${count(refused)}: see why`,
              )
            : "none",
        ),
        h(Fact, { label: "Waited for quota" }, duration(target.waited_seconds)),
        h(
          Fact,
          { label: "Last answer 429" },
          target.last_throttled ? h(Time, { at: target.last_throttled }) : "none",
        ),
        target.ledger_conn_ids
          .filter((name) => ledgers.includes(name))
          .map((ledger) => h(InLedger, { key: ledger, ledger, open, target })),
        target.outbox_conn_ids
          .filter((name) => outboxes.includes(name))
          .map((outbox) => h(InOutbox, { key: outbox, open, outbox })),
      ),
    ),
  );
}

/** Why most of the records that were not delivered were not: the cause of a red push, at a glance. */
function MostOften({ report }) {
  const [most] = Array.isArray(report?.reasons) ? report.reasons : [];
  if (!most) return null;
  const text = `${count(most.count)} ${most.verdict}: ${most.reason}`;
  return h(UI.Text, { fontSize: "xs", lineClamp: 3, mt: 1, overflowWrap: "anywhere", title: text }, text);
}

/** What the ledger of a target says of it, to who may read that. */
function InLedger({ target, ledger, open }) {
  const found = useApi(`ledgers/${encodeURIComponent(ledger)}`);
  const mine = (found.data?.targets ?? []).filter(
    (each) => each.target === `${target.vendor}:${target.conn_id}`,
  );
  if (!mine.length) return null;
  const sum = (name) => mine.reduce((whole, each) => whole + each[name], 0);
  const text = `${count(sum("in_doubt"))} in doubt, ${count(sum("quarantined"))} quarantined`;
  return h(
    Fact,
    { label: "Ledger" },
    h(UI.Button, { onClick: () => open("ledger", { ledger }), size: "2xs", variant: "outline" }, text),
  );
}

/** What an outbox owes to a target. */
function InOutbox({ outbox, open }) {
  const found = useApi(`outboxes/${encodeURIComponent(outbox)}`);
  if (!found.data) return null;
  const owed = found.data.outboxes.reduce((whole, each) => whole + (each.owed ?? 0), 0);
  return h(
    Fact,
    { label: "Owed" },
    h(
      UI.Button,
      { onClick: () => open("owed"), size: "2xs", variant: "outline" },
      `${count(owed)} in ${outbox}`,
    ),
  );
}

/** A number with its name. */
export const Fact = ({ label, children }) =>
  h(
    UI.DataList.Item,
    null,
    h(UI.DataList.ItemLabel, { minW: "120px" }, label),
    h(UI.DataList.ItemValue, { overflowWrap: "anywhere" }, children),
  );
