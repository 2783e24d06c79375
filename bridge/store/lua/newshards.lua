-- Makes shards that no process has.
--
-- KEYS[1] the registry, a hash {prefix}:shards: shard -> owner
-- ARGV[1] how many, ARGV[2] their owner, ARGV[3] the lowest number
-- Returns their numbers.

local out, id = {}, tonumber(ARGV[3])
while #out < tonumber(ARGV[1]) do
  if id > 65535 then
    return redis.error_reply('blfbridge: there are 65536 shards: too many replicas were started and killed')
  end
  if redis.call('HSETNX', KEYS[1], id, ARGV[2]) == 1 then
    out[#out + 1] = id
  end
  id = id + 1
end
return out
