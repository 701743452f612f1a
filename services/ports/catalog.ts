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

  /** Calls `listener` after each change, until disposed. Tests wait for changes with this. */
  onChange(listener: () => void): Disposable;
}
