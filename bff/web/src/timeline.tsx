/** A plan drawn over time: a row for each endpoint and wave, from when it begins at worst to when it ends at worst. */
import { calls, duration, type Plan, type Step } from "./plan";

const ROW = 34;
const HEAD = 22;
const BAR = 8;
const AXIS = 18;
const HUES = 8;

interface Row {
  readonly y: number;
  readonly wave: number | null;
  readonly step: Step | null;
}

function rowsOf(plan: Plan): { rows: Row[]; height: number } {
  const rows: Row[] = [];
  let y = 0;
  for (const wave of plan.waves) {
    rows.push({ y, wave: wave.number, step: null });
    y += HEAD;
    for (const step of wave.steps) {
      rows.push({ y, wave: null, step });
      y += ROW;
    }
  }
  return { rows, height: y + AXIS };
}

function Bar({ step, y, scale, hue, down }: { step: Step; y: number; scale: number; hue: number; down: boolean }) {
  const left = `${step.startMs * scale}%`;
  const width = `${Math.max(step.worstMs * scale, 0.5)}%`;
  return (
    <g className="bff-bar" data-hue={hue} data-down={down}>
      <title>{`${step.method} ${step.target}\n${step.timing}\n${step.cache}${step.why && `\n${step.why}`}`}</title>
      <text y={y + 12} x="0" className="bff-bar-name">
        {step.endpoint}
        <tspan dx="6" className="bff-bar-calls">
          {calls(step.calls)}
          {down ? ", down" : ""}
        </tspan>
      </text>
      <rect x="0" y={y + 18} width="100%" height={BAR} rx="2" className="bff-bar-track" />
      <rect x={left} y={y + 18} width={width} height={BAR} rx="2" className="bff-bar-time" />
    </g>
  );
}

/** Draws `plan`; what the services in `without` would answer is hatched. */
export function Timeline({ plan, without }: { plan: Plan; without: readonly string[] }) {
  const { rows, height } = rowsOf(plan);
  const steps = plan.waves.flatMap(({ steps }) => steps);
  const upstreams = [...new Set(steps.map(({ upstream }) => upstream))].sort();
  const { deadlineMs, worstMs, callsMs } = plan.latency;
  const longest = Math.max(deadlineMs, ...steps.map(({ startMs, worstMs: ms }) => startMs + ms), 1);
  const scale = 100 / longest;
  const label = `${steps.length} steps in ${plan.waves.length} waves; at worst ${duration(worstMs)} of ${duration(deadlineMs)}`;
  return (
    <svg className="bff-timeline" width="100%" height={height} role="img" aria-label={label}>
      <line x1={`${deadlineMs * scale}%`} x2={`${deadlineMs * scale}%`} y1="0" y2={height - AXIS} className="bff-deadline" />
      {rows.map(({ y, wave, step }) =>
        step ? (
          <Bar
            key={y}
            step={step}
            y={y}
            scale={scale}
            hue={upstreams.indexOf(step.upstream) % HUES}
            down={without.includes(step.upstream)}
          />
        ) : (
          <text key={y} x="0" y={y + 15} className="bff-wave">
            wave {wave}
          </text>
        ),
      )}
      <text x="0" y={height - 4} className="bff-axis">
        0
      </text>
      <text x={`${deadlineMs * scale}%`} y={height - 4} textAnchor="end" className="bff-axis bff-axis-deadline">
        deadline {duration(deadlineMs)}
      </text>
      {callsMs > deadlineMs * 1.5 && (
        <text x="100%" y={height - 4} textAnchor="end" className="bff-axis">
          {duration(longest)}
        </text>
      )}
    </svg>
  );
}
