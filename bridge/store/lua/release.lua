-- Ends an epoch of a shard, so that its owner's late commits are refused.
--
-- KEYS[1] epoch of the shard, a hash {prefix:sNN}:epoch: epoch, owner, since
-- ARGV[1] the owner's epoch
-- Returns 1, or 0 if the shard has a newer owner.

local stored = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if stored > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'epoch', string.format('%d', tonumber(ARGV[1]) + 1))
redis.call('HDEL', KEYS[1], 'owner', 'since')
return 1
