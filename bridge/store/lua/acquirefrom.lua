-- Makes a process the owner of a shard that another one had.
--
-- KEYS[1] epoch of the shard, a hash {prefix:sNN}:epoch: epoch, owner, since
-- ARGV[1] the owner's name, ARGV[2] now, RFC 3339, for people
-- ARGV[3] who must have it; empty = nobody
-- Returns {the new epoch, or 0 if somebody else has it; who has it}.

local owner = redis.call('HGET', KEYS[1], 'owner') or ''
if owner ~= ARGV[3] then
  return {0, owner}
end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'since', ARGV[2])
return {epoch, ARGV[1]}
