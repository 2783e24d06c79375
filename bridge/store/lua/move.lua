-- Takes an entry out of a shard that went to another one, and tells the shard's owner.
--
-- KEYS[1] entries of the shard, KEYS[2] what went, a hash {prefix:sNN}:moved: key -> when, ms
-- KEYS[3] epoch of the shard, a hash {prefix:sNN}:epoch: epoch, owner, since
-- ARGV[1] key, ARGV[2] its value as it was read
-- ARGV[3] what the channel of an owner begins with, ARGV[4] what is told there
-- Returns 1, or 0 if it has another value now, or none.

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
local t = redis.call('TIME')
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], string.format('%d', t[1] * 1000 + math.floor(t[2] / 1000)))
local owner = redis.call('HGET', KEYS[3], 'owner')
if owner then
  -- A user who may not use the channel moves it all the same: the owner looks for itself, later.
  redis.pcall('PUBLISH', ARGV[3] .. owner, ARGV[4])
end
return 1
