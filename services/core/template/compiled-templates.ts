// A cache of compiled revisions, so that a process compiles each revision once. Revisions are
// immutable, so an entry never becomes stale.

import type { RenderTemplate } from '../accept/accept.ts';
import type { TemplateRevision } from '../catalog/catalog.ts';
import { templateLimits } from '../limits/template.ts';
import {
  type CompiledTemplate,
  compileRevision,
  isRefusal,
  maskedSubject,
  type RenderedMail,
  type RenderRefusal,
  type RenderRequest,
  render,
} from './render.ts';

/** The name of the data in the fields of errors that `render` returns. */
const DATA = 'template_data';

export class CompiledTemplates {
  readonly #compiled = new Map<string, CompiledTemplate>();

  render(revision: TemplateRevision, request: RenderRequest): RenderedMail | RenderRefusal {
    return render(this.#of(revision), request);
  }

  /**
   * Renders the whole mail, so that a request is refused when its data cannot be rendered, and the
   * mail can be measured.
   */
  readonly renderTemplate: RenderTemplate = (revision, { field, ...request }) => {
    const template = this.#of(revision);
    const mail = render(template, request);
    if (isRefusal(mail)) return under(field, mail);
    const masked = maskedSubject(template, request);
    return isRefusal(masked) ? under(field, masked) : { mail, storedSubject: masked ?? mail.subject };
  };

  #of(revision: TemplateRevision): CompiledTemplate {
    // the hash is part of the name: a folder that lost its state numbers its revisions from 1 again
    const name = `${revision.tenant}/${revision.identifier}@${revision.revision}/${revision.hash}`;
    const known = this.#compiled.get(name);
    if (known !== undefined) {
      // the map's order is that of last use
      this.#compiled.delete(name);
      this.#compiled.set(name, known);
      return known;
    }
    const [oldest] = this.#compiled.keys();
    if (this.#compiled.size >= templateLimits.templateCacheMax && oldest !== undefined)
      this.#compiled.delete(oldest);
    const compiled = compileRevision(revision);
    this.#compiled.set(name, compiled);
    return compiled;
  }
}

/** The same errors, with the name that the caller uses for the data. */
const under = (name: string, { errors }: RenderRefusal): RenderRefusal => ({
  errors: errors.map((error) => ({ ...error, field: error.field.replace(DATA, name) })),
});
