// The alerts and the dashboard of the chart: promtool checks that each alert fires when it should
// and only then. No expression uses a metric or a label that no program has.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { createMetrics } from '../../services/runtime/metrics.ts';
import { describeWith } from '../support/describe-with.ts';
import { chart } from '../support/helm.ts';
import { requireFile } from '../support/need.ts';

const rules = join(chart, 'files/alerts.yaml');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}
const alerts = (
  parse(await readFile(rules, 'utf8')) as { readonly groups: readonly { readonly rules: readonly Rule[] }[] }
).groups.flatMap(({ rules }) => rules);

/** Series in promtool's notation, a value a minute, all in namespace `mail`. */
type Series = Readonly<Record<string, string>>;

/**
 * By alert: what makes it fire within half an hour, and what does not. `fires` of the alert's
 * labels besides its name and severity.
 */
const cases: Readonly<
  Record<
    string,
    {
      readonly fires: Series;
      readonly as: Readonly<Record<string, string>>;
      readonly quiet: readonly Series[];
    }
  >
> = {
  PacketboatGatewayErrors: {
    fires: {
      'packetboat_http_requests_total{status="202"}': '0+90x40',
      'packetboat_http_requests_total{status="503"}': '0+10x40',
    },
    as: {},
    quiet: [
      {
        'packetboat_http_requests_total{status="202"}': '0+99x40',
        'packetboat_http_requests_total{status="503"}': '0+1x40',
      },
      { 'packetboat_http_requests_total{status="422"}': '0+50x40' },
      // a short one
      {
        'packetboat_http_requests_total{status="202"}': '0+90x40',
        'packetboat_http_requests_total{status="503"}': '0x28 0+100x3 300x10',
      },
    ],
  },
  PacketboatDependencyDown: {
    fires: {
      'packetboat_dependency_up{dependency="store",pod="a"}': '1x9 0x30',
      'packetboat_dependency_up{dependency="store",pod="b"}': '1x9 0x30',
    },
    as: { dependency: 'store' },
    quiet: [
      {
        'packetboat_dependency_up{dependency="store",pod="a"}': '0x40',
        'packetboat_dependency_up{dependency="store",pod="b"}': '1x40',
      },
      { 'packetboat_dependency_up{dependency="store",pod="a"}': '1x40' },
    ],
  },
  PacketboatDependencyDownForSome: {
    fires: {
      'packetboat_dependency_up{dependency="queue",pod="a"}': '0x40',
      'packetboat_dependency_up{dependency="queue",pod="b"}': '1x40',
    },
    as: { dependency: 'queue' },
    quiet: [
      {
        'packetboat_dependency_up{dependency="queue",pod="a"}': '0x40',
        'packetboat_dependency_up{dependency="queue",pod="b"}': '0x40',
      },
      {
        'packetboat_dependency_up{dependency="queue",pod="a"}': '1x40',
        'packetboat_dependency_up{dependency="queue",pod="b"}': '1x40',
      },
    ],
  },
  PacketboatNothingLeaves: {
    fires: {
      packetboat_backlog_deliveries: '40x40',
      'packetboat_attempts_total{outcome="delivered"}': '7x40',
    },
    as: {},
    quiet: [
      { packetboat_backlog_deliveries: '40x40', 'packetboat_attempts_total{outcome="delivered"}': '0+5x40' },
      { packetboat_backlog_deliveries: '0x40', 'packetboat_attempts_total{outcome="delivered"}': '7x40' },
    ],
  },
  PacketboatMailIsOverdue: {
    fires: {
      'packetboat_oldest_sendable_age_seconds{pod="a"}': '0+60x40',
      'packetboat_oldest_sendable_age_seconds{pod="b"}': '0+60x40',
    },
    as: {},
    quiet: [
      { packetboat_oldest_sendable_age_seconds: '200x40' },
      // a peak that goes away
      { packetboat_oldest_sendable_age_seconds: '0x20 400 400 400 0x20' },
    ],
  },
  PacketboatKeysAreGuessed: {
    fires: { 'packetboat_failed_authentications_total{reason="unknown",status="429"}': '0+120x40' },
    as: {},
    quiet: [
      { 'packetboat_failed_authentications_total{reason="unknown",status="401"}': '0+50x40' },
      { 'packetboat_failed_authentications_total{reason="expired",status="429"}': '0+10x40' },
    ],
  },
  PacketboatBacklogGrows: {
    fires: { packetboat_backlog_deliveries: '6000+100x60' },
    as: {},
    quiet: [
      { packetboat_backlog_deliveries: '20000-100x60' },
      { packetboat_backlog_deliveries: '100+10x60' },
    ],
  },
  PacketboatDeliveriesLapse: {
    fires: { 'packetboat_swept_total{what="lapsed"}': '0+3x40' },
    as: {},
    quiet: [
      { 'packetboat_swept_total{what="lapsed"}': '0x10 4x30' },
      { 'packetboat_swept_total{what="due"}': '0+90x40' },
    ],
  },
  PacketboatAttemptsFailLocally: {
    fires: {
      'packetboat_attempts_total{outcome="local"}': '0+5x60',
      'packetboat_attempts_total{outcome="delivered"}': '0+95x60',
    },
    as: {},
    quiet: [
      {
        'packetboat_attempts_total{outcome="local"}': '0+1x60',
        'packetboat_attempts_total{outcome="delivered"}': '0+99x60',
      },
    ],
  },
  PacketboatManyBounces: {
    fires: {
      'packetboat_attempts_total{outcome="bounced"}': '0+20x60',
      'packetboat_attempts_total{outcome="delivered"}': '0+80x60',
    },
    as: {},
    quiet: [
      {
        'packetboat_attempts_total{outcome="bounced"}': '0+5x60',
        'packetboat_attempts_total{outcome="delivered"}': '0+95x60',
      },
      // one of two, which says nothing
      {
        'packetboat_attempts_total{outcome="bounced"}': '0x9 1x50',
        'packetboat_attempts_total{outcome="delivered"}': '0x9 1x50',
      },
    ],
  },
  PacketboatEventLoopIsLate: {
    fires: { 'nodejs_eventloop_lag_p99_seconds{pod="a"}': '0.9x40' },
    as: { pod: 'a' },
    quiet: [{ 'nodejs_eventloop_lag_p99_seconds{pod="a"}': '0.05x40' }],
  },
  PacketboatResourceNotReady: {
    fires: { 'packetboat_operator_resource_ready{kind="Sender",status="False"}': '2x40' },
    as: { kind: 'Sender' },
    quiet: [
      {
        'packetboat_operator_resource_ready{kind="Sender",status="False"}': '0x40',
        'packetboat_operator_resource_ready{kind="Sender",status="True"}': '9x40',
      },
    ],
  },
  PacketboatNamespaceUnusable: {
    fires: {
      'packetboat_operator_namespace_usable{watched_namespace="ghost"}': '0x40',
      'packetboat_operator_namespace_usable{watched_namespace="shop"}': '1x40',
    },
    as: { watched_namespace: 'ghost' },
    quiet: [
      {
        'packetboat_operator_namespace_usable{watched_namespace="ghost"}': '0x5 1x35',
        'packetboat_operator_namespace_usable{watched_namespace="shop"}': '1x40',
      },
    ],
  },
  PacketboatNoOperatorLeads: {
    fires: {
      'leader_election_master_status{name="packetboat-operator",pod="a"}': '0x40',
      'leader_election_master_status{name="packetboat-operator",pod="b"}': '0x40',
    },
    as: {},
    quiet: [
      {
        'leader_election_master_status{name="packetboat-operator",pod="a"}': '0x40',
        'leader_election_master_status{name="packetboat-operator",pod="b"}': '1x40',
      },
    ],
  },
  PacketboatTwoOperatorsLead: {
    fires: {
      'leader_election_master_status{name="packetboat-operator",pod="a"}': '1x40',
      'leader_election_master_status{name="packetboat-operator",pod="b"}': '1x40',
    },
    as: {},
    quiet: [
      {
        'leader_election_master_status{name="packetboat-operator",pod="a"}': '0x40',
        'leader_election_master_status{name="packetboat-operator",pod="b"}': '1x40',
      },
    ],
  },
  PacketboatReconcilesFail: {
    fires: { 'controller_runtime_reconcile_errors_total{controller="sender"}': '0+20x60' },
    as: { controller: 'sender' },
    quiet: [{ 'controller_runtime_reconcile_errors_total{controller="sender"}': '0+1x60' }],
  },
  PacketboatPublishesFail: {
    fires: { 'packetboat_operator_publishes_total{kind="sender",result="failed"}': '0+1x60' },
    as: {},
    quiet: [{ 'packetboat_operator_publishes_total{kind="sender",result="updated"}': '0+9x60' }],
  },
  PacketboatOperatorHearsNothing: {
    fires: {
      'packetboat_operator_contact_timestamp_seconds{kind="senders"}': '60x60',
      'leader_election_master_status{name="packetboat-operator"}': '1x60',
    },
    as: { kind: 'senders' },
    quiet: [
      {
        'packetboat_operator_contact_timestamp_seconds{kind="senders"}': '0+60x60',
        'leader_election_master_status{name="packetboat-operator"}': '1x60',
      },
      // only the leader makes requests
      {
        'packetboat_operator_contact_timestamp_seconds{kind="senders"}': '60x60',
        'leader_election_master_status{name="packetboat-operator"}': '0x60',
      },
    ],
  },
};

