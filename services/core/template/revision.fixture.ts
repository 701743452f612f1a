// Revisions for tests. A test names only the fields that the test is about.

import type { LocaleContent, TemplateRevision } from '../catalog/catalog.ts';

type Said = Partial<Omit<TemplateRevision, 'content'>> &
  Partial<Omit<LocaleContent, 'locale'>> & { readonly content?: Partial<TemplateRevision['content']> };

/**
 * One locale, `en`, in every environment, unless `content` says otherwise. A revision without html
 * has a text.
 */
export function revision({
  subject = 'Subject',
  html = null,
  text = html === null ? 'Text' : null,
  content,
  ...rest
}: Said): TemplateRevision {
  const only = [{ locale: 'en', subject, html, text }];
  return {
    tenant: 'default',
    identifier: 'test',
    revision: 1,
    hash: '',
    sender: null,
    defaultLocale: 'en',
    variables: null,
    sampleData: {},
    allowedSchemes: [],
    headers: [],
    layouts: [],
    ...rest,
    content: { live: only, testing: only, draft: only, ...content },
  };
}
