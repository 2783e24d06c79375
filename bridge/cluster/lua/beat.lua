-- Tells that a replica lives, and which others do.
--
-- KEYS[1] the replicas, a hash: name -> until when, ms by the clock of Redis
-- KEYS[2] what others took of a replica, a hash: name -> count
-- ARGV[1] its name, ARGV[2] for how long, ms; 0 = it leaves
-- Returns {count of what others took, name, name ...}.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local ttl = tonumber(ARGV[2])
if ttl == 0 then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
  return {0}
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', now + ttl))
local all = redis.call('HGETALL', KEYS[1])
local out = {tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0')}
for i = 1, #all, 2 do
  local left = tonumber(all[i + 1]) - now
  if left > 0 and left <= 10 * ttl then -- else the clock was set back
    out[#out + 1] = all[i]
  else
    redis.call('HDEL', KEYS[1], all[i])
    redis.call('HDEL', KEYS[2], all[i])
  end
end
return out
