/** The panel "Trace": what became of the calls of the operation that was run last in the open tab. */
import { useGraphiQL, type GraphiQLPlugin } from "@graphiql/react";
import { useSyncExternalStore } from "react";
import { words, type Told, type Trace, type Traces } from "./trace";
import "./trace.css";
import { Waterfall } from "./waterfall";

function TraceIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden="true">
      <path d="M3 5h9M7 10h7M9 15h12M12 20h5" />
    </svg>
  );
}

function Details({ trace }: { trace: Trace }) {
  return (
    <details>
      <summary>In words</summary>
      <ol className="bff-trace-words">
        {trace.calls.map((call, index) => (
          <li key={index}>
            <strong>{`${call.upstream}.${call.endpoint}`}</strong>
            {` wave ${call.wave}, ${[call.outcome, `${call.ms} ms`, ...words(call)].join(" · ")}`}
          </li>
        ))}
      </ol>
    </details>
  );
}

function Drawn({ told }: { told: Told }) {
  if (told === undefined) return <p>Run an operation: its calls to services are drawn here.</p>;
  if (told === "none") return <p>The server told no trace of this answer: it was refused, or you may not see one.</p>;
  return (
    <>
      <p>
        {`${told.calls.length} calls in ${told.ms} ms`}
        {told.executedBy && `, executed once together with request ${told.executedBy}`}
      </p>
      <Waterfall trace={told} />
      {told.calls.length > 0 && <Details trace={told} />}
    </>
  );
}

/** Returns the panel over `traces`. */
export function tracePlugin(traces: Traces): GraphiQLPlugin {
  function Panel() {
    const tab = useGraphiQL(({ tabs, activeTabIndex }) => tabs[activeTabIndex]?.id ?? "");
    const told = useSyncExternalStore(traces.subscribe, traces.get);
    return (
      <section className="bff-trace" aria-label="Trace">
        <div className="graphiql-doc-explorer-title">Trace</div>
        <Drawn told={told[tab]} />
      </section>
    );
  }
  return { title: "Trace", icon: TraceIcon, content: Panel };
}
