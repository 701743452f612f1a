// The retired senders of a folder's state.

import type { DrainingSenders } from '../../ports/draining-senders.ts';
import type { CatalogState } from './catalog-state.ts';

/** `onErased` is called after each erasure. */
export function drainingSendersOf(state: CatalogState, onErased: () => void): DrainingSenders {
  return {
    draining: async () =>
      state.objects().flatMap(({ key, retiredAt }) => {
        const [, tenant = '', name = ''] = key.split('/');
        return retiredAt === null ? [] : [{ key, tenant, name, retiredAt }];
      }),
    erase: ({ key, retiredAt }) =>
      state.inTurn(async () => {
        const stored = state.object(key);
        if (stored === null || stored.retiredAt !== retiredAt) return false;
        await state.keepObject({ ...stored, state: 'removed', domain: null, retiredAt: null, sender: null });
        onErased();
        return true;
      }),
  };
}
