// Reads values from Secrets, both from files and from the API server.

/** As in a manifest: `data` holds base64, `stringData` clear text. */
interface SecretData {
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** The values in clear, by key. `stringData` takes precedence, as on the API server. */
export function secretValues({ data = {}, stringData = {} }: SecretData): Readonly<Record<string, string>> {
  const decoded = Object.entries(data).map(([key, value]) => [
    key,
    Buffer.from(value, 'base64').toString('utf8'),
  ]);
  return { ...Object.fromEntries(decoded), ...stringData };
}
