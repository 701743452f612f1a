// The schema of a Template. Each field has a description, since the CustomResourceDefinition is
// generated from this schema (operator/api).

import { z } from 'zod';
import { acceptLimits } from '../limits/accept.ts';
import { objectsLimits } from '../limits/objects.ts';
import { templateLimits } from '../limits/template.ts';
import { forbiddenSchemes, listed, schemePattern, standardSchemes } from '../template/schemes.ts';
import {
  bodyExists,
  contentExists,
  defaultLocaleExists,
  htmlHasOneSource,
  refusalOf,
  schemeIsSafe,
  subjectExists,
  validatedBy,
} from './cel-rules.ts';
import { keyedBy, keyReference, locale, reference } from './field-schemas.ts';
import { apiVersion, metadata } from './identity.ts';

const localeContent = z
  .strictObject({
    locale: locale.meta({ description: 'Language tag such as de or de-AT.' }),
    subject: z
      .string()
      .optional()
      .meta({ description: 'Handlebars, as plain text: values are not escaped.' }),
    html: z
      .string()
      .optional()
      .meta({ description: 'Handlebars; values are escaped for HTML. Not together with htmlFrom.' }),
    htmlFrom: z
      .strictObject({
        configMapKeyRef: keyReference('ConfigMap').meta({ description: 'A key of a ConfigMap.' }),
      })
      .optional()
      .meta({ description: 'Reads the html from a ConfigMap.' }),
    text: z.string().optional().meta({ description: 'Handlebars, as plain text: values are not escaped.' }),
  })
  .refine(
    (content) => content.html === undefined || content.htmlFrom === undefined,
    refusalOf(htmlHasOneSource),
  )
  .meta(validatedBy(htmlHasOneSource));
/** Fields of testing and draft may be absent; `resolveContent` checks these rules for files. */
const liveContent = localeContent.meta(validatedBy(htmlHasOneSource, bodyExists));
const localesOf = (content: typeof localeContent, description: string) =>
  z
    .array(content)
    .max(templateLimits.templateLocalesMax)
    .meta({ description, ...keyedBy('locale') });
const overlayOf = (what: string, below: string) =>
  z
    .strictObject({ locales: localesOf(localeContent, `Differences from ${below}, per locale and field.`) })
    .optional()
    .meta({ description: `Content of the environment ${what}.` });
const allowedSchemes = z
  .array(
    z
      .string()
      .max(templateLimits.schemeCharsMax)
      .regex(schemePattern, 'must be a scheme, such as sms: a letter, then letters, digits, + - and .')
      .refine((scheme) => !forbiddenSchemes.includes(scheme.toLowerCase()), refusalOf(schemeIsSafe))
      .meta(validatedBy(schemeIsSafe)),
  )
  .max(templateLimits.allowedSchemesMax)
  .default([])
  .meta({ 'x-kubernetes-list-type': 'set' });
const headers = z
  .array(
    z.strictObject({
      name: z
        .string()
        .max(acceptLimits.headerNameCharsMax)
        .meta({ description: 'X-*, or one of the headers that requests may set.' }),
      value: z.string().meta({ description: 'Handlebars, as plain text: values are not escaped.' }),
    }),
  )
  .max(acceptLimits.headersMax)
  .default([]);
const anyObject = (description: string) => ({ description, 'x-kubernetes-preserve-unknown-fields': true });

const templateFields = z.strictObject({
  // no @, which separates a pinned revision (`invoice@3`)
  identifier: z
    .string()
    .max(objectsLimits.templateIdentifierCharsMax)
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be letters, digits, _ . and -')
    .optional()
    .meta({ description: 'Name that callers use, unique within a tenant. Default: metadata.name.' }),
  senderRef: reference('Sender')
    .optional()
    .meta({ description: 'Sender of the mail, unless the request names another.' }),
  layoutRef: reference('Template').optional().meta({
    description:
      'Layout: a Template that contains {{{content}}}, where this one is inserted. At most three layouts deep, without cycles.',
  }),
  defaultLocale: locale.meta({
    description:
      'Locale for recipients of languages without a locale of their own. Must be one of the locales.',
  }),
  variables: z
    .record(z.string(), z.unknown())
    .optional()
    .meta(
      anyObject(
        "JSON Schema of the caller's data, without patterns. Values marked writeOnly are masked in lists and searches.",
      ),
    ),
  sampleData: z
    .record(z.string(), z.unknown())
    .default({})
    .meta(anyObject('Data to render each locale with before a revision is published.')),
  allowedSchemes: allowedSchemes.meta({
    description: `Schemes of links besides ${listed(standardSchemes, 'and')}, for example sms or the scheme of an app. The schemes ${listed(forbiddenSchemes, 'and')} are never allowed. A template may also use the schemes of its layouts.`,
  }),
  headers: headers.meta({
    description:
      'Headers of the mail, in all environments. Headers of a request take precedence. A header with a blank value is left out.',
    ...keyedBy('name'),
  }),
  locales: localesOf(liveContent, 'Live content.'),
  testing: overlayOf('testing', 'the live content'),
  draft: overlayOf('draft', 'the content of testing'),
});

export const templateSpec = templateFields.meta(
  validatedBy(contentExists, defaultLocaleExists, subjectExists),
);

export const templateObject = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal('Template'),
  metadata,
  status: z.unknown().optional(),
  spec: templateSpec,
});

export type TemplateObject = z.infer<typeof templateObject>;
export type LocaleObject = z.infer<typeof localeContent>;
