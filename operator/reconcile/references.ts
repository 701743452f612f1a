// Finds the names that a spec refers to without validating the spec: an invalid spec may still wait
// for a Secret.

/** The names under these fields, at any depth. */
export function namesIn(spec: unknown, fields: readonly string[]): readonly string[] {
  if (Array.isArray(spec)) return [...new Set(spec.flatMap((entry: unknown) => namesIn(entry, fields)))];
  if (typeof spec !== 'object' || spec === null) return [];
  const found = Object.entries(spec).flatMap(([field, value]: [string, unknown]) => {
    if (!fields.includes(field)) return namesIn(value, fields);
    const name = typeof value === 'object' && value !== null && 'name' in value ? value.name : undefined;
    return typeof name === 'string' ? [name] : [];
  });
  return [...new Set(found)];
}

export const secretFields = ['credentialsSecretRef', 'caSecretRef', 'privateKeySecretRef'];
export const configMapFields = ['configMapKeyRef'];
