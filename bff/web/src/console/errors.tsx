/** The last errors that clients read, each with its story. */
import { useEffect, useState } from "react";
import { get, wordsOf } from "./api";
import { clock, count } from "./format";
import { Empty } from "./marks";
import type { ErrorHead, Snapshot } from "./snapshot";

interface Report extends ErrorHead {
  readonly requestId: string;
  readonly detail: string;
  readonly exception: string | null;
  readonly story: readonly string[];
}

function Story({ id }: { id: string }) {
  const [report, setReport] = useState<Report | string | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    get<Report>(`admin/api/errors/${encodeURIComponent(id)}`, stop.signal)
      .then(setReport)
      .catch((problem) => !stop.signal.aborted && setReport(wordsOf(problem)));
    return () => stop.abort();
  }, [id]);
  if (report === null) return <p className="faint">Looking it up…</p>;
  if (typeof report === "string") return <p className="faint">{report}</p>;
  return (
    <>
      <dl className="facts">
        <dt>Cause</dt>
        <dd>{report.detail || report.exception || "as the code says"}</dd>
        {report.exception && report.detail && !report.exception.includes(report.detail) && (
          <>
            <dt>Exception</dt>
            <dd>{report.exception}</dd>
          </>
        )}
        <dt>Request</dt>
        <dd>{report.requestId}</dd>
        <dt>In a shell</dt>
        <dd>
          <code>{`bff why ${report.errorId}`}</code>
        </dd>
      </dl>
      {report.story.length > 0 ? <pre tabIndex={0} aria-label="What happened">{report.story.join("\n")}</pre> : <p className="faint">No service was involved.</p>}
    </>
  );
}

export function Errors({ snapshot }: { snapshot: Snapshot }) {
  const [open, setOpen] = useState<string | null>(null);
  const [code, setCode] = useState<string | null>(null);
  const [frozen, setFrozen] = useState<readonly ErrorHead[] | null>(null);
  if (!snapshot.errors.length && !snapshot.codes.length)
    return <Empty title="No client has read an error.">What goes wrong appears here, with what happened before it.</Empty>;
  const codes = new Map<string, number>();
  for (const [name, , number] of snapshot.codes) codes.set(name, (codes.get(name) ?? 0) + number);
  const shown = (frozen ?? snapshot.errors).filter((one) => !code || one.code === code);
  const toggle = (id: string) => {
    const next = open === id ? null : id;
    setOpen(next);
    setFrozen(next === null ? null : (frozen ?? snapshot.errors)); // a list that moves cannot be read
  };
  return (
    <section className="card" aria-label="Errors">
      <div className="chips" role="group" aria-label="Show one code only">
        <button type="button" aria-pressed={code === null} onClick={() => setCode(null)}>
          All
        </button>
        {[...codes].map(([name, number]) => (
          <button key={name} type="button" aria-pressed={code === name} onClick={() => setCode(code === name ? null : name)}>
            {name} <b>{count(number)}</b>
          </button>
        ))}
      </div>
      <p className="faint lead">
        {frozen ? "The list stands still while an error is open." : "Counted since the process began; the last ones are listed, newest first."}
      </p>
      {shown.length ? (
        <ul className="errors">
          {shown.map((one) => (
            <li key={one.errorId}>
              <button type="button" className="error" aria-expanded={open === one.errorId} onClick={() => toggle(one.errorId)}>
                <time dateTime={one.time}>{clock(one.time)}</time>
                <span className="code">{one.code}</span>
                <span className="where">
                  {one.operation ?? "no operation"}
                  {one.path && <span className="faint">{` ${one.path}`}</span>}
                </span>
                <span className="faint">{one.upstream ?? ""}</span>
              </button>
              {open === one.errorId && (
                <div className="story">
                  <Story id={one.errorId} />
                </div>
              )}
            </li>
          ))}
        </ul>
      ) : (
        <p className="faint">None of the last errors has this code.</p>
      )}
    </section>
  );
}
