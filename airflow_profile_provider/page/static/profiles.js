// The page Profiles and the tab Push, for Airflow's UI: it renders what it finds under their names among the
// globals, with its own React and Chakra. Nothing is built; browsers load these files as they are.

import { Page } from "./page.js";
import { PushTab } from "./push.js";

/** Airflow 3.1 shares React, but no components to draw with. */
function needsNewer() {
  const text =
    "This page needs Airflow 3.2 or later. On this Airflow, the report of a push is among its XComs, and " +
    "its reasons are in its log.";
  return globalThis.React.createElement("p", { role: "note", style: { padding: "2rem" } }, text);
}

const isDrawn = Boolean(globalThis.ChakraUI && globalThis.ReactRouterDOM);
globalThis.Profiles = isDrawn ? Page : needsNewer;
globalThis.Push = isDrawn ? PushTab : needsNewer;
globalThis.AirflowPlugin = globalThis.Profiles;
