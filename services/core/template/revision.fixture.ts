// Template revisions for tests, with defaults for everything that a test does not set.

import type { LocaleContent, TemplateRevision } from '../catalog/catalog.ts';

type Said = Partial<Omit<TemplateRevision, 'content'>> &
  Partial<Omit<LocaleContent, 'locale'>> & { readonly content?: Partial<TemplateRevision['content']> };

/** One locale, `en`, in every environment, unless `content` says otherwise. */
export function revision({
  subject = 'Subject',
  html = null,
  text = null,
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
    layouts: [],
    ...rest,
    content: { live: only, testing: only, draft: only, ...content },
  };
}
