// Every maximum of Packetboat, with its unit and the reason for it. Nothing elsewhere names a number of this kind.
// Limits that depend on each other are asserted by `assertLimits`, which every program calls at start.

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const KIB = 1024;
const MIB = 1024 * KIB;

const ADDRESS_OCTETS_MAX = 254;
const DISPLAY_NAME_CHARS_MAX = 256;

export const limits = {
  // --- what a caller may hand over (API.md)
  /** One HTTP body or one SMTP DATA. 50 MB is what the hosted services promise; 50 MiB keeps that promise. */
  bodyBytesMax: 50 * MIB,
  /** A body up to this size is read into memory and parsed on the event loop; a larger one goes to disk and to a parser. */
  bodyInMemoryBytes: 64 * KIB,
  /** Content above this size, and every attachment, lives in the BlobStore: the stored message stays small and hot. */
  contentInlineBytes: 64 * KIB,
  /** Bodies above `bodyInMemoryBytes` that are parsed at a time, per gateway. */
  parsersMax: 2,
  /** Bytes of them together: parsing takes five times its body's size, with what the collector has not come to yet. */
  parserBytesMax: 64 * MIB,
  /** Bodies that may wait for a parser; further ones are told 503. They wait on disk, not in memory. */
  parserQueueMax: 64,
  jsonDepthMax: 32,
  /** Faults that one answer names: 50 recipients and 100 attachments, each with several. */
  fieldFaultsMax: 1_000,
  /** `{},{},…` of 50 MB blocks JSON.parse for 20 s; tokens are counted before parsing. */
  jsonTokensMax: 100_000,
  recipientsMax: 50,
  attachmentsMax: 100,
  filenameCharsMax: 255,
  subjectCharsMax: 998,
  headerBytesMax: 8 * KIB,
  headersMax: 50,
  headerNameCharsMax: 76,
  /** A longer word can only be written in pieces: a line of mail has at most 998 characters (RFC 5322 2.1.1), its name among them. */
  headerWordCharsMax: 900,
  tagsMax: 20,
  tagCharsMax: 256,
  metadataBytesMax: 16 * KIB,
  /** Data is rendered on the event loop; a megabyte of it is parsed in a few milliseconds. */
  templateDataBytesMax: 1 * MIB,
  idempotencyKeyCharsMax: 255,
  /** By the store's clock. */
  idempotencyWindowMs: 24 * HOUR,
  /** How long the loser of a race for one idempotency key waits to read the winner before it answers 409. */
  idempotencyRaceMs: 2 * SECOND,
  idempotencyRacePollMs: 25,
  /** `scheduled_time` may lie this far ahead. */
  scheduleAheadMs: 365 * 24 * HOUR,
  listLimitMax: 100,
  listLimitDefault: 25,
  requestsPerMinuteDefault: 5_000,
  requestsPerMinuteMax: 1_000_000,
  /** Characters of a key's name, which is for people. */
  keyNameCharsMax: 100,
  /** More than there are scopes. */
  keyScopesMax: 50,
  /** Names of senders that one key may list: a key for more of them is better made without a list. */
  keySendersMax: 1_000,
  /** A cursor of ours is about 100 characters. */
  cursorCharsMax: 200,
  /** Addresses in one Reply-To: as many as recipients. */
  replyToMax: 50,
  /** 0001-01-01 and the end of 9999, in seconds since 1970: what google.protobuf.Timestamp and RFC 3339 can say. */
  timeSecondsMin: -62_135_596_800,
  timeSecondsMax: 253_402_300_799,

  // --- addresses (RFC 5321 4.5.3.1)
  localPartOctetsMax: 64,
  addressOctetsMax: ADDRESS_OCTETS_MAX,
  domainOctetsMax: 253,
  /** RFC 1035 2.3.4. */
  labelOctetsMax: 63,
  displayNameCharsMax: DISPLAY_NAME_CHARS_MAX,
  /** The longest text that can be a mailbox: every character of the name escaped, quotes, brackets, and the address. */
  mailboxCharsMax: 2 * DISPLAY_NAME_CHARS_MAX + ADDRESS_OCTETS_MAX + 16,

  // --- templates
  templateIterationsMax: 10_000,
  templateOutputBytesMax: 2 * MIB,
  templateSourceBytesMax: 512 * KIB,
  templateNestingMax: 32,
  /** Bytes of one mail's sources (subject, html, text, layouts) are bounded by `templateSourceBytesMax`, their tags by this. Handlebars' parser
   * takes about 10 µs per tag, and much longer where they nest. */
  templateTagsMax: 1_000,
  /** `{{!-- --}}`, per source: Handlebars' lexer copies what remains of the source for each (measured: 1,000 in 512 KiB, 300 ms). */
  templateCommentsMax: 100,
  /** Words inside the tags of one source: 10,000 take about 50 ms to parse. */
  templateTokensMax: 10_000,
  /** Statements and helper calls of one part of a mail: about 0.2 µs each. */
  templateStepsMax: 100_000,
  /** Of an html, what Gmail shows before it cuts it off. */
  htmlShownBytes: 102_400,
  templateLocalesMax: 100,
  /** JSON Schema of a template's variables: subschemas, required names and enum values. ajv takes 0.3 ms to compile each when cold. */
  variablesNodesMax: 300,
  variablesDepthMax: 16,
  /** Faults of template data that are reported at once. */
  variableFaultsMax: 50,
  layoutDepthMax: 3,
  /** Compiled revisions kept in memory, per program. */
  templateCacheMax: 2_000,

  // --- between gateway and ingest
  /** Requests of one event-loop turn that go as one rpc. */
  turnItemsMax: 64,
  turnBytesMax: 1 * MIB,
  uploadChunkBytes: 64 * KIB,
  grpcMessageBytesMax: 4 * MIB,
  /** Details of a refusal, encoded; in base64 they stay below the 8 KiB of metadata that gRPC promises to carry. */
  grpcDetailsBytesMax: 5 * KIB,
  ingestCallMs: 30 * SECOND,
  /** For readiness, per instance of ingest that is asked. */
  ingestCheckMs: 1 * SECOND,
  uploadMs: 10 * MINUTE,
  /** Unreferenced blobs are swept after this: long after any accept that could still refer to them has ended. */
  blobGraceMs: 24 * HOUR,

  // --- the HTTP door
  /** One request's line and headers. */
  httpHeaderBytesMax: 16 * KIB,
  /** From the first byte of a request to the end of its headers. */
  httpHeadersMs: 15 * SECOND,
  /** From the first byte of a request to the end of its body: 50 MiB on a line of 1.4 Mbit/s. */
  httpRequestMs: 5 * MINUTE,
  /** Idle connections live longer here than at the usual load balancer (60 s), so that it is never us who close one that it is about to use. */
  httpIdleMs: 72 * SECOND,
  /** Unless `PACKETBOAT_CONNECTIONS_PER_ADDRESS` says otherwise. */
  httpConnectionsPerAddressMax: 1_000,
  /** What that may say: as many as a process can have files open at best. */
  httpConnectionsPerAddressMaxMax: 1_000_000,
  /** Connections beyond it that wait for their request to be answered 503; further ones are closed at once. */
  refusedConnectionsMax: 100,
  /** How long each of them may take. */
  refusedConnectionMs: 5 * SECOND,
  refusedConnectionsLogEveryMs: MINUTE,
  /** Behind an answer, how long the rest of a body is read and thrown away, whatever its size: a client that sends first and reads then needs this long. */
  discardMs: 30 * SECOND,
  /** The same, without a byte. */
  discardSilentMs: 5 * SECOND,
  /** Connections at a time that this is done for; others are closed behind their answer. */
  discardingMax: 256,
  /** How long a browser remembers that an origin may ask: Chromium's own maximum. */
  corsMaxAgeSeconds: 7_200,
  /** Requests being answered at a time, per gateway; further ones are told 503 at once. At `bodyInMemoryBytes` each, 256 MiB at worst. */
  httpRequestsInFlightMax: 4_000,
  /** Parsing 50 MiB takes about a second; a parser that takes this long is stopped. */
  parseMs: 30 * SECOND,
  /** A parser that has read a body of this size is replaced, which gives its memory back at once. */
  parserKeptBytesMax: 8 * MIB,

  // --- the queue: a bounded window over the store
  /** The publish at accept is a hint for speed; a slow queue must not slow the answer. */
  publishMs: 250,
  windowPerTenantAndTier: 2_000,
  /** A queued delivery that nobody claimed for this long is published again. */
  republishMs: 60 * SECOND,
  /** What `PACKETBOAT_REPUBLISH_SECONDS` may ask for: sooner, and mail that only waits for its turn gets entry after entry. */
  republishMinMs: 5 * SECOND,
  republishMaxMs: 600 * SECOND,
  /** Publications that may wait for their answer at a time, per process. */
  publishInFlightMax: 256,
  /** After a publish that the queue left without any answer, how long nothing is published: callers must not wait in vain one by one. */
  publishPauseMs: 1 * SECOND,
  consumeBatch: 500,
  /** Entries that a dispatcher fetches per tier when it asks for few; when it asks for more, as many as it asks for. */
  prefetchMin: 64,
  /** Entries that a dispatcher has fetched and not asked for in this time go back to the others. */
  prefetchIdleMs: 1 * SECOND,
  /** How long one fetch waits for entries before it is made anew. */
  fetchMs: 5 * SECOND,
  ackWaitMs: 15 * MINUTE,
  queueDeliverMax: 10,
  /** Taken and not acked, per tier, all dispatchers together: the entries of many killed ones, so that they do not stop the living. */
  queueAckPendingMax: 100_000,
  /** An entry this old is dropped and its place in the window is free again; the sweeper has long published its delivery anew. */
  queueEntryAgeMs: 6 * HOUR,
  /** In one process: entries of all tenants and tiers together, about 100 MB. */
  memoryQueueEntriesMax: 200_000,

  // --- dispatching
  /** A dispatcher renews the leases of what it has in hand, so this is how long mail of a killed one waits, not how long an SMTP server may take. */
  leaseMs: 60 * SECOND,
  /** What `PACKETBOAT_LEASE_SECONDS` may ask for: a store that is slow for a second must not end leases, and ten minutes of waiting helps nobody. */
  leaseMinMs: 6 * SECOND,
  leaseMaxMs: 600 * SECOND,
  /** Part of a lease after which it is renewed: 20 s of 60. */
  leaseRenewShare: 1 / 3,
  /** The dispatcher trusts its own lease less than the store does: it does not start the final dot in this last part of it, 10 s of 60. */
  leaseMarginShare: 1 / 6,
  /** Deliveries in hand at a time, per dispatcher. A route may have as many of them as are free besides: one has half, enough for ten per connection. */
  deliveriesInFlightMax: 400,
  /** A route whose deliveries stay in hand this long keeps others waiting: what it has no room for goes back to the store. */
  routeSlowMs: 1 * SECOND,
  /** How long such mail waits: not so short that the store is busy with nothing else, nor so long that a route which became fast waits for it. */
  routeHoldMinMs: 1 * SECOND,
  routeHoldMaxMs: 30 * SECOND,
  connectionsPerRouteMax: 20,
  messagesPerConnectionMax: 100,
  connectionIdleMs: 30 * SECOND,
  lapsesMax: 5,
  lapseDelayMs: 30 * SECOND,
  lapseDelayMaxMs: 600 * SECOND,
  releaseDelayMs: 5 * SECOND,
  routePausedMs: 30 * SECOND,
  /** How often mail that waits for its sender (suspended, or gone from the catalog) is looked at again. */
  heldRecheckMs: 60 * SECOND,
  /** A delivery that fails here, without its route being at fault, comes back after `releaseDelayMs`, doubled with each try, at most this. */
  releaseDelayMaxMs: 10 * MINUTE,
  recordRetryMs: 1 * SECOND,
  /** Figures of senders: how often a dispatcher tells its own, the time that a document is about, and how often the operator shows the sum. */
  figuresToldEveryMs: 10 * SECOND,
  figuresSlotMs: 5 * MINUTE,
  figuresShownEveryMs: 60 * SECOND,
  refusalAboutUsMs: 30 * SECOND,
  /** Attempts counted before a transient failure bounces: one more than there are delays. */
  retryDelaysMs: [30 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR] as readonly number[],
  retryJitter: 0.1,
  maxAgeMs: 48 * HOUR,
  /** What a Sender may ask for: a day and more is normal for mail, a month is a mistake. */
  retryDelaysMax: 20,
  retryDelayMaxMs: 7 * 24 * HOUR,
  maxAgeMaxMs: 30 * 24 * HOUR,
  /** Bytes of the body that are held back until `committing` is durable. */
  heldBackBytes: 64,
  replyCharsMax: 500,
  transcriptBytesMax: 16 * KIB,

  // --- SMTP out (RFC 5321 4.5.3.2, shortened where the RFC allows a client its own judgement)
  smtpConnectMs: 30 * SECOND,
  smtpGreetingMs: 60 * SECOND,
  smtpSocketMs: 2 * MINUTE,
  /** After the final dot: RFC 5321 wants 10 minutes, because an impatient client sends a second copy. */
  smtpDotMs: 10 * MINUTE,
  /** An answer to QUIT is worth little; past this the connection is closed without it. */
  smtpQuitMs: 2 * SECOND,

  // --- sweeping
  sweepEveryMs: 1 * SECOND,
  /** Instead of `sweepEveryMs` while a backlog waits for room in its window: a full window lasts one fast dispatcher less than a second. */
  feedEveryMs: 250,
  sweepBatch: 500,
  /** Queued mail that the sweepers have not fed for this long is a backlog, which new mail does not overtake. */
  backlogSeenMs: 2 * SECOND,
  /** Entries published at a time from one backlog: also what is refused in vain once its window is full. */
  feedBatch: 100,
  sweepBlobsEveryMs: 1 * HOUR,
  /** How often the deliveries that are queued are counted, and how far: more than that calls for no more dispatchers. */
  countQueuedEveryMs: 10 * SECOND,
  countQueuedMax: 50_000,
  /** Messages of a state that MongoDB answers when it is asked which is due for the longest time. With the index, the first is the one. */
  oldestDueMessages: 20,

  // --- stores and budgets
  storeCallMs: 10 * SECOND,
  /** For readiness: a lost store is named within 5 s (P20). */
  storeCheckMs: 2 * SECOND,
  /** How often the offset of the store's clock is measured; quartz drifts by less than 3 ms in this time. */
  storeClockEveryMs: 30 * SECOND,
  /** Asked this often at start, of which the quickest answer counts: the first one, over a new connection, may be off by half of a slow round trip. */
  storeClockFirstAsks: 5,
  /** As much as two programs may think differently of the store's time: a slow round trip each. */
  clockSkewMs: 250,
  /** Items of several callers that go to the store as one bulk. */
  storeBulkItemsMax: 500,
  /** Bulks of one kind under way at a time, per program: one is being made durable while the next is on its way. */
  storeBulksMax: 2,
  storeConnectionsMax: 50,
  /** Jobs that wait for SQLite's thread. More means that it is stuck, and callers are told so. */
  sqliteJobsMax: 10_000,
  /** Jobs that share one transaction: enough to divide the cost of its sync, few enough that none waits long for the others. */
  sqliteGroupJobsMax: 256,
  /** One piece of a blob; a store's document is far larger than that, a process holds a few. */
  blobChunkBytes: 1 * MIB,
  budgetCallMs: 500,
  /** Tokens that one call reserves ahead, at most. */
  budgetLeaseTokens: 20,
  /** The part of a budget that all processes together may hold reserved ahead. */
  budgetLeaseShare: 0.01,
  /** Each process says this often that it lives, and so finds out that Redis is lost, and that it is back. */
  budgetHeartbeatMs: 1 * SECOND,
  /** A process not heard of for this long does not count when a budget is divided. */
  budgetHeartbeatLostMs: 10 * SECOND,
  /** Budgets that a process keeps figures of. The least recently used go first; a forgotten one costs the tokens it had reserved. */
  budgetsMax: 100_000,
  keyCacheMs: 5 * SECOND,
  /** Keys that were found; as many ids that were not, which are remembered apart so that wrong keys displace no good one. */
  keyCacheMax: 10_000,
  /** Failed authentications of one address, or with one key id, in a window before further failing ones are told 429. A good key always passes. */
  failedAuthenticationsMax: 50,
  /** A window begins with the first failure that is counted in it. */
  failureWindowMs: MINUTE,
  /** Windows that a process counts in, about 20 MB. The oldest go first: whoever fails from more addresses than this is no longer counted by address. */
  failureWindowsMax: 100_000,
  /** Addresses and key ids that a process knows to be over the limit: their failures cost no call to Redis. */
  failuresOverMax: 10_000,
  /** After a call that Redis did not answer, how long a process counts failures by itself: further failing callers must not wait in vain. */
  failureCountsPauseMs: 1 * SECOND,

  // --- the development inbox: enough to look back over a day's work, small enough to forget about
  inboxMailsMax: 1_000,
  inboxBytesMax: 500 * MIB,
  /** One mail. Content of `bodyBytesMax` may grow threefold as quoted-printable, and the inbox must not be what refuses it. */
  inboxMailBytesMax: 200 * MIB,
  /** As much of a mail's head as is kept in memory to find its subject. */
  inboxHeadBytes: 64 * KIB,
  inboxConnectionsMax: 500,
  /** At shutdown, how long connections may finish by themselves. */
  inboxCloseMs: 500,

  // --- connections to NATS and Redis
  /** A server that does not take a connection in this time is tried again. */
  connectMs: 2 * SECOND,
  reconnectMs: 250,
  /** A frozen server is given up after two of these without an answer. */
  natsPingMs: 2 * SECOND,
  natsCallMs: 2 * SECOND,
  /** A Redis that leaves a command without an answer for this long is dialled anew; its callers were told long before. */
  redisSilentMs: 5 * SECOND,

  // --- running
  /** One line of a log: collectors cut longer ones into pieces, at 16 KiB and sooner. */
  logLineBytesMax: 8 * KIB,
  /** Causes of causes that are shown, errors of an error that stands for several, and places of a stack. */
  errorCausesMax: 5,
  errorPlacesMax: 15,
  shutdownGraceMs: 25 * SECOND,
  /** Of it, what work under way may take to end by itself: attempts in SMTP, requests being answered. What then remains is given up in order. */
  drainMs: 15 * SECOND,
  readinessEveryMs: 2 * SECOND,
  /** Until a dependency has answered for the first time: a program that starts should be ready soon after what it needs is there. */
  readinessFirstEveryMs: 250,
  /** A dependency that does not answer in this time counts as lost. */
  readinessCheckMs: 2_500,
  operationsRequestMs: 5 * SECOND,
  /** Probes and monitoring are a handful; whoever opens more is closed at once. */
  operationsConnectionsMax: 1_000,
  /** Without a byte in either direction; monitoring that asks every 15 or 30 s keeps its connection. */
  operationsIdleMs: 35 * SECOND,
  /** Idle gRPC connections are asked for a sign of life, so that a frozen or unplugged peer is noticed. */
  grpcKeepaliveMs: 20 * SECOND,
  /** How often certificates of our own are read anew: Kubernetes brings new ones within a minute or two of their making. */
  tlsReadEveryMs: 30 * SECOND,
  /** Certificates of peers that are remembered with what they may do. */
  tlsPeersKnownMax: 1_000,
  grpcKeepaliveTimeoutMs: 5 * SECOND,
  /** A connection this old is replaced after its calls have ended: only then a gateway looks for new instances of ingest. */
  grpcConnectionAgeMs: 5 * MINUTE,
  catalogHeadEveryMs: 30 * SECOND,
  /** A reader looks this far back for changes: longer than a write takes, and than the clocks of two writers differ. */
  catalogOverlapMs: 60 * SECOND,
  /** Writers that may be ahead of one in a race for one object. */
  catalogWriteTriesMax: 20,
  /** How often a folder is looked at; a change that is seen must stand still for one more look. */
  catalogPollMs: 250,
  /** As much as an object of Kubernetes may be. Each file is refused before it is parsed: 5 MB of binary data held YAML's parser for 5.7 s. */
  catalogFileBytesMax: 1 * MIB,
  /** All files of a folder together, with their number: what is compiled at each change has an end. */
  catalogFolderBytesMax: 64 * MIB,
  catalogFilesMax: 5_000,
  /** Files of a folder that are read at a time. */
  catalogFilesReadAtOnce: 16,
  /** Faults of YAML that are told of one file: those after the first are often its consequences. */
  catalogFileFaultsMax: 20,
  /** Aliases of one anchor, multiplied by those inside it. */
  catalogFileAliasesMax: 100,
  /** What YAML's lexer finds in one file: 100,000, some hundred templates, are parsed in about half a second; a few MiB of `{},` would take a minute. */
  catalogFileTokensMax: 100_000,
  eventLoopStallMs: 200,

  /** Of DKIM, ready to sign, in a dispatcher: about 3 KB each. */
  signingKeysMax: 1_000,

  // --- DNS
  /** For an answer, whoever gives it. */
  dnsMs: 10 * SECOND,
  /** For one server to answer, before the next one is asked. */
  dnsTryMs: 2 * SECOND,
  dnsRounds: 2,

  // --- the operator
  warningsShownMax: 50,
  kubernetesCallMs: 15 * SECOND,
  /** Calls at a time, beside one watch for each kind and namespace. */
  kubernetesCallsMax: 16,
  kubernetesPageSize: 500,
  /** A watch ends after one to two of these, and goes on from where it was. */
  watchSeconds: 300,
  /** The server sends a bookmark about once a minute; silence beyond this is a connection whose other end is gone. */
  kubernetesIdleMs: 150 * SECOND,
  /** All objects are listed again this often, whatever the watch says. */
  relistEveryMs: 10 * MINUTE,
  /** Kubelets replace a token of an hour after 48 minutes; client-go reads it as often. */
  serviceAccountReadEveryMs: MINUTE,
  /** A server that wants to be left alone for longer is mistaken. */
  kubernetesRetryAfterMaxMs: 5 * MINUTE,
  kubernetesRetryMinMs: 500,
  kubernetesRetryMaxMs: 30 * SECOND,
  reconcileWorkers: 4,
  /** How often objects are counted for metrics, by their condition Ready. */
  countReadyEveryMs: 2 * SECOND,
  reconcileRetryMinMs: 500,
  reconcileRetryMaxMs: 5 * MINUTE,
  /** How long the tenant of a namespace is remembered before its label is read again. */
  tenantKnownMs: 30 * SECOND,
  /** A store that did not take an object is tried again. */
  reconcileStoreRetryMs: 5 * SECOND,
  /** How long a sender waits for the next look at its DNS records while a required one, or the record of a new key, is not there. */
  domainRecheckMs: 60 * SECOND,
  /** How long DNS must have shown the record of a new DKIM key before the key replaces an older one: resolvers cache for up to a day. */
  dkimStandbyMs: 24 * HOUR,
  /** How long a retired DKIM key stays, because mail that it signed may still be under way. */
  dkimRetiringMs: 7 * 24 * HOUR,
  /** Part of a sender's period after which a visit checks DNS again: a visit at the end of the period may come a moment early. */
  dnsPeriodShare: 0.95,
  /** Faults that the message of a condition names. */
  faultsInMessageMax: 5,
  /** Characters of an object's name that the names of its Secrets and Events begin with: a name has at most 253. */
  objectNamePrefixMax: 200,
  /** How often the mail of a sender that is being deleted is looked for. */
  drainLookMs: 5 * SECOND,
  /** Objects are compared with the catalog this often, whatever happened. */
  operatorSweepEveryMs: 10 * MINUTE,
  /** The leader's Lease: how long it lasts, by when the leader must have renewed it, and how often candidates look. */
  electionSeconds: 15,
  electionRenewByMs: 10 * SECOND,
  electionRetryMs: 2 * SECOND,
  /** How long `packetboat release-finalizers` keeps operators away: Helm deletes them right after it. */
  releaseLeaseSeconds: 120,
  /** `packetboat self-test`: how often it asks, and how long it waits for one answer. */
  selfTestEveryMs: 500,
  selfTestAnswerMs: 10 * SECOND,
  /** An Event is not repeated within this time. */
  eventAgainMs: 10 * MINUTE,
  eventsUnderWayMax: 100,
  eventsRememberedMax: 10_000,
  /** Limits of the API server. */
  eventNoteCharsMax: 1_024,
  eventInstanceCharsMax: 128,
} as const;

