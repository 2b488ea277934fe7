/** Draws a trace: a row for each call, its attempts inside its bar, waves apart. */
import { kindOf, words, type Call, type Trace } from "./trace";

const ROW = 36; // pixels: a line of text and a bar
const BAR = 10;
const TOP = 20;
const TICKS = 4;

/** Returns a round number of milliseconds, of which at most `TICKS` fit into `ms`. */
function step(ms: number): number {
  const rough = ms / TICKS;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 0.001)));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
}

function Axis({ end, height }: { end: number; height: number }) {
  const distance = step(end);
  const ticks = Array.from({ length: Math.floor(end / distance) + 1 }, (_, index) => index * distance);
  return (
    <g className="bff-axis">
      {ticks.map((ms) => (
        <g key={ms}>
          <line x1={`${(ms / end) * 100}%`} x2={`${(ms / end) * 100}%`} y1={TOP - 4} y2={height} />
          <text x={`${(ms / end) * 100}%`} dx={3} y={11}>
            {`${+ms.toFixed(3)} ms`}
          </text>
        </g>
      ))}
    </g>
  );
}

function Row({ call, y, end }: { call: Call; y: number; end: number }) {
  const x = (ms: number) => `${(ms / end) * 100}%`;
  const width = (ms: number) => `${Math.max((ms / end) * 100, 0.4)}%`;
  return (
    <g className="bff-call" data-kind={kindOf(call)} data-endpoint={`${call.upstream}.${call.endpoint}`}>
      <title>{[`${call.upstream}.${call.endpoint}: ${call.outcome}, ${call.ms} ms`, ...words(call)].join("\n")}</title>
      <text x={0} y={y + 13}>
        {`${call.upstream}.${call.endpoint} · ${call.ms} ms${call.outcome === "OK" ? "" : ` · ${call.outcome}`}`}
      </text>
      <rect className="bff-bar" x={x(call.startMs)} y={y + 19} width={width(call.ms)} height={BAR} rx={2} />
      {call.attempts.map((attempt, index) => (
        <rect
          key={index}
          className="bff-attempt"
          data-ok={attempt.outcome === "OK"}
          x={x(attempt.startMs)}
          y={y + 21}
          width={width(attempt.ms)}
          height={BAR - 4}
        />
      ))}
    </g>
  );
}

/** Shows `trace` as a drawing. */
export function Waterfall({ trace }: { trace: Trace }) {
  const calls = [...trace.calls].sort((a, b) => a.wave - b.wave || a.startMs - b.startMs);
  const end = Math.max(trace.ms, ...calls.map(({ startMs, ms }) => startMs + ms), 0.1);
  const height = TOP + calls.length * ROW + 4;
  const label = `${calls.length} calls in ${trace.ms} ms`;
  return (
    <svg className="bff-waterfall" width="100%" height={height} role="img" aria-label={label}>
      <Axis end={end} height={height} />
      {calls.map((call, index) => {
        const y = TOP + index * ROW;
        const first = index === 0 || calls[index - 1]?.wave !== call.wave;
        return (
          <g key={index}>
            {first && <line className="bff-wave" x1={0} x2="100%" y1={y} y2={y} />}
            {first && (
              <text className="bff-wave-name" x="100%" y={y + 13} textAnchor="end">
                {`wave ${call.wave}`}
              </text>
            )}
            <Row call={call} y={y} end={end} />
          </g>
        );
      })}
    </svg>
  );
}
