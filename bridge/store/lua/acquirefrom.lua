-- Makes a process the owner of a shard that another one had, and tells that one.
--
-- KEYS[1] epoch of the shard, a hash {prefix:sNN}:epoch: epoch, owner, since
-- ARGV[1] the owner's name, ARGV[2] now, RFC 3339, for people
-- ARGV[3] who must have it; empty = nobody
-- ARGV[4] what the channel of an owner begins with, ARGV[5] what is told there before the new epoch
-- Returns {the new epoch, or 0 if somebody else has it; who has it}.

local owner = redis.call('HGET', KEYS[1], 'owner') or ''
if owner ~= ARGV[3] then
  return {0, owner}
end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'since', ARGV[2])
if owner ~= '' and owner ~= ARGV[1] then
  -- As move.lua does: it may live, paused or cut off.
  redis.pcall('PUBLISH', ARGV[4] .. owner, ARGV[5] .. string.format('%d', epoch))
end
return {epoch, ARGV[1]}
