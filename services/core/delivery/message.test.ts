import { describe, expect, it } from 'vitest';
import { newBlobId, sampleMessage } from '../../../test/contract/sample-message.ts';
import { blobsOf, type Message, messageStatuses, statusOf, viewOf, withProgress } from './message.ts';

const NOW = 1_000_000;

function message(more: Partial<Message> = {}, recipients = ['ana@example.com', 'ben@example.org']): Message {
  const sample = sampleMessage({ createdAt: NOW, deliveries: recipients.map((to) => ({ to })) });
  return {
    ...sample,
    deliveries: sample.deliveries.map((d, i) => ({ ...d, version: `v${i}` })),
    events: [],
    ...more,
  };
}

describe('the status of a message', () => {
  it.each(messageStatuses.map((status, i) => [status, messageStatuses.slice(i)] as const))(
    'is %s if a delivery is, whatever later states the others have',
    (status, later) => {
      for (const other of later) {
        expect(statusOf([{ state: other }, { state: status }])).toBe(status);
        expect(statusOf([{ state: status }, { state: other }])).toBe(status);
      }
    },
  );

  it('needs a delivery', () => {
    expect(() => statusOf([])).toThrow('at least one delivery');
  });
});

describe('the blobs of a message', () => {
  const { content } = message();
  const [html, text, data, file] = [newBlobId(NOW), newBlobId(NOW), newBlobId(NOW), newBlobId(NOW)];
  const attachment = {
    filename: 'a',
    contentType: 'text/plain',
    contentId: null,
    disposition: 'attachment',
    blob: file,
    bytes: 1,
  } as const;

  it('are empty if all content is inline', () => {
    expect(blobsOf(content)).toEqual([]);
  });

  it('are those of its texts and attachments', () => {
    const part = (blob: typeof html) => ({ blob, bytes: 1 });
    const all = {
      ...content,
      html: part(html),
      text: part(text),
      templateData: part(data),
      attachments: [attachment],
    };
    expect(blobsOf(all).toSorted()).toEqual([html, text, data, file].toSorted());
  });
});

describe('the delivery view', () => {
  it('is one delivery with what its message says', () => {
    const m = message({ copies: 'at_most_once', expiresAt: NOW + 9 });
    expect(viewOf(m, 1)).toEqual({
      message: m.id,
      index: 1,
      delivery: m.deliveries[1],
      copies: 'at_most_once',
      startsAt: NOW,
      expiresAt: NOW + 9,
    });
  });

  it.each([
    ['its schedule', NOW + 5, NOW + 5],
    ['its acceptance, when the schedule is in the past', NOW - 5, NOW],
  ])('ages from %s', (_, scheduledAt, startsAt) => {
    expect(viewOf(message({ scheduledAt }), 0).startsAt).toBe(startsAt);
  });

  it('throws if the delivery does not exist', () => {
    expect(() => viewOf(message(), 2)).toThrow('no delivery 2');
  });
});

it('progress of one delivery leaves the others and the message read before as they were', () => {
  const before = message();
  const after = withProgress(before, 1, { state: 'sending', version: 'v9' });
  expect(after.deliveries.map((d) => [d.state, d.version])).toEqual([
    ['queued', 'v0'],
    ['sending', 'v9'],
  ]);
  expect(before.deliveries.map((d) => d.state)).toEqual(['queued', 'queued']);
});
