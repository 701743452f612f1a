// The reference of metrics in docs/running.md, written from their declarations: a test compares the
// page with the declarations, and `make golden` updates the page.

import { EVERY, type MetricDescription } from './metrics.ts';

const BEGIN = '<!-- metrics: from services/runtime/metrics.ts, by `make golden` -->';
const END = '<!-- metrics: end -->';

/**
 * Returns the page with an up-to-date reference. Throws if the page lacks the markers of the
 * reference.
 */
export function withMetricReference(page: string, metrics: readonly MetricDescription[]): string {
  const [before, rest = ''] = page.split(BEGIN);
  const [, after] = rest.split(END);
  if (before === undefined || after === undefined)
    throw new Error('the page lacks the markers of the reference of metrics');
  return before + [BEGIN, table(metrics), END].join('\n\n') + after;
}

function table(metrics: readonly MetricDescription[]): string {
  const rows = metrics.map((metric) => {
    const labels = metric.labels.map((label) => `\`${label}\``).join(', ');
    const programs = metric.programs === EVERY ? 'all' : metric.programs.join(', ');
    return [`\`${metric.name}\``, metric.type, labels, unitOf(metric), programs, metric.help];
  });
  const head = ['metric', 'type', 'labels', 'unit', 'programs', 'meaning'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Read from the name, where Prometheus expects the unit. */
function unitOf({ name, type }: MetricDescription): string {
  const [, unit] = /_(timestamp_seconds|seconds|bytes|deliveries)(?:_total)?$/.exec(name) ?? [];
  if (unit === 'timestamp_seconds') return 'Unix time, seconds';
  return unit ?? (type === 'counter' ? 'count' : '');
}
