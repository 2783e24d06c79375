-- Makes a process the owner of a shard and fences all earlier ones.
--
-- KEYS[1] epoch of the shard, a hash {prefix:sNN}:epoch: epoch, owner, since
-- ARGV[1] the owner's name, for people
-- ARGV[2] now, RFC 3339, for people
-- Returns the new epoch.

local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'since', ARGV[2])
return epoch
