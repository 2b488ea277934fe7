import "./nonce";
import "./workers";
import "graphiql/style.css";
import "./page.css";
import { ToolbarButton, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { StrictMode, useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { readConfig } from "./config";
import { explainPlugin } from "./explain";
import { Faults, withFaults } from "./faults";
import { FaultsBadge, faultsPlugin } from "./faultsPanel";
import { createFetcher } from "./fetcher";
import { Login } from "./login";
import { forgetTabs, openStorage } from "./storage";
import type { Summary, Verdict } from "./summary";
import { Traces, withTrace } from "./trace";
import { tracePlugin } from "./tracePanel";

const root = document.getElementById("root") as HTMLElement; // the server writes it
const config = readConfig();
const storage = openStorage(config);
const tabs = config.operations.map(({ query, variables }) => ({ query, variables, headers: config.headers }));

const traces = new Traces();
const faults = config.faults && new Faults(config.faults);
const plugins = [
  HISTORY_PLUGIN,
  explainPlugin(config.endpoint),
  ...(faults ? [faultsPlugin(faults)] : []),
  ...(config.traceHeader ? [tracePlugin(traces)] : []),
];

const MARKS: Record<Verdict, string> = { whole: "✓", partial: "◐", failed: "✕" };

type Summaries = Readonly<Record<string, Summary | null>>;

/** Tells of the answer that the open tab shows; `onTab` learns which one that is. */
function SummaryLine({ summaries, onTab }: { summaries: Summaries; onTab: (id: string) => void }) {
  const tab = useGraphiQL(({ tabs, activeTabIndex }) => tabs[activeTabIndex]?.id ?? "");
  useEffect(() => onTab(tab), [onTab, tab]);
  const summary = summaries[tab];
  return (
    <div role="status" className="bff-summary" data-verdict={summary?.verdict ?? "none"}>
      {summary ? (
        <>
          <strong>
            <span aria-hidden="true">{MARKS[summary.verdict]} </span>
            {summary.headline}
          </strong>
          <span>{summary.details.join(" · ")}</span>
        </>
      ) : (
        <span>Run an operation: its answer is summed up here.</span>
      )}
    </div>
  );
}

/** Makes Ctrl+Enter run the operation wherever the focus is; inside the editors GraphiQL does. */
function RunKey() {
  const { run } = useGraphiQLActions();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const asked = event.key === "Enter" && (event.ctrlKey || event.metaKey);
      if (!asked || event.defaultPrevented) return;
      event.preventDefault();
      void run();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [run]);
  return null;
}

/** Lets nobody touch the page before all editors are there: a tab that is opened earlier would stay empty. */
function Readiness() {
  const ready = useGraphiQL(({ queryEditor, variableEditor, headerEditor, responseEditor }) =>
    [queryEditor, variableEditor, headerEditor, responseEditor].every(Boolean),
  );
  useEffect(() => {
    root.inert = !ready;
  }, [ready]);
  return null;
}

function RestoreIcon() {
  return (
    <svg className="graphiql-toolbar-icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" aria-hidden="true">
      <path d="M5 5v5h5M5.5 10A7 7 0 1 1 5 14" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

function restoreTabs() {
  forgetTabs(storage);
  location.reload();
}

function Page() {
  const tab = useRef("");
  const [onTab] = useState(() => (id: string) => void (tab.current = id));
  const [summaries, setSummaries] = useState<Summaries>({});
  const [refusals, setRefusals] = useState(0);
  const [fetcher] = useState(() => {
    const plain = createFetcher(config.endpoint, (summary) => {
      setSummaries((old) => ({ ...old, [tab.current]: summary }));
      if (summary?.verdict === "failed") setRefusals((count) => count + 1); // the session may have ended
    });
    const send = faults ? withFaults(plain, faults) : plain;
    return config.traceHeader ? withTrace(send, config.traceHeader, (told) => traces.set(tab.current, told)) : send;
  });
  return (
    <GraphiQL
      fetcher={fetcher}
      storage={storage}
      plugins={plugins}
      defaultHeaders={config.headers}
      defaultEditorToolsVisibility="headers"
      {...(tabs.length > 0 && { defaultTabs: tabs })}
    >
      <GraphiQL.Logo>
        <strong className="bff-name">bff</strong>
      </GraphiQL.Logo>
      <GraphiQL.Toolbar>
        {({ prettify, copy, merge }) => (
          <>
            {prettify}
            {merge}
            {copy}
            <ToolbarButton label="Restore the ready tabs" onClick={restoreTabs}>
              <RestoreIcon />
            </ToolbarButton>
          </>
        )}
      </GraphiQL.Toolbar>
      <GraphiQL.Footer>
        <div className="bff-footer">
          <SummaryLine summaries={summaries} onTab={onTab} />
          {faults && <FaultsBadge faults={faults} />}
          {config.login && <Login place={config.login} asked={refusals} />}
        </div>
      </GraphiQL.Footer>
      <RunKey />
      <Readiness />
    </GraphiQL>
  );
}

createRoot(root).render(
  <StrictMode>
    <Page />
  </StrictMode>,
);
