-- Writes the changes of one shard, all or none, if no newer owner has it.
--
-- KEYS[1] epoch of the shard, a hash {prefix:sNN}:epoch: epoch, owner, since
-- KEYS[2] entries of the shard, a hash {prefix:sNN}:subs: key -> record
-- KEYS[3] what went to other shards, a hash {prefix:sNN}:moved: key -> when
-- ARGV[1] the writer's epoch
-- ARGV[2] number of entries to set, n
-- ARGV[3 .. 2+2n] key, value, key, value ...
-- ARGV[3+2n ..] keys to delete
-- Returns 1, or 0 if the shard has a newer owner, or the keys that were left out because they
-- went to other shards.

local epoch = tonumber(ARGV[1])
local stored = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
-- the fence
if stored > epoch then
  return 0
end
-- behind the fence
if stored < epoch then
  -- The server lost the writer's acquire: a failover to a replica that lagged.
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'owner', 'taken over')
end

local sets_end = 2 + 2 * tonumber(ARGV[2])

if redis.call('EXISTS', KEYS[3]) == 1 then
  -- Seldom: what went to another replica must not come back.
  local left = {}
  for i = 3, sets_end, 2 do
    if redis.call('HEXISTS', KEYS[3], ARGV[i]) == 0 then
      redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
    else
      left[#left + 1] = ARGV[i]
    end
  end
  for i = sets_end + 1, #ARGV do
    redis.call('HDEL', KEYS[2], ARGV[i])
  end
  return #left > 0 and left or 1
end

-- Lua's stack bounds the arguments of one call.
local STEP = 1000
for i = 3, sets_end, STEP do
  redis.call('HSET', KEYS[2], unpack(ARGV, i, math.min(i + STEP - 1, sets_end)))
end
for i = sets_end + 1, #ARGV, STEP do
  redis.call('HDEL', KEYS[2], unpack(ARGV, i, math.min(i + STEP - 1, #ARGV)))
end
return 1
