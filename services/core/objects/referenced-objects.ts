// The schemas of Secrets and ConfigMaps in a folder, which Senders and Templates refer to. Fields
// that Packetboat does not read are allowed, since other programs may use the objects.

import { z } from 'zod';
import { metadata } from './identity.ts';

const texts = z.record(z.string(), z.string());
export const secretObject = z.looseObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Secret'),
  metadata,
  data: texts.default({}),
  stringData: texts.default({}),
});
export const configMapObject = z.looseObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('ConfigMap'),
  metadata,
  data: texts.default({}),
});
