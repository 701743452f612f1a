import { expect, test } from 'vitest';
import type { SenderFigures } from '../../../services/ports/sender-figures.ts';
import { senderStatus } from '../../api/v1alpha1/status.ts';
import { statusFigures } from './write-figures.ts';

const figures = (pausedRoutes: SenderFigures['pausedRoutes']): SenderFigures => ({
  tenant: 'shop',
  sender: 'billing',
  sent: 1,
  deferred: 2,
  bounced: 3,
  lastReply: null,
  pausedRoutes,
});

test('a paused route has a name, a reason and a message, and is gone when its pause is over', () => {
  const shown = statusFigures(
    figures({
      spare: { until: 11, reason: 'tls', message: 'the server offers no TLS' },
      over: { until: 10, reason: 'connect', message: 'no connection' },
      main: { until: 11, reason: 'auth', message: 'the server offers AUTH GSSAPI only' },
    }),
    10,
  );
  expect(shown?.pausedRoutes).toEqual([
    { name: 'main', reason: 'LoginFailed', message: 'the server offers AUTH GSSAPI only' },
    { name: 'spare', reason: 'TLSFailed', message: 'the server offers no TLS' },
  ]);
  expect(senderStatus.parse({ figures: shown }).figures).toEqual(shown);
});

test('no figures, and no paused routes, are absent', () => {
  expect(statusFigures(undefined, 10)).toBeUndefined();
  expect(statusFigures(figures({}), 10)).toEqual({ sent: 1, deferred: 2, bounced: 3 });
});
