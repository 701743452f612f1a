// The description of the API as a judge of requests and answers, by a validator of JSON Schema that
// we did not write.

import { Ajv2020 } from 'ajv/dist/2020.js';
import { type Contract, type HttpRoute, loadContract, type Method } from '../../services/runtime/contract.ts';
import { describeApi } from './openapi.ts';

export interface Described {
  readonly contract: Contract;
  /** What the description finds wrong with the body of a request; empty: nothing. */
  bodyFaults(route: HttpRoute, body: unknown): string[];
  /** The same for one value of a parameter. */
  parameterFaults(route: HttpRoute, name: string, value: unknown): string[];
  /** The same for an answer; a status that is not described is a fault. */
  answerFaults(route: HttpRoute, status: number, body: unknown): string[];
}

/** The one route of an rpc. */
export function routeOf({ http: [route] }: Method): HttpRoute {
  if (route === undefined) throw new Error('an rpc has a route');
  return route;
}

export function described(): Described {
  const contract = loadContract();
  const api = describeApi(contract, 'http://localhost');
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/);
  ajv.addFormat('int32', {
    type: 'number',
    validate: (value: number) => value >= -(2 ** 31) && value < 2 ** 31,
  });
  ajv.addSchema(api, 'api');
  const escaped = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1');
  const faults = (path: readonly string[], value: unknown): string[] => {
    const $ref = `api#/${path.map(escaped).map(encodeURIComponent).join('/')}`;
    const validate = ajv.getSchema($ref) ?? ajv.compile({ $ref });
    return validate(value) === true
      ? []
      : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  };
  const operation = ({ pattern, verb }: HttpRoute): readonly string[] => ['paths', pattern, verb];
  return {
    contract,
    bodyFaults: (route, body) =>
      faults([...operation(route), 'requestBody', 'content', 'application/json', 'schema'], body),
    parameterFaults(route, name, value) {
      const at =
        api.paths[route.pattern]?.[route.verb]?.parameters.findIndex(
          (parameter) => parameter.name === name,
        ) ?? -1;
      return at < 0
        ? [`there is no parameter ${name}`]
        : faults([...operation(route), 'parameters', String(at), 'schema'], value);
    },
    answerFaults(route, status, body) {
      const response = api.paths[route.pattern]?.[route.verb]?.responses[String(status)];
      if (response === undefined) return [`${status} is not described`];
      const place =
        '$ref' in response
          ? String(response.$ref).split('/').slice(1)
          : [...operation(route), 'responses', String(status)];
      return faults([...place, 'content', 'application/json', 'schema'], body);
    },
  };
}
