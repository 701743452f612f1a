// See bare-loop.ts.

import { argument, serve } from '../child.ts';
import { FROM, HTML, idsOf, type MailBatch, recipientOf, SUBJECT, TEXT } from '../mail.ts';
import type { Loop, LoopSent } from './bare-loop.ts';
import { pooledTransport, SMTP_CONNECTIONS } from './pooled-transport.ts';

/** Enough that no connection waits for the next mail, few enough that their memory is none. */
const IN_HAND = 4 * SMTP_CONNECTIONS;

const transport = pooledTransport(argument<Loop>().sinkPort);

serve<MailBatch>({}, async (batch): Promise<LoopSent> => {
  const ids: string[] = [];
  const next = idsOf(batch).values();
  const one = async () => {
    for (const id of next) {
      await transport.sendMail({ from: FROM, to: recipientOf(id), subject: SUBJECT, html: HTML, text: TEXT });
      ids.push(id);
    }
  };
  await Promise.all(Array.from({ length: IN_HAND }, one));
  return { ids };
});
