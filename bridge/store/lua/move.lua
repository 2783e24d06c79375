-- Takes an entry out of a shard that went to another one.
--
-- KEYS[1] entries of the shard, KEYS[2] what went, a hash {prefix:sNN}:moved: key -> when, ms
-- ARGV[1] key, ARGV[2] its value as it was read
-- Returns 1, or 0 if it has another value now, or none.

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
local t = redis.call('TIME')
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], string.format('%d', t[1] * 1000 + math.floor(t[2] / 1000)))
return 1
