// Writes metrics in the requested format: OpenMetrics or the older text format of Prometheus.

import { type OpenMetricsContentType, Registry } from 'prom-client';

export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

type Format = 'openmetrics' | 'text';

/**
 * The formats that we write, and the versions that a client may request; the first is the version
 * that we write.
 */
const formats: readonly {
  readonly format: Format;
  readonly type: string;
  readonly versions: readonly string[];
}[] = [
  { format: 'openmetrics', type: 'application/openmetrics-text', versions: ['1.0.0', '0.0.1'] },
  { format: 'text', type: 'text/plain', versions: ['0.0.4'] },
];

/**
 * The format for a client with this `Accept` header (RFC 9110, section 12.5.1): the format with the
 * greater weight. If both have the same weight or the client accepts neither, the format is
 * OpenMetrics.
 */
export function formatFor(accept: string | undefined): Format {
  const ranges = (accept?.trim() || '*/*').split(',').flatMap((range) => readRange(range) ?? []);
  const [openMetrics, text] = formats.map((format) => weightOf(format, ranges));
  return (text ?? 0) > (openMetrics ?? 0) ? 'text' : 'openmetrics';
}

export async function expose(
  registry: Registry<OpenMetricsContentType>,
  accept: string | undefined,
): Promise<Exposition> {
  if (formatFor(accept) === 'openmetrics')
    return { contentType: registry.contentType, text: await registry.metrics() };
  const text = new Registry();
  for (const metric of registry.getMetricsAsArray()) text.registerMetric(asText(metric));
  return { contentType: text.contentType, text: await text.metrics() };
}

interface Range {
  readonly type: string;
  readonly version: string | null;
  readonly weight: number;
}

/** Null, and ignored, if the text is not a media range or its weight is invalid. */
function readRange(text: string): Range | null {
  const [type = '', ...parameters] = text
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const parameter = (name: string): string | null =>
    parameters
      .find((p) => p.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .replaceAll('"', '') ?? null;
  const weight = parameter('q') ?? '1';
  if (!type.includes('/') || !/^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight)) return null;
  return { type, version: parameter('version'), weight: Number(weight) };
}

/**
 * The weight of the most specific range that matches the format: its own type, then any subtype, then
 * any type.
 */
function weightOf({ type, versions }: (typeof formats)[number], ranges: readonly Range[]): number {
  const own = ranges.filter((range) => range.type === type);
  if (own.length > 0)
    return heaviest(own.filter(({ version }) => version === null || versions.includes(version)));
  const ofKind = ranges.filter((range) => range.type === `${type.split('/')[0]}/*`);
  return heaviest(ofKind.length > 0 ? ofKind : ranges.filter((range) => range.type === '*/*'));
}

const heaviest = (ranges: readonly Range[]): number => Math.max(0, ...ranges.map(({ weight }) => weight));

type Metric = Parameters<Registry['registerMetric']>[0];
type Values = { readonly name: string; readonly type: string };
/**
 * The part of a metric that prom-client's registry uses. It calls `getForPromString` if there is
 * one.
 */
interface Readable {
  readonly name: string;
  readonly getForPromString?: () => Promise<Values>;
  readonly get: () => Promise<Values>;
}

/**
 * The metric under its name in the older format, where the declared name of a counter ends in
 * `_total`. An OpenMetrics registry removes that suffix permanently.
 */
function asText(metric: unknown): Metric {
  const readable = metric as Readable;
  const read = async (): Promise<Values> => {
    const values = await (readable.getForPromString?.() ?? readable.get());
    return values.type === 'counter'
      ? { ...values, name: `${values.name.replace(/_total$/, '')}_total` }
      : values;
  };
  return { name: readable.name, get: read } as unknown as Metric;
}
