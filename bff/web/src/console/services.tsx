/** The services: how each is, and what can be done about it. */
import { act } from "./api";
import { Histogram, Minute, Parts } from "./charts";
import { Action, type Plan } from "./confirm";
import { count, many, ms, NOTHING, rate, share } from "./format";
import { Empty, Mark, State, type Mood } from "./marks";
import type { Breaker, Host, Service } from "./snapshot";

interface Done {
  readonly done?: string;
  readonly forgotten?: string;
  readonly silent?: readonly number[];
}

const BREAKERS: Record<Breaker["state"], readonly [Mood, string]> = {
  closed: ["good", "closed"],
  half_open: ["busy", "half-open"],
  open: ["bad", "open"],
  forced_open: ["held", "forced open"],
  metrics_only: ["held", "forced closed"],
  disabled: ["quiet", "disabled"],
};

const HOSTS: Record<Host["state"], readonly [Mood, string]> = {
  healthy: ["good", "in use"],
  ejected: ["bad", "ejected"],
  unhealthy: ["bad", "unhealthy"],
  draining: ["busy", "draining"],
  drained: ["held", "drained"],
};

/** Returns the worst that can be said of a service. */
function verdict(service: Service): readonly [Mood, string] {
  const states = service.breakers.map((one) => one.state);
  if (states.includes("forced_open")) return ["held", "breaker forced open"];
  if (states.includes("open")) return ["bad", "breaker open"];
  if (states.includes("half_open")) return ["busy", "breaker probing"];
  const out = service.hosts.filter((one) => one.state !== "healthy").length;
  if (out === service.hosts.length) return ["bad", "no host in use"];
  const { attempts = 0, failures = 0 } = service.counts;
  if (failures && failures / attempts >= 0.05) return ["bad", `${share(failures, attempts)} fail`];
  if (service.permits.waiting) return ["busy", `${count(service.permits.waiting)} waiting`];
  if (out) return ["busy", `${many(out, "host")} out`];
  return attempts || service.counts["calls"] ? ["good", "well"] : ["quiet", "no calls"];
}

const rank: readonly Mood[] = ["bad", "held", "busy", "good", "quiet"];

export const worstFirst = (services: readonly Service[]): Service[] =>
  [...services].sort((a, b) => rank.indexOf(verdict(a)[0]) - rank.indexOf(verdict(b)[0]) || a.name.localeCompare(b.name));

const others = (numbers: readonly number[]) =>
  numbers.length > 0 && <span className="apart">{`otherwise in worker ${numbers.join(", ")}`}</span>;

const FORCE = {
  open: {
    verb: "Force open",
    effect: (name: string) =>
      `No call of this group goes to ${name} any more, in no worker. Its fields fail at once with CIRCUIT_OPEN, or fall back as policy says, until you set it back to automatic.`,
  },
  closed: {
    verb: "Force closed",
    effect: (name: string) =>
      `Every call goes to ${name}, however many fail. The breaker goes on counting and refuses nothing, until you set it back to automatic.`,
  },
  automatic: {
    verb: "Set to automatic",
    effect: () => "The breaker goes by its policy again and begins closed, with an empty window.",
  },
} as const;

function forcePlan(service: string, group: string, state: keyof typeof FORCE): Plan {
  const { verb, effect } = FORCE[state];
  return {
    title: `${verb}: breaker ${group} of ${service}`,
    effect: effect(service),
    verb,
    ...(state === "automatic" ? {} : { type: service }),
    run: async () => (await act<Done>("POST", "admin/api/breakers", { upstream: service, group, state })).done ?? "Done.",
  };
}

function drainPlan(service: string, host: string, state: "drained" | "used"): Plan {
  const drain = state === "drained";
  return {
    title: `${drain ? "Drain" : "Use again"}: ${host}`,
    effect: drain
      ? `This host of ${service} gets no new calls, whatever its health; those under way end as usual. The other hosts take its share.`
      : `This host of ${service} gets calls again, few at first.`,
    verb: drain ? "Drain" : "Use again",
    run: async () => (await act<Done>("POST", "admin/api/hosts", { upstream: service, host, state })).done ?? "Done.",
  };
}

