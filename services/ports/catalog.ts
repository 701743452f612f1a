// The compiled senders and templates, read only.

import type { CatalogSnapshot, TemplateRevision } from '../core/catalog/catalog.ts';

export interface Catalog extends AsyncDisposable {
  /**
   * The newest snapshot known here. Never blocks; a reader keeps one for the whole of a decision.
   */
  current(): CatalogSnapshot;

  /** A pinned revision, live or not. Null: it is no longer kept. */
  revision(tenant: string, identifier: string, revision: number): Promise<TemplateRevision | null>;

  /** Calls back after each change, until disposed. For caches and for tests that wait. */
  onChange(listener: () => void): Disposable;

  /** Resolves when the source answers; rejects with the reason. */
  check(): Promise<void>;
}
