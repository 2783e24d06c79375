-- Deletes a shard that holds nothing. Its epoch stays, so that it can be made again.
--
-- KEYS[1] epoch of the shard, KEYS[2] its entries
-- ARGV[1] its owner's epoch
-- Returns 1, or 0 if it is another's or holds something.

local stored = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if stored ~= tonumber(ARGV[1]) or redis.call('HLEN', KEYS[2]) > 0 then
  return 0
end
redis.call('HSET', KEYS[1], 'epoch', string.format('%d', stored + 1))
redis.call('HDEL', KEYS[1], 'owner', 'since')
return 1
