// Writes a body as fast as the server reads, and holds back its end (R6).

/** Resolves when the bytes have left this process. Rejects when the connection ends first. */
type Write = (bytes: Uint8Array) => Promise<void>;

/**
 * Writes all of `body` except its last `bytes`, and resolves to those. Writes one chunk while it
 * reads the next. Rejects with the error of the body or of `write`.
 */
export async function pour(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  bytes: number,
  write: Write,
): Promise<Uint8Array> {
  let held: Uint8Array = new Uint8Array(0);
  let writing = Promise.resolve();
  for await (const chunk of body) {
    const joined = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const passed = Math.max(0, joined.length - bytes);
    held = joined.subarray(passed);
    if (passed === 0) continue;
    await writing;
    writing = write(joined.subarray(0, passed));
    writing.catch(() => {}); // awaited in the next round, or after the loop
  }
  await writing;
  return held;
}

/** A body in memory as pieces of at most `bytesMax`. */
export function* inPieces(chunks: readonly Uint8Array[], bytesMax: number): Generator<Uint8Array> {
  for (const chunk of chunks)
    for (let at = 0; at < chunk.length; at += bytesMax) yield chunk.subarray(at, at + bytesMax);
}
