# The key of the run is among those that the API lists, and schemathesis would revoke it as it revokes others: every later answer would be a 401, which no check minds.

import os

import schemathesis

OWN_KEY = os.environ["PACKETBOAT_KEY_ID"]
NOBODYS_KEY = "000000000000"


@schemathesis.hook
def before_call(_context, case, _kwargs):
    parameters = case.path_parameters or {}
    if case.method.upper() == "DELETE" and OWN_KEY in str(parameters.get("key_id")):
        case.path_parameters = {**parameters, "key_id": NOBODYS_KEY}
