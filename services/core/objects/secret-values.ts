// Decodes the values of a Secret, from a file or from the API server.

/** As in a manifest: `data` is base64, `stringData` is plain text. */
interface SecretData {
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** The decoded values, by key. `stringData` takes precedence, as on the API server. */
export function secretValues({ data = {}, stringData = {} }: SecretData): Readonly<Record<string, string>> {
  const decoded = Object.entries(data).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString('utf8'),
  ]);
  return { ...Object.fromEntries(decoded), ...stringData };
}
