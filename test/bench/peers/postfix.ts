// Postfix as a relay: an instance of its own on loopback, with its queue beside the data of all
// others, fed over SMTP by smtp-source.

import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import MailComposer from 'nodemailer/lib/mail-composer/index.js';
import { freePort } from '../../support/free-port.ts';
import { requireFile } from '../../support/need.ts';
import type { Contender } from '../contender.ts';
import { FROM, HTML, type MailBatch, RECIPIENT_DOMAIN, SUBJECT, TEXT } from '../mail.ts';
import { startServer } from '../server.ts';

const run = promisify(execFile);
/** Measured: fewer and more are slower. */
const SESSIONS = 5;

export const postfix: Contender = {
  name: 'Postfix relay',
  durability: 'power loss: each queue file is synced before the 250',
  needs: ['postfix', 'smtp-source'],
  obstacle: () => (process.getuid?.() === 0 ? null : 'its master runs as root only'),
  async start(sinkPort) {
    await using started = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), 'packetboat-bench-postfix-'));
    started.defer(() => rm(folder, { recursive: true, force: true }));
    const port = await freePort();
    const [config, mail] = [join(folder, 'config'), join(folder, 'mail')];
    await writeConfig(folder, config, { port, sinkPort });
    // smtp-source ends each line by itself
    await writeFile(mail, (await composed()).toString().replaceAll('\r\n', '\n'));
    // makes the folders of the queue
    await run(requireFile('postfix'), ['-c', config, 'check']);
    const { stdout: daemons } = await run('postconf', ['-c', config, '-h', 'daemon_directory']);
    const command = join(daemons.trim(), 'master');
    const master = started.use(
      await startServer({ name: 'bench-postfix', command, args: () => ['-c', config, '-s'], port }),
    );
    const all = started.move();
    return {
      parts: [{ name: 'postfix', pid: master.pid }],
      door: { kind: 'direct', send: (batch) => send(batch, port, mail) },
      [Symbol.asyncDispose]: () => all.disposeAsync(),
    };
  },
};

/** It numbers recipients from 1, and ends with an error unless each mail got its 250. */
async function send({ prefix, count }: MailBatch, port: number, mail: string): Promise<readonly string[]> {
  const to = `-${prefix}@${RECIPIENT_DOMAIN}`;
  const args = [
    '-d',
    '-N',
    '-s',
    String(SESSIONS),
    '-m',
    String(count),
    '-f',
    FROM,
    '-t',
    to,
    '-F',
    mail,
    `127.0.0.1:${port}`,
  ];
  await run(requireFile('smtp-source'), args);
  return Array.from({ length: count }, (_, i) => `${i + 1}-${prefix}`);
}

const composed = (): Promise<Buffer> =>
  new MailComposer({
    from: FROM,
    to: `customer@${RECIPIENT_DOMAIN}`,
    subject: SUBJECT,
    html: HTML,
    text: TEXT,
  })
    .compile()
    .build();

async function writeConfig(
  folder: string,
  config: string,
  ports: { readonly port: number; readonly sinkPort: number },
): Promise<void> {
  const [queue, data] = [join(folder, 'queue'), join(folder, 'data')];
  await Promise.all([config, queue, data].map((path) => mkdir(path)));
  // Postfix's programs run as a user of their own.
  await chmod(folder, 0o755);
  await run('chown', ['postfix', data]);
  await writeFile(join(config, 'main.cf'), mainCf({ queue, data, sinkPort: ports.sinkPort }));
  await writeFile(join(config, 'master.cf'), masterCf(ports.port));
}

/**
 * Defaults, but for what a relay to one next hop on loopback needs, and `in_flow_delay`, by which
 * Postfix slows its clients down on purpose.
 */
const mainCf = ({
  queue,
  data,
  sinkPort,
}: {
  readonly queue: string;
  readonly data: string;
  readonly sinkPort: number;
}): string => `
compatibility_level = 3.6
queue_directory = ${queue}
data_directory = ${data}
maillog_file = ${queue}/log
maillog_file_prefixes = ${queue}
myhostname = relay.bench.example
mydestination =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
disable_dns_lookups = yes
relayhost = [127.0.0.1]:${sinkPort}
smtpd_tls_security_level = none
smtp_tls_security_level = none
in_flow_delay = 0
`;

/**
 * The services of the stock file that relaying takes; none of them in a chroot, which has nothing
 * to do with speed.
 */
const masterCf = (port: number): string => `
127.0.0.1:${port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`;
