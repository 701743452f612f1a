-- Counts one more under each key. KEYS: one for each name. ARGV: how long a window lasts, in milliseconds; it begins with the first count.
-- Answers two for each: the count, and how many milliseconds are left of its window.

local answer = {}
for i, key in ipairs(KEYS) do
  local count = redis.call('INCR', key)
  local left = redis.call('PTTL', key)
  if left < 0 then
    redis.call('PEXPIRE', key, ARGV[1])
    left = tonumber(ARGV[1])
  end
  answer[2 * i - 1] = count
  answer[2 * i] = left
end
return answer
