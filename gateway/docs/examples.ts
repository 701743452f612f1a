// Example requests for the documentation, by rpc. They work with the example catalog as they are; a
// test sends each of them through ingest.

export interface Example {
  readonly summary: string;
  readonly value: Readonly<Record<string, unknown>>;
}

export const examples: Readonly<Record<string, Readonly<Record<string, Example>>>> = {
  SendMessage: {
    template: {
      summary: 'A template with its data',
      value: {
        recipient: 'user@example.com',
        subject: 'Your verification code',
        template: 'otp-code',
        template_data: { code: '847291', expires_in: '5 minutes' },
      },
    },
    invoice: {
      summary: 'A template in German, with the invoice as an attachment',
      value: {
        recipient: 'ana@example.com',
        template: 'invoice',
        language: 'de',
        template_data: {
          number: '2026-17',
          customer: 'Ana Ferreira',
          amount: '1338.50',
          currency: 'EUR',
          due_date: '2026-12-24',
          items: [
            { description: 'Segeltuch 320 g', quantity: 12, price: '98.00' },
            { description: 'Schäkel, rostfrei', quantity: 25, price: '6.50' },
          ],
        },
        attachments: [
          {
            filename: 'rechnung-2026-17.txt',
            content_type: 'text/plain',
            content: 'U3VtbWU6IDEzMzgsNTAgRVVSCg==',
          },
        ],
      },
    },
    content: {
      summary: 'Your own content, with an attachment',
      value: {
        from: 'Shop Billing <billing@mail.shop.example>',
        to: ['Ana <ana@example.com>', { email: 'ben@example.com', name: 'Ben' }],
        subject: 'Your invoice',
        html: '<p>Your invoice is attached.</p>',
        text: 'Your invoice is attached.',
        attachments: [
          { filename: 'invoice.txt', content_type: 'text/plain', content: 'VG90YWw6IDEyIEVVUgo=' },
        ],
        tags: { kind: 'invoice' },
        priority: 'normal',
        scheduled_time: '2026-12-24T08:00:00Z',
      },
    },
  },
  SendMessageBatch: {
    two: {
      summary: 'Two messages, each with its own idempotency key',
      value: {
        messages: [
          {
            recipient: 'ana@example.com',
            template: 'otp-code',
            template_data: { code: '847291', expires_in: '5 minutes' },
            idempotency_key: 'login-1001',
          },
          {
            recipient: 'ben@example.com',
            template: 'otp-code',
            template_data: { code: '102938', expires_in: '5 minutes' },
            idempotency_key: 'login-1002',
          },
        ],
      },
    },
  },
  SendEmail: {
    draft: {
      summary: 'A draft for a member of the team',
      value: {
        identifier: 'email_key',
        receiver: 'email@email.com',
        language: 'en',
        environment: 'draft',
        context: { some_variable: 'some_value' },
      },
    },
  },
  CreateSuppression: {
    unsubscribed: {
      summary: 'A recipient who unsubscribed',
      value: { recipient: 'user@example.com', reason: 'user_unsubscribed' },
    },
  },
  CreateKey: {
    sending: {
      summary: 'A key that can only send',
      value: {
        name: 'shop',
        scopes: ['messages:send'],
        environment: 'live',
        senders: ['billing'],
        requests_per_minute: 600,
      },
    },
  },
};
