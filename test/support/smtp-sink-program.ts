// The sink as a program of its own, for benches and for tests that kill and freeze what is around it. Prints one line of JSON,
// {"port":…,"control":"http://127.0.0.1:…"}, and obeys over HTTP:
//   GET /counts · GET /mails?after=N · GET /copies · GET /anomalies · PUT /rules [rule…] · POST /release · DELETE /mails

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type ReceivedMail, type Sink, startSink } from './smtp-sink.ts';
import { ruleSchema } from './smtp-sink-rules.ts';

const USAGE = `node test/support/smtp-sink.ts [--port N] [--control-port N] [--rules FILE] [--keep raw|digest] [--header NAME]…
Receives mail on 127.0.0.1 (port 0, the default, takes a free one) and makes trouble by the rules of FILE (smtp-sink-rules.ts).`;

const MAILS_PER_PAGE = 10_000;
const rules = z.array(ruleSchema);

export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string', default: '0' },
      'control-port': { type: 'string', default: '0' },
      rules: { type: 'string' },
      keep: { type: 'string', default: 'digest' },
      header: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const sink = await startSink({
    port: Number(values.port),
    rules: values.rules === undefined ? [] : rules.parse(JSON.parse(await readFile(values.rules, 'utf8'))),
    keep: z.enum(['raw', 'digest']).parse(values.keep),
    headers: values.header.map((name) => name.toLowerCase()),
  });
  const control = createServer((request, response) => {
    obey(sink, request).then(
      (answer) =>
        response
          .writeHead(answer === null ? 404 : 200, { 'content-type': 'application/json' })
          .end(JSON.stringify(answer)),
      (error: Error) => response.writeHead(400, { 'content-type': 'text/plain' }).end(error.message),
    );
  });
  await new Promise<void>((listening) =>
    control.listen(Number(values['control-port']), '127.0.0.1', listening),
  );
  const address = control.address();
  console.log(
    JSON.stringify({
      port: sink.port,
      control: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    }),
  );

  const stop = async () => {
    control.close();
    control.closeAllConnections();
    await sink[Symbol.asyncDispose]();
    if (process.connected) process.disconnect();
  };
  // A parent that forked this and died takes it along.
  for (const end of ['SIGTERM', 'SIGINT', 'disconnect']) process.once(end, () => void stop());
}

/** The answer; null for a request that does not exist. */
async function obey(sink: Sink, request: IncomingMessage): Promise<unknown> {
  const url = new URL(request.url ?? '/', 'http://sink');
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /counts':
      return sink.counts;
    case 'GET /mails': {
      const after = Number(url.searchParams.get('after') ?? 0);
      return { mails: sink.mails.slice(after, after + MAILS_PER_PAGE).map(withoutBytes) };
    }
    case 'GET /copies':
      return { copies: sink.copies() };
    case 'GET /anomalies':
      return { anomalies: sink.anomalies };
    case 'PUT /rules':
      sink.setRules(rules.parse(await json(request)));
      return {};
    case 'POST /release':
      sink.release();
      return {};
    case 'DELETE /mails':
      sink.forget();
      return {};
    default:
      return null;
  }
}

const withoutBytes = ({ raw: _, ...mail }: ReceivedMail) => mail;
