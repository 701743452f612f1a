-- Adds one to the count of each key. KEYS: one for each name. ARGV: the length of a window in
-- milliseconds; a window starts with its first count.
-- Returns two numbers for each key: the count, and the milliseconds left of its window.

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
