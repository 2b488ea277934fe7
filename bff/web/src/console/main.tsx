/** The console: one page, one stream, a handful of views. */
import { StrictMode, useCallback, useEffect, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import { get, wordsOf, type Me } from "./api";
import { Audit } from "./audit";
import { Callers } from "./callers";
import { ActingContext, Confirm, type Plan } from "./confirm";
import "./console.css";
import { Errors } from "./errors";
import { Experiments } from "./experiments";
import { count, span } from "./format";
import { useLive, useNow, type Live } from "./live";
import { State } from "./marks";
import { Operations } from "./operations";
import { Overview } from "./overview";
import { Policies } from "./policies";
import { Services, worstFirst } from "./services";
import { SignIn } from "./signin";
import { Trials } from "./trials";

const VIEWS = {
  services: "Services",
  operations: "Operations",
  errors: "Errors",
  callers: "Callers & cache",
  policies: "Policies",
  experiments: "Experiments",
  audit: "Actions",
} as const;

type View = keyof typeof VIEWS;

const AGAIN = 2000; // milliseconds until the process is asked again that did not answer

/** Returns the view that the address names, and a function that goes to another one. */
function useView(): readonly [View, (view: View) => void] {
  const read = () => (location.hash.slice(1) in VIEWS ? (location.hash.slice(1) as View) : "services");
  const [view, setView] = useState<View>(read);
  useEffect(() => {
    const changed = () => setView(read());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return [view, (next) => (location.hash = next)];
}

/** Says who is asking; null until that is known. */
function useMe(key: number): readonly [Me | null, string] {
  const [me, setMe] = useState<readonly [Me | null, string]>([null, ""]);
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    const ask = () =>
      get<Me>("console/me", stop.signal)
        .then((told) => setMe([told, ""]))
        .catch((problem) => {
          if (stop.signal.aborted) return;
          setMe(([before]) => [before, wordsOf(problem)]);
          timer = setTimeout(ask, AGAIN);
        });
    void ask();
    return () => (clearTimeout(timer), stop.abort());
  }, [key]);
  return me;
}

function Connection({ live, signedIn }: { live: Live; signedIn: boolean }) {
  const now = useNow();
  const age = Math.max(0, (now - live.at) / 1000);
  if (live.state === "refused" || !signedIn) return <State mood="held">not signed in</State>;
  if (!live.snapshot) return <State mood="busy">{live.state === "lost" ? "no answer, trying again" : "connecting"}</State>;
  if (live.state === "lost") return <State mood="bad">{`connection lost; figures are ${span(age)} old, trying again`}</State>;
  return <State mood="good">live</State>;
}

function Tabs({ view, go, counts, views }: { view: View; go: (view: View) => void; counts: Partial<Record<View, number>>; views: readonly View[] }) {
  const move = (event: React.KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const place = views.indexOf(view);
    const next = event.key === "Home" ? 0 : event.key === "End" ? views.length - 1 : step ? (place + step + views.length) % views.length : -1;
    if (next < 0) return;
    event.preventDefault();
    go(views[next]!);
    document.getElementById(`tab-${views[next]}`)?.focus();
  };
  return (
    <div className="tabs" role="tablist" aria-label="Views" onKeyDown={move}>
      {views.map((one) => (
        <button
          key={one}
          id={`tab-${one}`}
          type="button"
          role="tab"
          aria-selected={view === one}
          aria-controls="view"
          tabIndex={view === one ? 0 : -1}
          onClick={() => go(one)}
        >
          {VIEWS[one]}
          {counts[one] ? <span className="number">{count(counts[one])}</span> : null}
        </button>
      ))}
    </div>
  );
}

function Views({ view, live, me, acted }: { view: View; live: Live; me: Me; acted: number }) {
  const snapshot = live.snapshot!;
  const services = useMemo(() => worstFirst(snapshot.upstreams), [snapshot]);
  if (view === "operations") return <Operations snapshot={snapshot} />;
  if (view === "errors") return <Errors snapshot={snapshot} />;
  if (view === "callers") return <Callers snapshot={snapshot} />;
  if (view === "policies") return <Policies reload={me.features.reload} />;
  if (view === "audit") return <Audit again={acted} />;
  if (view === "experiments" && me.features.experiments)
    return (
      <>
        <Experiments />
        <Trials shadow={me.features.shadow} canary={me.features.canary} />
      </>
    );
  return <Services services={services} edges={snapshot.edges} window={snapshot.window} />;
}

function App() {
  const [key, setKey] = useState(0);
  const [me, trouble] = useMe(key);
  const live = useLive(key, me !== null && me.role !== "none");
  const [view, go] = useView();
  const [plan, setPlan] = useState<Plan | null>(null);
  const [done, setDone] = useState("");
  const [acted, setActed] = useState(0);
  const closed = useCallback((told: string | null) => {
    setPlan(null);
    setActed((before) => before + 1);
    if (told) setDone(told);
  }, []);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(""), 12_000);
    return () => clearTimeout(timer);
  }, [done]);
  const may = me?.role === "act" && live.state === "live";
  const why = me?.role === "act" ? "The connection is lost: what you see may not be so any more." : (me?.why ?? "");
  const acting = useMemo(() => ({ may, why, ask: setPlan }), [may, why]);
  const refused = live.state === "refused" || me?.role === "none";
  const views = (Object.keys(VIEWS) as View[]).filter((one) => one !== "experiments" || me?.features.experiments);
  const snapshot = live.snapshot;
  return (
    <ActingContext value={acting}>
      <header className="top">
        <div className="inner">
          <h1>
            <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
              <rect width="32" height="32" rx="7" />
              <path d="M9 16 L23 8 M9 16 H23 M9 16 L23 24" />
              <circle cx="9" cy="16" r="4" />
              <circle cx="23" cy="8" r="3" />
              <circle cx="23" cy="16" r="3" />
              <circle cx="23" cy="24" r="3" />
            </svg>
            bff <span>console</span>
          </h1>
          <p className="connection" role="status">
            <Connection live={live} signedIn={me?.role !== "none"} />
          </p>
          {me && me.role !== "none" && (
            <p className="who">
              <span className="faint">{me.who}</span> <span className="tag">{me.role === "act" ? "may act" : "may look"}</span>
            </p>
          )}
        </div>
      </header>
      <main data-stale={live.state === "lost"}>
        {refused ? (
          <SignIn
            why={me?.why || live.refusal?.message || "Nobody may look."}
            credentials={me?.credentials ?? live.refusal?.status === 401}
            again={() => setKey((before) => before + 1)}
          />
        ) : !snapshot || !me ? (
          <p className="waiting" role="status">
            {live.state === "lost" || trouble ? "The process does not answer. This page tries again by itself." : "Waiting for the first figures…"}
          </p>
        ) : (
          <>
            {me.role === "read" && (
              <p className="notice">
                <State mood="held">You may look, not act.</State> {me.why}
              </p>
            )}
            {snapshot.missing.length > 0 && (
              <p className="notice">
                <State mood="bad">{`Worker ${snapshot.missing.join(", ")} does not answer.`}</State> Its part is missing in all figures.
              </p>
            )}
            <Overview snapshot={snapshot} />
            <Tabs view={view} go={go} views={views} counts={{ errors: snapshot.totals["errors"] ?? 0 }} />
            <div id="view" role="tabpanel" aria-labelledby={`tab-${view}`}>
              <Views view={view} live={live} me={me} acted={acted} />
            </div>
            <p className="foot faint">
              {`${snapshot.workers.length === 1 ? "One worker" : `${snapshot.workers.length} workers`}, up ${span(snapshot.at - snapshot.since)}. Rates, shares and times of services are of the last ${snapshot.window} seconds.`}
            </p>
          </>
        )}
      </main>
      <div className="done" role="status" aria-live="polite">
        {done && (
          <p>
            <State mood="good">{done}</State>
            <button type="button" aria-label="Dismiss" onClick={() => setDone("")}>
              ×
            </button>
          </p>
        )}
      </div>
      {plan && <Confirm plan={plan} close={closed} />}
    </ActingContext>
  );
}

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