const inMail = (series: string): string => {
  const [name = '', labels] = series.split(/[{}]/);
  return `${name}{namespace="mail"${labels === undefined ? '' : `,${labels}`}}`;
};

describeWith(['promtool'], 'the alerts', () => {
  it('are rules that Prometheus reads', async () => {
    expect(await promtool(['check', 'rules', '--lint-fatal', rules])).toMatchObject({ code: 0 });
  });

  it('are all tried below', () => {
    expect(Object.keys(cases).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  it.each(Object.entries(cases))('%s', async (alertname, { fires, as, quiet }) => {
    const severity = alerts.find(({ alert }) => alert === alertname)?.labels.severity ?? '';
    const test = (series: Series, isFiring: boolean) => ({
      interval: '1m',
      input_series: Object.entries(series).map(([name, values]) => ({ series: inMail(name), values })),
      promql_expr_test: [
        {
          expr: `ALERTS{alertname="${alertname}",alertstate="firing"}`,
          eval_time: '32m',
          exp_samples: isFiring
            ? [
                {
                  labels: labelsOf({ alertname, alertstate: 'firing', namespace: 'mail', severity, ...as }),
                  value: 1,
                },
              ]
            : [],
        },
      ],
    });
    const folder = await mkdtemp(join(tmpdir(), 'packetboat-alerts-'));
    try {
      const file = join(folder, 'test.yaml');
      await writeFile(
        file,
        stringify({
          rule_files: [rules],
          tests: [test(fires, true), ...quiet.map((series) => test(series, false))],
        }),
      );
      expect(await promtool(['test', 'rules', file])).toMatchObject({ code: 0 });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

const labelsOf = (labels: Readonly<Record<string, string>>): string =>
  `ALERTS{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',')}}`;

describeWith(['promtool'], 'the text format of our metrics', () => {
  it('is read by Prometheus, and follows its conventions', async () => {
    const metrics = createMetrics({ program: 'test', version: '0' });
    metrics.http('GET', '/v1/messages', 200, 3);
    metrics.message('queued');
    metrics.failedAuthentication('unknown', true);
    metrics.delivered('high', 5);
    const { text } = await metrics.exposition('text/plain');
    // Node's own have gauges that end in _total
    const ours = text.split('\n\n').filter((metric) => !metric.startsWith('# HELP nodejs_'));
    expect(ours.length).toBeGreaterThan(20);
    expect(await promtool(['check', 'metrics'], `${ours.join('\n').trimEnd()}\n`)).toEqual({
      code: 0,
      output: '',
    });
  });
});

describe('what the alerts and the dashboard ask for', async () => {
  // each metric once, so that those with labels are there
  const metrics = createMetrics({ program: 'test', version: '0' });
  const words: readonly string[] =
    (await readFile(join(import.meta.dirname, '../../services/runtime/metrics.ts'), 'utf8')).match(
      /'[a-z_]+'/g,
    ) ?? [];
  const known = new Set(
    [...(await metrics.exposition()).text.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name = '', type]) =>
      type === 'counter'
        ? [`${name}_total`]
        : type === 'histogram'
          ? [`${name}_bucket`, `${name}_sum`, `${name}_count`]
          : [name],
    ),
  );
  const dashboard = await readFile(join(chart, 'files/dashboard.json'), 'utf8');
  const ofDashboard = (
    JSON.parse(dashboard) as {
      readonly panels: readonly { readonly targets?: readonly { readonly expr: string }[] }[];
    }
  ).panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const expressions = [...alerts.map(({ expr }) => expr), ...ofDashboard];

  it.each(expressions)('%s', (expr) => {
    const named: readonly string[] =
      expr.match(
        /\b(?:packetboat|controller_runtime|workqueue|rest_client|leader_election|nodejs|process)_[a-z0-9_]+/g,
      ) ?? [];
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    // namespace, pod and le are Prometheus's own
    const values = [...expr.matchAll(/(?:outcome|what|result|dependency|reason|kind)=~?"([^"]+)"/g)].flatMap(
      ([, value = '']) => value.split('|'),
    );
    expect(values.filter((value) => !words.includes(`'${value}'`))).toEqual([]);
  });

  it('says what is to be done', () => {
    for (const { annotations } of alerts)
      expect([annotations.summary, annotations.description].map((text) => (text?.length ?? 0) > 20)).toEqual([
        true,
        true,
      ]);
  });
});

function promtool(
  args: readonly string[],
  input = '',
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve) => {
    const asked = execFile(requireFile('promtool'), args, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr });
    });
    asked.stdin?.end(input);
  });
}
