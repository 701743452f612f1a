import { noticesContract } from '../../../test/contract/notices.ts';
import { MemoryNotices } from './notices.ts';

noticesContract('memory', async () => {
  const notices = new MemoryNotices();
  return { notices, other: notices, [Symbol.asyncDispose]: () => notices[Symbol.asyncDispose]() };
});
