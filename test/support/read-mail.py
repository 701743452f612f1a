"""Reads mails with Python's email package, a parser that nobody here wrote. In: lines of base 64, a mail each. Out: a JSON array."""

import base64
import email
import email.policy
import json
import sys


def mailboxes(message, name):
    header = message[name]
    return [] if header is None else [[a.display_name, a.addr_spec] for a in header.addresses]


def body(message, kind):
    part = message.get_body((kind,))
    return None if part is None else part.get_content()


def attachment(part):
    return {
        "filename": part.get_filename(),
        "contentType": part.get_content_type(),
        "contentId": part["Content-ID"],
        "disposition": part.get_content_disposition() or "",
        "content": base64.b64encode(part.get_payload(decode=True)).decode(),
    }


def read(line):
    message = email.message_from_bytes(base64.b64decode(line), policy=email.policy.default)
    leaves = [part for part in message.walk() if not part.is_multipart()]
    return {
        "subject": message["Subject"],
        "messageIds": message.get_all("Message-ID"),
        "dates": [date.datetime.timestamp() * 1000 for date in message.get_all("Date")],
        "from": mailboxes(message, "From"),
        "to": mailboxes(message, "To"),
        "cc": mailboxes(message, "Cc"),
        "replyTo": mailboxes(message, "Reply-To"),
        "headers": {name: str(value) for name, value in message.items()},
        "html": body(message, "html"),
        "text": body(message, "plain"),
        "attachments": [attachment(part) for part in leaves if part.get_filename() is not None or part.get_content_disposition() is not None],
        "structure": [part.get_content_type() for part in message.walk()],
        "defects": [str(defect) for part in message.walk() for defect in part.defects]
        + [str(defect) for value in message.values() for defect in value.defects],
    }


json.dump([read(line) for line in sys.stdin.read().split()], sys.stdout)
