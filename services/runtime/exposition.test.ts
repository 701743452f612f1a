import { describe, expect, test } from 'vitest';
import { formatFor } from './exposition.ts';
import { createMetrics } from './metrics.ts';

const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';

describe('the format of metrics', () => {
  test.each([
    [undefined, 'openmetrics'],
    ['', 'openmetrics'],
    ['*/*', 'openmetrics'],
    [PROMETHEUS_2, 'openmetrics'],
    [PROMETHEUS_3, 'openmetrics'],
    ['application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text; version=1.0.0', 'openmetrics'],
    ['application/openmetrics-text; version="0.0.1"', 'openmetrics'],
    ['APPLICATION/OpenMetrics-Text;Q=0.9, text/plain;q=0.8', 'openmetrics'],
    ['application/*', 'openmetrics'],
    ['text/plain, application/openmetrics-text', 'openmetrics'],
    // a browser wants neither more than the other
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'openmetrics'],
    ['text/plain', 'text'],
    ['text/plain; version=0.0.4', 'text'],
    ['text/plain;version=0.0.4;q=0.5', 'text'],
    ['text/*', 'text'],
    ['text/plain;q=0.9,application/openmetrics-text;q=0.8', 'text'],
    ['application/openmetrics-text;q=0, */*', 'text'],
    ['application/openmetrics-text;version=2.0.0, text/plain;q=0.1', 'text'],
    ['text/plain;q=0.5, */*;q=0.1', 'text'],
    // nothing that we write
    ['text/plain;version=9', 'openmetrics'],
    ['application/json', 'openmetrics'],
    ['text/plain;q=0', 'openmetrics'],
    // what says nothing
    ['text/plain;q=2', 'openmetrics'],
    ['text/plain;q=x', 'openmetrics'],
    [',;,q=1,/', 'openmetrics'],
  ])('of a response to Accept: %s is %s', (accept, format) => {
    expect(formatFor(accept)).toBe(format);
  });

  test('is in the content type, and both formats have the same samples, whichever is requested first', async () => {
    const metrics = createMetrics({ program: 'test', version: '1' });
    metrics.message('queued');
    metrics.http('GET', '/v1/messages/{message_id}', 200, 30);
    metrics.inFlight(3);
    const of = async (accept: string) => {
      const { contentType, text } = await metrics.exposition(accept);
      const samples = text.split('\n').filter((line) => line.startsWith('packetboat_'));
      return { contentType, text, samples };
    };
    const [text, openMetrics, again] = [await of('text/plain'), await of('*/*'), await of('text/plain')];
    expect(text.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(openMetrics.contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(text.samples.length).toBeGreaterThan(20);
    expect(text.samples).toEqual(openMetrics.samples);
    expect(again.samples).toEqual(text.samples);
    expect(openMetrics.text).toContain(
      '# TYPE packetboat_messages counter\npacketboat_messages_total{result="queued"} 1\n',
    );
    expect(text.text).toContain(
      '# TYPE packetboat_messages_total counter\npacketboat_messages_total{result="queued"} 1\n',
    );
    expect(text.text).toContain('# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ');
    expect(text.text).toContain(
      '# TYPE packetboat_http_request_seconds histogram\npacketboat_http_request_seconds_bucket{le="0.001",',
    );
    expect(text.text).not.toContain('# EOF');
    expect(openMetrics.text.endsWith('# EOF\n')).toBe(true);
  });
});
