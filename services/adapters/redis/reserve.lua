-- Takes tokens from many buckets at once, by this server's clock. The arithmetic is that of
-- services/core/delivery/pacing/bucket.ts, in whole numbers throughout.
-- KEYS: the buckets. ARGV, six for each bucket: tokens wanted (negative: put back), limit, windowMs, burst, the level to
-- start with if the bucket is missing, and tokens that were granted while this server was lost.
-- Returns two numbers for each bucket: tokens granted, and the level left in token milliseconds.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {}

for i, key in ipairs(KEYS) do
  local first = (i - 1) * 6
  local wanted = tonumber(ARGV[first + 1])
  local limit = tonumber(ARGV[first + 2])
  local window = tonumber(ARGV[first + 3])
  local full = tonumber(ARGV[first + 4]) * window
  local level = tonumber(ARGV[first + 5])
  local debt = tonumber(ARGV[first + 6]) * window

  local stored = redis.call('HMGET', key, 'level', 'at')
  if stored[1] then
    level = tonumber(stored[1]) + math.max(0, now - tonumber(stored[2])) * limit
  end
  level = math.max(0, math.min(level, full) - debt)
  local granted = math.min(wanted, math.floor(level / window))
  level = math.min(level - granted * window, full)

  redis.call('HSET', key, 'level', level, 'at', now)
  -- A full bucket need not be stored, so it expires. A bucket that never fills is kept.
  if limit > 0 then
    redis.call('PEXPIRE', key, math.ceil((full - level) / limit) + 1)
  else
    redis.call('PERSIST', key)
  end
  answer[2 * i - 1] = granted
  answer[2 * i] = level
end

return answer
