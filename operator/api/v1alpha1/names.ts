// The names below `packetboat.dev/` that the operator reads and writes. They are API: users set
// some of them, and clusters store them all.

/** Label of a Namespace: the tenant that it belongs to. */
export const TENANT_LABEL = 'packetboat.dev/tenant';

/** Annotation: `true` stops reconciliation of the object. */
export const PAUSED_ANNOTATION = 'packetboat.dev/paused';

/** Annotation: a new value requests a visit. */
export const REQUESTED_AT_ANNOTATION = 'packetboat.dev/requested-at';

/** Label of a managed key's Secret, to list the keys of a Sender: `senderLabel` of its name. */
export const SENDER_LABEL = 'packetboat.dev/sender';

/** Type of a managed key's Secret. */
export const DKIM_SECRET_TYPE = 'packetboat.dev/dkim';

/**
 * Annotations of a managed key's Secret: whose key it is, whether it outlives its Sender, the MAC of
 * the installation that generated it, and the only record of the key's history.
 */
export const dkimAnnotations = {
  sender: 'packetboat.dev/dkim-sender',
  domain: 'packetboat.dev/dkim-domain',
  deletionPolicy: 'packetboat.dev/dkim-deletion-policy',
  mac: 'packetboat.dev/dkim-mac',
  selector: 'packetboat.dev/dkim-selector',
  seenAt: 'packetboat.dev/dkim-seen-at',
  activeAt: 'packetboat.dev/dkim-active-at',
  retiredAt: 'packetboat.dev/dkim-retired-at',
} as const;

/** The reporter of Events. */
export const CONTROLLER = 'packetboat.dev/operator';
