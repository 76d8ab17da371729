// Ledger: what a ledger knows of each target, who pushes now, and what is not sent for a while.

import { UI, count, h, inRuns, query, useApi, usePages } from "./host.js";
import { Choice, Empty, Inner, Line, Loaded, More, Rows, Time } from "./parts.js";

/** What is said where there is no ledger that one may read. */
const None = () =>
  h(
    Empty,
    { title: "No ledger that you may read" },
    h(
      "p",
      null,
      "With a ledger, a push sends only what changed, and what became of each record can be looked up here for two weeks. Give a push the connection of an SQLite or PostgreSQL database:",
    ),
    h(UI.Code, { display: "block", my: 2, p: 2 }, 'ledger_conn_id="profile_ledger"'),
    h("p", null, "You need the right to read that connection."),
  );

/** A choice among ledgers, and whatever is to be shown of the chosen one. */
export function WithLedger({ values, choose, children }) {
  const known = useApi("summary?days=30");
  return h(Loaded, { of: known }, ({ ledgers, targets }) => {
    if (!ledgers.length) return h(None);
    const used = targets.flatMap((target) => target.ledger_conn_ids);
    const ledger = [values.ledger, ...used].find((name) => ledgers.includes(name)) ?? ledgers[0];
    const options = ledgers.map((name) => [name, name]);
    const choice = h(Choice, {
      label: "Ledger",
      onChange: (chosen) => choose({ ledger: chosen }),
      options,
      value: ledger,
    });
    return children({ choice, ledger, targets });
  });
}

/** The screen. */
export function Ledger({ values, choose }) {
  return h(WithLedger, { choose, values }, ({ choice, ledger, targets }) =>
    h(
      UI.VStack,
      { align: "stretch", gap: 6 },
      h(UI.Flex, null, choice),
      h(Targets, { audited: targets, ledger }),
      h(Quarantine, { ledger }),
    ),
  );
}

function Targets({ ledger, audited }) {
  const found = useApi(`ledgers/${encodeURIComponent(ledger)}`, 15);
  const columns = [
    "Target",
    "Known by",
    "Entries",
    "In doubt",
    "Refused",
    "Quarantined",
    "Newest version",
    "Last audit",
    "Pushing now",
  ];
  return h(
    UI.Box,
    { as: "section" },
    h(UI.Heading, { as: "h2", mb: 2, size: "md" }, "Targets"),
    h(Loaded, { of: found }, (data) =>
      data.targets.length
        ? h(Rows, {
            columns,
            label: "Targets",
            rows: data.targets.map((target) =>
              h(Row, { audited, key: `${target.target} ${target.key_type}`, target }),
            ),
          })
        : h(Empty, { title: "This ledger is empty" }, "It fills with the first push that uses it."),
    ),
  );
}

function Row({ target, audited }) {
  const audit = audited.find((card) => `${card.vendor}:${card.conn_id}` === target.target)?.last_audit;
  const drift =
    audit?.report &&
    `${count(audit.report.drifted)} drifted, ${count(audit.report.missing)} missing of ${count(audit.report.received)}`;
  const number = (name) => (target.at_least.includes(name) ? "more than " : "") + count(target[name]);
  return h(Line, {
    cells: [
      target.target,
      target.key_type,
      target.counted
        ? h(
            UI.Box,
            null,
            `about ${count(target.entries)}`,
            h(UI.Text, { fontSize: "xs" }, "counted ", h(Time, { at: target.counted })),
          )
        : number("entries"),
      number("in_doubt"),
      number("refused"),
      number("quarantined"),
      target.newest ?? "–",
      audit ? h(UI.Box, null, h(Time, { at: audit.start }), h(UI.Text, { fontSize: "xs" }, drift)) : "–",
      target.leases.length
        ? h(
            UI.VStack,
            { align: "start", gap: 1 },
            target.leases.map((lease) =>
              h(
                UI.Text,
                { fontSize: "xs", key: lease.share, overflowWrap: "anywhere" },
                `${lease.run} (share: ${lease.share}), until `,
                h(Time, { at: lease.until }),
              ),
            ),
          )
        : "no push",
    ],
  });
}

function Quarantine({ ledger }) {
  const pages = usePages(`ledgers/${encodeURIComponent(ledger)}/quarantine`, "quarantine");
  const line = (row) =>
    h(Line, {
      cells: [
        h(Inner, { to: `/plugin/profiles${query({ key: row.key, ledger, screen: "refused" })}` }, row.key),
        row.target,
        inRuns(row.times),
        h(Time, { at: row.last }),
        h(Time, { at: row.set_aside_until }),
      ],
      key: `${row.target} ${row.key_type} ${row.key}`,
    });
  return h(
    UI.Box,
    { as: "section" },
    h(UI.Heading, { as: "h2", mb: 2, size: "md" }, "Quarantined"),
    h(Loaded, { of: pages }, () =>
      pages.rows.length
        ? h(Rows, {
            columns: ["Key", "Target", "Refused", "Last", "Not sent until"],
            label: "Quarantined keys",
            rows: pages.rows.map(line),
          })
        : h(
            UI.Text,
            { color: "fg.muted" },
            "No key is quarantined: none was refused with the same values in five runs.",
          ),
    ),
    h(More, { pages }),
  );
}
