import { expect, it } from 'vitest';
import { storeLimits } from '../../core/limits/store.ts';
import { Gatherer } from './gatherer.ts';

/** A store that writes when it is told to, and answers each item in upper case. */
function setUp() {
  const bulks: { readonly items: readonly string[]; end(error?: Error): void }[] = [];
  const gatherer = new Gatherer((items: readonly string[]) => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>();
    bulks.push({
      items,
      end: (error) =>
        error === undefined ? resolve(items.map((item) => item.toUpperCase())) : reject(error),
    });
    return promise;
  });
  const bulk = async (n: number) => {
    await expect.poll(() => bulks.length, { interval: 1 }).toBeGreaterThan(n);
    return bulks[n] as (typeof bulks)[number];
  };
  return { gatherer, bulks, bulk };
}

it('sends what came in one turn as one bulk, and answers each caller for itself', async () => {
  const { gatherer, bulk, bulks } = setUp();
  const answers = [gatherer.add(['a']), gatherer.add([]), gatherer.add(['b', 'c'])];
  (await bulk(0)).end();
  expect(await Promise.all(answers)).toEqual([['A'], [], ['B', 'C']]);
  expect(bulks.map(({ items }) => items)).toEqual([['a', 'b', 'c']]);
});

it('gathers while as many bulks as may be are under way', async () => {
  const { gatherer, bulk, bulks } = setUp();
  const answers: Promise<readonly string[]>[] = [];
  for (let n = 0; n < storeLimits.storeBulksMax; n++) {
    answers.push(gatherer.add([`first${n}`]));
    await bulk(n);
  }
  answers.push(gatherer.add(['x']));
  await new Promise(setImmediate);
  answers.push(gatherer.add(['y']));
  await new Promise(setImmediate);
  expect(bulks).toHaveLength(storeLimits.storeBulksMax);
  (await bulk(0)).end();
  expect((await bulk(storeLimits.storeBulksMax)).items).toEqual(['x', 'y']);
  for (const { end } of bulks) end();
  await Promise.all(answers);
});

it('keeps a bulk within its limit, but never cuts what one caller gave', async () => {
  const { gatherer, bulk, bulks } = setUp();
  const many = Array.from({ length: storeLimits.storeBulkItemsMax + 1 }, (_, i) => `m${i}`);
  const answers = [gatherer.add(many), gatherer.add(['a'])];
  (await bulk(0)).end();
  (await bulk(1)).end();
  expect((await answers[0])?.length).toBe(many.length);
  expect(bulks.map(({ items }) => items.length)).toEqual([many.length, 1]);
});

it('tells everybody of a bulk that failed, and goes on', async () => {
  const { gatherer, bulk } = setUp();
  const failed = Promise.allSettled([gatherer.add(['a']), gatherer.add(['b'])]);
  (await bulk(0)).end(new Error('no answer'));
  expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const next = gatherer.add(['c']);
  (await bulk(1)).end();
  expect(await next).toEqual(['C']);
});
