// Reading documents that people write: objects, requests and settings.

export const documentsLimits = {
  /**
   * Characters of an unknown word for which a similar known word is looked for. Longer words are no
   * typing errors, and a comparison costs the product of both lengths.
   */
  suggestionCharsMax: 64,
  /** Typing errors in which an unknown word may differ from a suggested one. */
  suggestionErrorsMax: 3,
  /** Characters of an unknown field's name in an error: the name may be a whole file. */
  unknownFieldCharsShown: 100,
} as const;
