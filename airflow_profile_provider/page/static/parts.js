// Small parts that all screens are made of.

import { UI, RouterLink, count, dayOf, h, useId, useState, useZone, written } from "./host.js";

/** Each verdict's colour; its name and number always stand beside it. */
const COLOURS = {
  pushed: "green",
  created: "teal",
  verified: "cyan",
  unchanged: "gray",
  superseded: "gray",
  planned: "blue",
  invalid: "orange",
  rejected: "red",
  failed: "pink",
  quarantined: "purple",
  unsent: "yellow",
  drifted: "orange",
  missing: "red",
};
const VERDICTS = Object.keys(COLOURS);

/** Return the verdicts that a report counts, in their order. */
export function verdictsOf(report) {
  return VERDICTS.map((name) => [name, report?.[name]]).filter(
    ([, number]) => Number.isInteger(number) && number > 0,
  );
}

const said = (verdicts) =>
  verdicts.map(([name, number]) => `${count(number)} ${name}`).join(", ") || "no records";

const swatch = (name) =>
  h(UI.Box, {
    key: `${name} colour`,
    "aria-hidden": true,
    bg: `${COLOURS[name]}.solid`,
    borderRadius: "sm",
    boxSize: "10px",
    flexShrink: 0,
  });

/** A bar of verdicts, and their numbers in words below it. */
export function VerdictBar({ report, words = true, height = "10px" }) {
  const verdicts = verdictsOf(report);
  const whole = verdicts.reduce((sum, [, number]) => sum + number, 0);
  const bar = h(
    UI.Flex,
    {
      "aria-label": said(verdicts),
      bg: "bg.emphasized",
      borderRadius: "sm",
      gap: "1px",
      h: height,
      overflow: "hidden",
      role: "img",
      w: "full",
    },
    verdicts.map(([name, number]) =>
      h(UI.Box, {
        bg: `${COLOURS[name]}.solid`,
        flexGrow: number / whole,
        key: name,
        minW: "3px",
        title: `${count(number)} ${name}`,
      }),
    ),
  );
  return h(UI.Box, { minW: "140px", w: "full" }, bar, words && h(Counts, { report }));
}

/** The numbers of verdicts, each with its colour. */
export function Counts({ report }) {
  const entries = verdictsOf(report).map(([name, number]) =>
    h(
      UI.HStack,
      { gap: 1, key: name },
      swatch(name),
      h(UI.Text, { fontSize: "xs" }, `${count(number)} ${name}`),
    ),
  );
  return h(UI.Flex, { columnGap: 3, flexWrap: "wrap", mt: 1 }, entries);
}

/** The state of a task instance. */
export const StateBadge = ({ state }) =>
  h(
    UI.Badge,
    { colorPalette: state ?? "none", variant: "solid" },
    (state ?? "no state").replaceAll("_", " "),
  );

/** An instant in the user's time zone. */
export function Time({ at }) {
  const zone = useZone();
  return at
    ? h(
        "time",
        { dateTime: at, style: { whiteSpace: "nowrap" }, title: `${written(at, zone)} ${zone}` },
        written(at, zone),
      )
    : "–";
}

/** A link within Airflow, without a reload. */
export const Inner = ({ to, children, ...more }) =>
  h(
    UI.Link,
    { asChild: true, color: "fg.info", textDecoration: "underline", ...more },
    h(RouterLink, { to }, children),
  );

/** Text that can be copied. */
export function Copy({ text, label }) {
  const [copied, setCopied] = useState(false);
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  return h(
    UI.HStack,
    { align: "start", gap: 2, maxW: "full" },
    h(UI.Code, { overflowWrap: "anywhere", whiteSpace: "pre-wrap" }, text),
    h(
      UI.Button,
      { "aria-label": `Copy ${label}`, flexShrink: 0, onClick: copy, size: "xs", variant: "outline" },
      copied ? "Copied" : "Copy",
    ),
  );
}

/** A select with its label. */
export function Choice({ label, value, options, onChange }) {
  const id = useId();
  return h(
    UI.Box,
    { minW: "140px" },
    h(
      UI.Text,
      { as: "label", color: "fg.muted", display: "block", fontSize: "xs", htmlFor: id, mb: 1 },
      label,
    ),
    h(
      UI.NativeSelect.Root,
      { size: "sm" },
      h(
        UI.NativeSelect.Field,
        { id, onChange: (event) => onChange(event.target.value), value },
        options.map(([key, text]) => h("option", { key, value: key }, text)),
      ),
      h(UI.NativeSelect.Indicator),
    ),
  );
}

/** A table that scrolls sideways by itself where the window is narrow. */
export function Rows({ label, columns, rows }) {
  return h(
    UI.Box,
    { "aria-label": label, overflowX: "auto", role: "region", tabIndex: 0 },
    h(
      UI.Table.Root,
      { "aria-label": label, size: "sm" },
      h(
        UI.Table.Header,
        null,
        h(
          UI.Table.Row,
          null,
          columns.map((name) => h(UI.Table.ColumnHeader, { key: name, scope: "col" }, name)),
        ),
      ),
      h(UI.Table.Body, null, rows),
    ),
  );
}

