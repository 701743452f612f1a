# One JSON document on standard input: {"mails": [base 64], "records": {"name": "text"}}. For each mail a list of one verdict for each signature.
import base64
import json
import sys

import dkim

given = json.load(sys.stdin)
records = {name: text.encode() for name, text in given["records"].items()}


def lookup(name, timeout=5):
    return records.get(name.decode().rstrip("."))


verdicts = []
for mail in given["mails"]:
    judge = dkim.DKIM(base64.b64decode(mail))
    count = sum(1 for field, _ in judge.headers if field.lower() == b"dkim-signature")
    mine = []
    for index in range(count):
        try:
            mine.append(bool(judge.verify(idx=index, dnsfunc=lookup)))
        except dkim.DKIMException as error:
            mine.append(str(error))
    verdicts.append(mine)
print(json.dumps(verdicts))
