// Parses a variable that names a file with a certificate. The value is the content of the file,
// since the clients of MongoDB, NATS and Redis take certificates and not paths. The file is read at
// once, so that a file without a certificate is a fault of the configuration.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

export const certificateFile = z.string().transform((file, context) => {
  try {
    const text = readFileSync(file, 'utf8');
    new X509Certificate(text);
    return text;
  } catch (error) {
    // only an error of the system has a system call
    const isReadable = !(error instanceof Error && 'syscall' in error);
    context.addIssue({
      code: 'custom',
      message: isReadable ? 'contains no certificate in PEM' : 'cannot be read',
    });
    return z.NEVER;
  }
});
