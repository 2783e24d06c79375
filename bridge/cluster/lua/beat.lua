-- Tells that a replica lives, and which others do.
--
-- KEYS[1] the replicas, a hash: name -> until when, ms by the replicas' clock; negative: it leaves
-- KEYS[2] what others took of a replica, a hash: name -> count
-- KEYS[3] what each tells of itself, a hash: name -> JSON
-- KEYS[4] the replicas' clock, a hash: at, the latest that any of them said, ms; redis, when, ms by the clock of Redis
-- ARGV[1] its name, ARGV[2] for how long, ms; 0 = it is gone
-- ARGV[3] 1 = it leaves: it lives, and takes nothing over any more; ARGV[4] what it tells of itself
-- ARGV[5] now, ms by its clock
-- Returns {count of what others took, how many live, now, their names ..., names of those that leave ...}.

local ttl = tonumber(ARGV[2])
if ttl == 0 then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
  redis.call('HDEL', KEYS[3], ARGV[1])
  return {0, 0, 0}
end
-- Who is behind catches up; nobody goes back. No clock that is set while we run is looked at.
local t, now = redis.call('TIME'), math.max(tonumber(ARGV[5]), tonumber(redis.call('HGET', KEYS[4], 'at') or '0'))
redis.call('HSET', KEYS[4], 'at', string.format('%d', now), 'redis', string.format('%d', t[1] * 1000 + math.floor(t[2] / 1000)))
local all, newest = redis.call('HGETALL', KEYS[1]), 0
for i = 2, #all, 2 do
  newest = math.max(newest, math.abs(tonumber(all[i])))
end
-- Nobody could tell for a while, because Redis was away or took no writes: that is no sign
-- that they are dead. They have one more lease to tell.
local quiet = now - (newest - ttl)
if newest > 0 and (quiet > ttl * 2 / 3 or quiet < -ttl) then -- or the clock was lost, and begins anew
  for i = 1, #all, 2 do
    local sign = tonumber(all[i + 1]) < 0 and -1 or 1
    redis.call('HSET', KEYS[1], all[i], string.format('%d', (now + ttl) * sign))
  end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', (now + ttl) * (ARGV[3] == '1' and -1 or 1)))
redis.call('HSET', KEYS[3], ARGV[1], ARGV[4])
all = redis.call('HGETALL', KEYS[1])
local out, leaving = {tonumber(redis.call('HGET', KEYS[2], ARGV[1]) or '0'), 0, now}, {}
for i = 1, #all, 2 do
  local till = tonumber(all[i + 1])
  if math.abs(till) > now then
    if till < 0 then
      leaving[#leaving + 1] = all[i]
    else
      out[#out + 1] = all[i]
    end
  else
    redis.call('HDEL', KEYS[1], all[i])
    redis.call('HDEL', KEYS[2], all[i])
    redis.call('HDEL', KEYS[3], all[i])
  end
end
out[2] = #out - 3
for _, name in ipairs(leaving) do
  out[#out + 1] = name
end
return out
