// The helpers that compare and choose: `eq`, `and`, `or`, `not`.

import { type Helper, isEmpty } from './template-helper.ts';

export const eq: Helper = {
  takes: [2, 2],
  options: [],
  steps: 2,
  call([left, right], _options, run) {
    if (typeof left === 'string') run.budget.step(left.length >> 10);
    return left === right;
  },
};

export const and: Helper = {
  takes: [2, 20],
  options: [],
  steps: 2,
  call(values) {
    const empty = values.findIndex(isEmpty);
    return empty < 0 ? values.at(-1) : values[empty];
  },
};

export const or: Helper = {
  takes: [2, 20],
  options: [],
  steps: 2,
  call: (values) => values.find((value) => !isEmpty(value)) ?? values.at(-1),
};

export const not: Helper = {
  takes: [1, 1],
  options: [],
  steps: 2,
  call: ([value]) => isEmpty(value),
};
