// Responses that the client does not read. A response that the system has no room for waits in the
// memory of this process, and every client can cause that, so each waits for a limited time.

import type { ServerResponse } from 'node:http';
import { doorLimits } from '../../services/core/limits/door.ts';

/** Closes the connection of an answer that is complete and has not left this process after `ms`. */
export function limitUnread(response: ServerResponse, ms: number = doorLimits.httpAnswerMs): void {
  response.once('prefinish', () => {
    const { socket } = response;
    // nearly all responses have left by now and cost no timer
    if (socket === null || socket.writableLength === 0) return;
    const timer = setTimeout(() => socket.destroy(), ms);
    response.once('close', () => clearTimeout(timer));
  });
}
