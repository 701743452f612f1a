// The compiled senders and templates, read only.

import type { CatalogSnapshot, TemplateRevision } from '../core/catalog/catalog.ts';

export interface Catalog extends AsyncDisposable {
  /**
   * The newest snapshot that this process has. Never blocks. A reader uses one snapshot for the
   * whole of a decision.
   */
  current(): CatalogSnapshot;

  /** A pinned revision, live or not. Null: the catalog does not have it. */
  revision(tenant: string, identifier: string, revision: number): Promise<TemplateRevision | null>;

  /** Calls back after each change, until disposed. For caches and for tests that wait. */
  onChange(listener: () => void): Disposable;

  /** Resolves when the source replies; rejects with the reason. For readiness. */
  check(): Promise<void>;
}