export function purgePlan(kind: "upstream" | "tag" | "key", name: string): Plan {
  const what = { upstream: `all answers of ${name}`, tag: `everything tagged ${name}`, key: `the entry ${name}` }[kind];
  return {
    title: `Forget ${what}`,
    effect: `Caches of all workers forget ${what}. The next requests ask the services again, which may mean a burst of calls, and there is nothing old to fall back on.`,
    verb: "Forget",
    ...(kind === "key" ? {} : { type: name }),
    run: async () => {
      const { forgotten = what, silent = [] } = await act<Done>("POST", "admin/api/cache/purge", { [kind]: name });
      return `Forgotten: ${forgotten}.${silent.length ? ` Worker ${silent.join(", ")} did not confirm it.` : ""}`;
    },
  };
}

/** Returns what the breaker goes by now, or went by when it opened. */
function history({ state, failed, failedBefore, slow, calls }: Breaker): string {
  if (state === "open") return failedBefore === null ? "" : `opened at ${share(failedBefore, 1)} failed`;
  if (state === "forced_open") return "";
  if (failed === null) return many(calls, "call");
  return `${share(failed, 1)} of ${many(calls, "call")} failed${slow ? `, ${share(slow, 1)} slow` : ""}`;
}

function BreakerRow({ service, breaker }: { service: string; breaker: Breaker }) {
  const [mood, word] = BREAKERS[breaker.state];
  const forced = breaker.state === "forced_open" || breaker.state === "metrics_only";
  const name = `breaker ${breaker.group} of ${service}`;
  return (
    <li className="row">
      <span className="what">
        <span className="faint">breaker</span> {breaker.group}
      </span>
      <span className="how">
        <State mood={mood}>{word}</State>
        {breaker.openMs !== null && <span className="faint">{`tries again in ${ms(breaker.openMs)}`}</span>}
        <span className="faint">{history(breaker)}</span>
        {others(breaker.otherwise)}
      </span>
      <span className="actions">
        {forced ? (
          <Action label={`Set ${name} to automatic`} plan={() => forcePlan(service, breaker.group, "automatic")}>
            Automatic
          </Action>
        ) : (
          <>
            <Action label={`Force ${name} open`} plan={() => forcePlan(service, breaker.group, "open")}>
              Force open
            </Action>
            <Action label={`Force ${name} closed`} plan={() => forcePlan(service, breaker.group, "closed")}>
              Force closed
            </Action>
          </>
        )}
      </span>
    </li>
  );
}