/** A row of a table. */
export const Line = ({ cells, ...more }) =>
  h(
    UI.Table.Row,
    more,
    cells.map((cell, index) => h(UI.Table.Cell, { key: index, verticalAlign: "top" }, cell)),
  );

/** What to show instead of nothing. */
export const Empty = ({ title, children }) =>
  h(
    UI.EmptyState.Root,
    null,
    h(
      UI.EmptyState.Content,
      null,
      h(
        UI.VStack,
        { textAlign: "center" },
        h(UI.EmptyState.Title, null, title),
        h(UI.EmptyState.Description, { as: "div", maxW: "60ch" }, children),
      ),
    ),
  );

/** What went wrong, and what to do. */
export function Problem({ error }) {
  const texts = {
    401: "Your session has ended. Reload the page to sign in again.",
    403: "You may not see this. Ask an administrator for the right to read it.",
  };
  return h(
    UI.Alert.Root,
    { role: "alert", status: error.status === 403 ? "warning" : "error" },
    h(UI.Alert.Indicator),
    h(
      UI.Alert.Content,
      null,
      h(UI.Alert.Title, null, texts[error.status] ?? "This could not be loaded."),
      texts[error.status] ? null : h(UI.Alert.Description, null, error.message),
    ),
  );
}

/** What is shown until something was loaded. */
export const Waiting = () =>
  h(
    UI.HStack,
    { py: 6, role: "status" },
    h(UI.Spinner, { size: "sm" }),
    h(UI.Text, { color: "fg.muted" }, "Loading …"),
  );

/** Show what was loaded, or why it was not, or that it will be. */
export function Loaded({ of, children }) {
  return h(
    UI.VStack,
    { align: "stretch", gap: 4 },
    of.error && h(Problem, { error: of.error }),
    of.loading && h(Waiting),
    of.data && children(of.data),
  );
}

/** A button that loads the next page of a list. */
export const More = ({ pages }) =>
  pages.next
    ? h(
        UI.Button,
        { alignSelf: "start", loading: pages.busy, onClick: pages.more, size: "sm", variant: "outline" },
        "Load more",
      )
    : null;

/** Verdicts over time: a bar a day, stacked; the same numbers as a table for who does not see it. */
export function Chart({ hours }) {
  const zone = useZone();
  const days = new Map();
  for (const { at, verdicts } of hours) {
    const day = days.get(dayOf(at, zone)) ?? {};
    for (const [name, number] of Object.entries(verdicts)) day[name] = (day[name] ?? 0) + number;
    days.set(dayOf(at, zone), day);
  }
  const entries = [...days];
  const sums = entries.map(([, report]) => verdictsOf(report).reduce((sum, [, number]) => sum + number, 0));
  const most = Math.max(1, ...sums);
  const total = {};
  for (const [, report] of entries)
    for (const [name, number] of verdictsOf(report)) total[name] = (total[name] ?? 0) + number;
  const bars = entries.map(([day, report], index) =>
    h(
      UI.VStack,
      {
        flex: "1 1 0",
        gap: 1,
        justify: "end",
        key: day,
        maxW: "80px",
        minW: "24px",
        title: `${day}: ${said(verdictsOf(report))}`,
      },
      h(UI.Text, { color: "fg.muted", fontSize: "2xs" }, count(sums[index])),
      h(
        UI.Flex,
        {
          borderRadius: "sm",
          direction: "column-reverse",
          h: `${Math.max(2, (sums[index] / most) * 120)}px`,
          overflow: "hidden",
          w: "full",
        },
        verdictsOf(report).map(([name, number]) =>
          h(UI.Box, { bg: `${COLOURS[name]}.solid`, flexGrow: number, key: name, minH: "2px" }),
        ),
      ),
      h(UI.Text, { color: "fg.muted", fontSize: "2xs", whiteSpace: "nowrap" }, day.slice(5)),
    ),
  );
  return h(
    UI.Box,
    null,
    h(
      UI.Flex,
      {
        align: "end",
        "aria-label": `Verdicts of ${entries.length} days: ${said(verdictsOf(total))}`,
        gap: 1,
        h: "170px",
        overflowX: "auto",
        role: "img",
      },
      bars,
    ),
    h(Counts, { report: total }),
    h(
      "details",
      { style: { marginTop: "0.5rem" } },
      h("summary", { style: { cursor: "pointer" } }, "As a table"),
      h(Rows, {
        columns: ["Day", "Records", "Verdicts"],
        label: "Verdicts by day",
        rows: entries.map(([day, report], index) =>
          h(Line, { cells: [day, count(sums[index]), said(verdictsOf(report))], key: day }),
        ),
      }),
    ),
  );
}