/** Stops the process when limits that rest on each other do not fit. */
export function assertLimits(l: typeof limits = limits): void {
  const rules: [boolean, string][] = [
    [1 > 2 * l.leaseRenewShare + l.leaseMarginShare, 'a lease survives one renewal that failed'],
    [l.leaseMinMs <= l.leaseMs && l.leaseMs <= l.leaseMaxMs, 'the usual lease is one that may be asked for'],
    [
      l.deliveriesInFlightMax >= 4 * l.connectionsPerRouteMax,
      'the half of a half of what is in hand keeps all connections of a route busy',
    ],
    [l.ackWaitMs > l.smtpDotMs + l.smtpSocketMs, 'the queue does not hand an entry out again while a slow server takes it'],
    [l.grpcMessageBytesMax > l.turnBytesMax + l.contentInlineBytes, 'a full turn fits into one gRPC message'],
    [l.contentInlineBytes * 2 < l.turnBytesMax, 'an inline message fits into a turn'],
    [l.bodyInMemoryBytes <= l.turnBytesMax, 'a body parsed in memory fits into a turn'],
    [l.parserBytesMax >= l.bodyBytesMax, 'the largest body can be parsed'],
    [l.blobGraceMs > l.uploadMs + l.ingestCallMs, 'no blob is swept while the accept that refers to it may still run'],
    [l.republishMinMs > l.publishMs, 'a publish has ended before its entry counts as lost'],
    [l.queueEntryAgeMs > l.queueDeliverMax * l.ackWaitMs, 'an entry is handed out as often as it may be before it is too old'],
    [l.readinessEveryMs + l.readinessCheckMs <= 5 * SECOND, 'a lost dependency is named within 5 s (P20)'],
    [2 * l.ingestCheckMs < l.readinessCheckMs, 'two instances of ingest can be asked before it counts as lost'],
    [l.storeCheckMs < l.readinessCheckMs && l.natsCallMs < l.readinessCheckMs, 'a check ends with its own reason before it is given up'],
    [l.drainMs + 2 * l.natsCallMs < l.shutdownGraceMs, 'what is given up at the end of a shutdown can still be recorded'],
    [l.windowPerTenantAndTier >= l.consumeBatch, 'one fetch does not empty the window'],
    [l.electionRenewByMs + 2 * l.electionRetryMs < l.electionSeconds * SECOND, 'a leader stops before another one may begin'],
    [l.feedEveryMs < l.sweepEveryMs, 'a backlog is looked at more often than nothing'],
  ];
  for (const [holds, rule] of rules) if (!holds) throw new Error(`limits do not fit: ${rule}`);
}
