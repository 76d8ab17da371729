// What the host gives: its React and components, its router, its time zone; and the page's own API.

const { React } = globalThis;
export const UI = globalThis.ChakraUI ?? {};
export const { Link: RouterLink, useNavigate, useSearchParams } = globalThis.ReactRouterDOM ?? {};
export const { useCallback, useEffect, useId, useRef, useState, useSyncExternalStore } = React;
export const h = React.createElement;

const ROOT = new URL("..", import.meta.url).pathname; // below the path under which this Airflow is reached

/** Return a query without what is empty. */
export function query(values) {
  const entries = Object.entries(values).filter(
    ([, value]) => value !== null && value !== undefined && value !== "",
  );
  return entries.length ? `?${new URLSearchParams(entries)}` : "";
}

const underWay = new Map(); // several parts of a screen want the same at once

/** Ask the page's API; what is refused is an error with a status. */
export function ask(path) {
  if (!underWay.has(path))
    underWay.set(
      path,
      answered(path).finally(() => underWay.delete(path)),
    );
  return underWay.get(path);
}

async function answered(path) {
  const answer = await fetch(`${ROOT}api/${path}`, { credentials: "same-origin" });
  if (answer.ok) return answer.json();
  const body = await answer.json().catch(() => ({}));
  const text = typeof body.detail === "string" ? body.detail : answer.statusText;
  throw Object.assign(new Error(text), { status: answer.status });
}

/** Load from the API, and again every so many seconds while somebody may see it. A path of null loads nothing. */
export function useApi(path, every = 0) {
  const [state, setState] = useState({ path: null, data: null, error: null });
  const current = state.path === path ? state : { data: null, error: null };
  useEffect(() => {
    if (path === null) return undefined;
    let isShown = true;
    const show = (data, error) =>
      isShown &&
      setState((before) => ({ path, data: data ?? (before.path === path ? before.data : null), error }));
    const load = () =>
      ask(path).then(
        (data) => show(data, null),
        (error) => show(null, error),
      );
    load();
    const timer = every ? setInterval(() => document.hidden || load(), every * 1000) : 0;
    return () => {
      isShown = false;
      clearInterval(timer);
    };
  }, [path, every]);
  return { ...current, loading: path !== null && !current.data && !current.error };
}

/** Load a list page by page: `more` loads the next one. */
export function usePages(path, name) {
  const [pages, setPages] = useState({ path: null, rows: [], next: null, busy: false, error: null });
  const first = useApi(path);
  const own = pages.path === path ? pages : { rows: [], next: undefined, busy: false, error: null };
  const next = own.next === undefined ? (first.data?.next ?? null) : own.next;
  const more = () => {
    setPages({ ...own, path, next, busy: true });
    const joint = path.includes("?") ? "&" : "?";
    ask(`${path}${joint}${new URLSearchParams({ before: next })}`).then(
      (data) =>
        setPages({ path, rows: [...own.rows, ...data[name]], next: data.next, busy: false, error: null }),
      (error) => setPages({ ...own, path, next, busy: false, error }),
    );
  };
  return {
    ...first,
    rows: [...(first.data?.[name] ?? []), ...own.rows],
    next,
    busy: own.busy,
    more,
    error: first.error ?? own.error,
  };
}

const subscribe = (changed) => {
  window.addEventListener("storage", changed);
  window.addEventListener("local-storage", changed);
  return () => {
    window.removeEventListener("storage", changed);
    window.removeEventListener("local-storage", changed);
  };
};

/** Return the time zone that the user has chosen in Airflow. */
export function useZone() {
  const stored = useSyncExternalStore(subscribe, () => localStorage.getItem("timezone"));
  try {
    const zone = stored ? JSON.parse(stored) : "UTC";
    new Intl.DateTimeFormat("sv-SE", { timeZone: zone });
    return zone;
  } catch {
    return "UTC";
  }
}

/** Write an instant as Airflow does, in a zone. */
export const written = (at, zone) =>
  new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone: zone }).format(
    new Date(at),
  );

/** Return the day of an instant in a zone. */
export const dayOf = (at, zone) =>
  new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeZone: zone }).format(new Date(at));

/** Return a number as people read it. */
export const count = (number) => Number(number ?? 0).toLocaleString("en-US");

/** Write in how many runs something was. */
export const inRuns = (number) => `in ${count(number)} ${number === 1 ? "run" : "runs"}`;

/** Write seconds as people say them. */
export function duration(seconds) {
  if (seconds < 100) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 360) / 10} h`;
}

/** Return the address of a task instance in Airflow. */
export function taskAddress(push) {
  const parts = ["dags", push.dag_id, "runs", push.run_id, "tasks", push.task_id];
  if (push.map_index >= 0) parts.push("mapped", push.map_index);
  return `/${parts.map(encodeURIComponent).join("/")}`;
}

/** Return the address of a push's own tab. */
export const pushAddress = (push) => `${taskAddress(push)}/plugin/profile-push`;
