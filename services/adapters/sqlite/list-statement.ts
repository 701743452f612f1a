// The statement of a list: newest first, from the index that fits best. Where an index allows it,
// the statement reads no more rows than the page has.

import { messageStatuses } from '../../core/delivery/message.ts';
import type { ListQuery } from '../../ports/message-list.ts';
import type { Value } from './statement.ts';

/**
 * Fills `found` with the page. The text depends only on which filters are present.
 */
export function listInto(query: ListQuery): { readonly sql: string; readonly parameters: readonly Value[] } {
  const conditions: string[] = [];
  const parameters: Value[] = [];
  const only = (condition: string, ...values: Value[]): void => {
    conditions.push(condition);
    parameters.push(...values);
  };

  // The rarest filter leads: a recipient has few messages among a million. In both cases rows are
  // found newest first, so a full page ends the search.
  let from = 'message m';
  let time = 'm.created_at';
  if (query.recipient !== undefined || (query.status !== undefined && query.status !== 'delivered')) {
    time = 'd.created_at';
    const [column, index] =
      query.recipient !== undefined
        ? ['canonical_recipient', 'delivery_recipient']
        : ['state', 'delivery_state'];
    from = `delivery d INDEXED BY ${index} CROSS JOIN message m ON m.row = d.message`;
    only(`d.tenant = ? AND d.${column} = ?`, query.tenant, query.recipient ?? query.status ?? null);
    if (column === 'state') only("d.state <> 'delivered'");
    // only the first matching delivery of a message counts, so that no message is listed twice
    only(
      `NOT EXISTS (SELECT 1 FROM delivery o WHERE o.message = d.message AND o.${column} = d.${column} AND o.number < d.number)`,
    );
  } else {
    only('m.tenant = ?', query.tenant);
  }

  if (query.createdAfter !== undefined) only(`${time} >= ?`, query.createdAfter);
  const { createdBefore = Number.MAX_SAFE_INTEGER, before } = query;
  only(`${time} < ?`, before === undefined ? createdBefore : Math.min(createdBefore, before.createdAt + 1));
  if (before !== undefined) only('(m.created_at, m.id) < (?, ?)', before.createdAt, before.id);
  for (const field of ['sender', 'template', 'environment'] as const) {
    const value = query[field];
    if (value !== undefined) only(`m.${field} = ?`, value);
  }
  for (const [column, values] of [
    ['environment', query.within?.environments],
    ['sender', query.within?.senders],
  ] as const) {
    if (values != null) only(`m.${column} IN (SELECT value FROM json_each(?))`, JSON.stringify(values));
  }
  if (query.status !== undefined) {
    only('EXISTS (SELECT 1 FROM delivery s WHERE s.message = m.row AND s.state = ?)', query.status);
    // a message's status is the first in the order of precedence that one of its deliveries has
    const stronger = messageStatuses.slice(0, messageStatuses.indexOf(query.status));
    only(
      'NOT EXISTS (SELECT 1 FROM delivery s WHERE s.message = m.row AND s.state IN (SELECT value FROM json_each(?)))',
      JSON.stringify(stronger),
    );
  }
  const sql = `INSERT INTO found (message, delivery) SELECT m.row, 0 FROM ${from} WHERE ${conditions.join(' AND ')} ORDER BY ${time} DESC, m.id DESC LIMIT ?`;
  return { sql, parameters: [...parameters, query.limit] };
}
