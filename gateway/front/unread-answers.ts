// Limits how long a response waits for a client that does not read. Such a response stays in the
// memory of this process once the system's buffers are full, and any client can cause that.

import type { ServerResponse } from 'node:http';
import { doorLimits } from '../../services/core/limits/door.ts';

/** Closes the connection if a complete response has not left this process after `ms`. */
export function limitUnread(response: ServerResponse, ms: number = doorLimits.httpAnswerMs): void {
  response.once('prefinish', () => {
    const { socket } = response;
    // nearly all responses have left by now and cost no timer
    if (socket === null || socket.writableLength === 0) return;
    const timer = setTimeout(() => socket.destroy(), ms);
    response.once('close', () => clearTimeout(timer));
  });
}
