/** The panel "Explain": what the operation in the open tab will do, before it is run. */
import { useGraphiQL, type GraphiQLPlugin } from "@graphiql/react";
import { Kind, parse } from "graphql";
import { useEffect, useState } from "react";
import "./explain.css";
import { askForPlan, calls, duration, type Loss, type Plan } from "./plan";
import { Timeline } from "./timeline";

const PAUSE = 300; // milliseconds without a key before the server is asked

const KEPT = {
  never: "may not be kept by clients",
  private: "may be kept by one user",
  public: "may be kept by everybody",
} as const;

interface Told {
  readonly plan: Plan | null;
  readonly error: string | null;
}

/** Returns the name of the operation to explain: the one that was run last, or the first. */
function operationIn(query: string, known: string | null): string | null {
  try {
    const names = parse(query).definitions.flatMap((node) =>
      node.kind === Kind.OPERATION_DEFINITION ? (node.name?.value ?? []) : [],
    );
    return known && names.includes(known) ? known : (names[0] ?? null);
  } catch {
    return null; // the server will say what is wrong with it
  }
}

/** Asks for the plan of the open tab, again whenever it changes. */
function usePlan(endpoint: string, without: readonly string[]): Told {
  const tab = useGraphiQL(({ tabs, activeTabIndex }) => tabs[activeTabIndex]);
  const [told, setTold] = useState<Told>({ plan: null, error: null });
  const query = tab?.query ?? "";
  const variables = tab?.variables ?? "";
  const operationName = operationIn(query, tab?.operationName ?? null);
  const down = without.join(" ");
  useEffect(() => {
    if (!query.trim()) {
      setTold({ plan: null, error: null });
      return;
    }
    const control = new AbortController();
    const question = { query, variables, operationName, without: down ? down.split(" ") : [] };
    const timer = setTimeout(() => {
      askForPlan(endpoint, question, control.signal)
        .then((plan) => setTold({ plan, error: null }))
        .catch((error: unknown) => {
          if (!control.signal.aborted) setTold({ plan: null, error: error instanceof Error ? error.message : String(error) });
        });
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [endpoint, query, variables, operationName, down]);
  return told;
}

function Facts({ plan }: { plan: Plan }) {
  const { worstMs, callsMs, deadlineMs } = plan.latency;
  const capped = callsMs > deadlineMs ? `, the deadline (timeouts alone: ${duration(callsMs)})` : ` of ${duration(deadlineMs)}`;
  return (
    <dl className="bff-facts">
      <dt>Calls</dt>
      <dd>{calls(plan.calls)}</dd>
      {plan.cost !== null && (
        <>
          <dt>Cost</dt>
          <dd>{plan.cost} by estimate</dd>
        </>
      )}
      <dt>Worst case</dt>
      <dd>{duration(worstMs) + capped}</dd>
      <dt>Answer</dt>
      <dd>
        {KEPT[plan.keeping.verdict]}
        <ul>
          {plan.keeping.limits.map(({ endpoint, why }) => (
            <li key={`${endpoint} ${why}`}>{endpoint ? `${endpoint}: ${why}` : why}</li>
          ))}
        </ul>
      </dd>
      <dt>Sharing</dt>
      <dd>{plan.sharing.why}</dd>
    </dl>
  );
}

function Lost({ loss }: { loss: Loss }) {
  const wide = loss.nulls !== null && loss.nulls !== loss.path;
  return (
    <li>
      <code>{loss.path}</code> <strong>{loss.certain ? loss.instead : `perhaps ${loss.instead}`}</strong>
      {wide && <strong className="bff-wide">; null is {loss.nulls || "the whole answer"}</strong>}
      <br />
      <span>{loss.why}</span>
    </li>
  );
}

function Left({ plan }: { plan: Plan }) {
  if (!plan.outage) return null;
  const { upstreams, lost, gone, nothingLeft } = plan.outage;
  return (
    <section className="bff-outage" aria-label="What is left">
      <h3>Without {upstreams.join(" and ")}</h3>
      {nothingLeft && <p className="bff-wide">There is no data at all.</p>}
      {lost.length === 0 && <p>Nothing is missing.</p>}
      <ul>
        {lost.map((loss) => (
          <Lost key={loss.path} loss={loss} />
        ))}
      </ul>
      {gone.length > 0 && <p>Gone with it: {gone.join(", ")}</p>}
    </section>
  );
}

function Listed({ title, lines }: { title: string; lines: readonly string[] }) {
  if (lines.length === 0) return null;
  return (
    <details className="bff-listed" open={title === "Warnings"}>
      <summary>{title}</summary>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </details>
  );
}

function Panel({ endpoint }: { endpoint: string }) {
  const [without, setWithout] = useState("");
  const down = without ? [without] : [];
  const { plan, error } = usePlan(endpoint, down);
  const asked = plan ? [...new Set(plan.waves.flatMap(({ steps }) => steps.map(({ upstream }) => upstream)))].sort() : [];
  const choices = without && !asked.includes(without) ? [without, ...asked] : asked;
  return (
    <section className="bff-explain" aria-label="Explain">
      <div className="graphiql-doc-explorer-title">Explain</div>
      <label className="bff-without">
        without
        <select value={without} onChange={(event) => setWithout(event.target.value)}>
          <option value="">all services are up</option>
          {choices.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {error && (
        <p role="alert" className="bff-explain-error">
          {error}
        </p>
      )}
      {!plan && !error && <p>Write an operation: its calls are drawn here before it runs.</p>}
      {plan && (
        <>
          {plan.waves.length > 0 ? <Timeline plan={plan} without={down} /> : <p>It asks no service.</p>}
          <Left plan={plan} />
          <Facts plan={plan} />
          <Listed title="Warnings" lines={plan.warnings} />
          <Listed title="Assumed" lines={plan.assumed} />
        </>
      )}
    </section>
  );
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" aria-hidden="true">
      <path d="M4 4v16h16M7 8h6M10 12h7M13 16h6" />
    </svg>
  );
}

/** Returns the plugin, which asks beside `endpoint`. */
export function explainPlugin(endpoint: string): GraphiQLPlugin {
  return { title: "Explain", icon: Icon, content: () => <Panel endpoint={endpoint} /> };
}