function HostRow({ service, host, alone }: { service: string; host: Host; alone: boolean }) {
  const [mood, word] = HOSTS[host.state];
  const facts = [
    host.zone && `zone ${host.zone}`,
    !alone && `weight ${host.weight}`,
    host.share < 1 && `${share(host.share, 1)} of it for now`,
    `${count(host.inFlight)} in flight`,
  ].filter(Boolean);
  return (
    <li className="row">
      <span className="what">
        <span className="faint">host</span> {host.url.replace(/^https?:\/\//, "")}
      </span>
      <span className="how">
        <State mood={mood}>{word}</State>
        <span className="faint">{facts.join(" · ")}</span>
        {others(host.otherwise)}
      </span>
      <span className="actions">
        {host.state === "drained" ? (
          <Action label={`Use ${host.url} of ${service} again`} plan={() => drainPlan(service, host.url, "used")}>
            Use again
          </Action>
        ) : (
          !alone && (
            <Action label={`Drain ${host.url} of ${service}`} plan={() => drainPlan(service, host.url, "drained")}>
              Drain
            </Action>
          )
        )}
      </span>
    </li>
  );
}

function Figure({ name, value, bad = false }: { name: string; value: string; bad?: boolean }) {
  return (
    <div className="figure" data-bad={bad}>
      <dt>{name}</dt>
      <dd>
        {bad && <Mark mood="bad" />}
        {value}
      </dd>
    </div>
  );
}

function Card({ service, edges, seconds }: { service: Service; edges: readonly number[]; seconds: number }) {
  const counts = service.counts;
  const { attempts = 0, failures = 0, calls = 0 } = counts;
  const [mood, word] = verdict(service);
  const cached = (kind: string) => counts[`cache.${kind}`] ?? 0;
  const lookups = cached("hit") + cached("early") + cached("stale") + cached("revalidated") + cached("miss");
  const extras = [
    [counts["retries"], "repeated"],
    [counts["hedges"], "hedged"],
    [counts["coalesced"], "joined another"],
    [counts["fallbacks"], "fell back"],
    [counts["notPermitted"], "stopped by a breaker"],
    [counts["queueRefused"], "refused by the queue"],
  ].filter(([number]) => number) as [number, string][];
  const title = `service-${service.name}`;
  return (
    <article className="card service" aria-labelledby={title} data-mood={mood}>
      <header>
        <h3 id={title}>
          {service.name}
          {service.alias !== service.name && <span className="faint">{` clients read ${service.alias}`}</span>}
        </h3>
        <State mood={mood}>{word}</State>
      </header>
      <Minute series={service.series} label="requests to the service" part="failed" />
      <dl className="figures">
        <Figure name="requests/s" value={rate(attempts / seconds)} />
        <Figure name="failed" value={share(failures, attempts)} bad={failures / attempts >= 0.05} />
        <Figure name="p50" value={ms(service.p50)} />
        <Figure name="p95" value={ms(service.p95)} />
        <Figure name="p99" value={ms(service.p99)} />
        <Figure name="in flight" value={`${count(service.permits.used)} of ${count(service.permits.limit)}`} />
      </dl>
      <div className="pair">
        <Histogram times={service} edges={edges} />
        <div>
          {lookups ? (
            <Parts
              label={`Cache of ${service.name}`}
              legend
              pieces={[
                { name: "hit", value: cached("hit") + cached("early"), kind: "hit" },
                { name: "still good", value: cached("revalidated"), kind: "same" },
                { name: "stale", value: cached("stale"), kind: "stale" },
                { name: "miss", value: cached("miss"), kind: "miss" },
              ]}
            />
          ) : (
            <p className="faint nothing">{calls ? `${rate(calls / seconds)} calls/s, none asks the cache` : NOTHING}</p>
          )}
        </div>
      </div>
      {extras.length > 0 && (
        <p className="faint extras">{extras.map(([number, what]) => `${count(number)} ${what}`).join(" · ")}</p>
      )}
      <ul className="rows">
        {service.breakers.map((breaker) => (
          <BreakerRow key={breaker.group} service={service.name} breaker={breaker} />
        ))}
        {service.hosts.map((host) => (
          <HostRow key={host.url} service={service.name} host={host} alone={service.hosts.length === 1} />
        ))}
        {lookups > 0 && (
          <li className="row">
            <span className="what">
              <span className="faint">cache</span>
            </span>
            <span className="how faint">{many(lookups, "lookup")}</span>
            <span className="actions">
              <Action label={`Forget all answers of ${service.name}`} plan={() => purgePlan("upstream", service.name)}>
                Forget
              </Action>
            </span>
          </li>
        )}
      </ul>
    </article>
  );
}

export function Services({ services, edges, window }: { services: readonly Service[]; edges: readonly number[]; window: number }) {
  if (!services.length)
    return (
      <Empty title="No upstream is configured yet.">
        Write <code>policies/upstreams/NAME.yaml</code> with at least <code>hosts:</code>, and it appears here.
      </Empty>
    );
  return (
    <div className="cards">
      {services.map((service) => (
        <Card key={service.name} service={service} edges={edges} seconds={Math.max(1, window)} />
      ))}
    </div>
  );
}
