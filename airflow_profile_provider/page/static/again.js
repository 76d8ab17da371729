// Push again: Airflow's own form of the DAG that replays rejects, opened and filled. Nothing is sent from here.

import { UI, h, useNavigate, useState } from "./host.js";
import { Copy } from "./parts.js";

const SECONDS = 20;

/** Wait until something is there, and return it; null where it does not come. */
async function appearing(find) {
  for (let tries = 0; tries < SECONDS * 10; tries += 1) {
    const found = find();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return null;
}

/** Find the button that opens the form of a DAG, once the page of that DAG is there. */
function opener(dagId) {
  const headings = [...document.querySelectorAll("h1, h2, h3")];
  const isThere = headings.some((heading) => heading.textContent.trim() === dagId);
  return isThere && document.querySelector('[data-testid="trigger-dag-button"]');
}

/** Type a value into a field of the host's form, as a user would. */
function type(field, value) {
  const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set;
  setter.call(field, value);
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Choose a value in a list of the host's form, as a user would; a field that is no list is left as it is. */
async function pick(name, value) {
  const list = document.querySelector(`[role=dialog] #element_${name}`);
  const opens = list?.querySelector("[role=combobox]");
  if (!opens) return;
  opens.dispatchEvent(new MouseEvent("mousedown", { bubbles: true, button: 0 }));
  const options = () => [...list.querySelectorAll("[role=option]")];
  const wanted = () => options().find((option) => option.textContent.trim() === value);
  (await appearing(wanted))?.click();
}

/** Open the DAG's form, and fill in what is known; its button is left to the user. */
async function fill({ dag_id: dagId, conf }) {
  const button = await appearing(() => opener(dagId));
  if (!button) return;
  button.click();
  const fieldOf = (name) =>
    document.querySelector(`[role=dialog] input[name="element_${name}"]:not([type=hidden])`);
  const [first] = Object.keys(conf);
  if (!(await appearing(() => fieldOf(first)))) return;
  for (const [name, value] of Object.entries(conf)) {
    if (fieldOf(name)) type(fieldOf(name), value);
    else await pick(name, value);
  }
}

/** A button that shows what would be filled in, and then opens the form. */
export function Again({ push }) {
  const [open, setOpen] = useState(false);
  const navigate = useNavigate();
  const { replay } = push;
  if (!replay) return null;
  const start = () => {
    setOpen(false);
    navigate(`/dags/${replay.dag_id}`);
    fill(replay);
  };
  return h(
    UI.Dialog.Root,
    { onOpenChange: (change) => setOpen(change.open), open },
    h(UI.Dialog.Trigger, { asChild: true }, h(UI.Button, { size: "xs", variant: "outline" }, "Push again")),
    h(
      UI.Portal,
      null,
      h(UI.Dialog.Backdrop),
      h(
        UI.Dialog.Positioner,
        null,
        h(
          UI.Dialog.Content,
          null,
          h(UI.Dialog.Header, null, h(UI.Dialog.Title, null, "Push again what was not delivered")),
          h(
            UI.Dialog.Body,
            null,
            h(
              UI.Text,
              { mb: 3 },
              `Airflow's form of the DAG ${replay.dag_id} opens, filled with this. Nothing is pushed before you trigger it there.`,
            ),
            h(Copy, { label: "the configuration", text: JSON.stringify(replay.conf, null, 2) }),
            !replay.there &&
              h(
                UI.Text,
                { color: "fg.warning", mt: 3 },
                `There is no DAG ${replay.dag_id} here that you may read: it is among the package's examples.`,
              ),
          ),
          h(
            UI.Dialog.Footer,
            null,
            h(UI.Button, { onClick: () => setOpen(false), variant: "outline" }, "Cancel"),
            h(UI.Button, { disabled: !replay.there, onClick: start }, "Open the form"),
          ),
        ),
      ),
    ),
  );
}
