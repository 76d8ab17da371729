// The page Profiles: its screens, each with an address of its own.

import { UI, h, useEffect, useRef, useSearchParams } from "./host.js";
import { Overview } from "./overview.js";
import { Ledger } from "./ledger.js";
import { Owed } from "./owed.js";
import { Pushes } from "./pushes.js";
import { Refused } from "./refused.js";

const SCREENS = [
  ["overview", "Overview", Overview],
  ["pushes", "Pushes", Pushes],
  ["refused", "Refused", Refused],
  ["ledger", "Ledger", Ledger],
  ["owed", "Owed", Owed],
];

let chosen = null; // Airflow draws a page anew when its address changes first, and its focus would be lost

/** The page. What is chosen stands in its address, so that it can be sent to somebody. */
export function Page() {
  const [search, setSearch] = useSearchParams();
  const asked = search.get("screen");
  const screen = SCREENS.some(([name]) => name === asked) ? asked : "overview";
  const values = Object.fromEntries(search);
  const tabs = useRef(null);
  useEffect(() => {
    if (chosen !== screen) return;
    chosen = null;
    tabs.current?.querySelector('[role=tab][aria-selected="true"]')?.focus();
  }, [screen]);
  const open = (name, more = {}) => setSearch({ screen: name, ...more });
  const turnTo = ({ value }) => {
    chosen = value;
    open(value);
  };
  const choose = (changed) => {
    const entries = Object.entries({ ...values, ...changed }).filter(([, value]) => value);
    setSearch(Object.fromEntries(entries), { replace: true });
  };
  return h(
    UI.Box,
    { "data-profiles": "page", fontSize: "sm", p: { base: 2, md: 4 } },
    h(UI.Heading, { as: "h1", mb: 3, size: "xl" }, "Profiles"),
    h(
      UI.Tabs.Root,
      { lazyMount: true, onValueChange: turnTo, unmountOnExit: true, value: screen },
      h(
        UI.Tabs.List,
        { "aria-label": "Screens of the page Profiles", flexWrap: "wrap", ref: tabs },
        SCREENS.map(([name, label]) => h(UI.Tabs.Trigger, { key: name, value: name }, label)),
      ),
      SCREENS.map(([name, , Screen]) =>
        h(UI.Tabs.Content, { key: name, value: name }, h(Screen, { choose, open, values })),
      ),
    ),
  );
}
