-- Lists what went to other shards, and forgets what went more than a minute ago.
--
-- KEYS[1] what went, a hash {prefix:sNN}:moved: key -> when, ms
-- Returns the keys.

local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local all, out = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  out[#out + 1] = all[i]
  if math.abs(now - tonumber(all[i + 1])) > 60000 then
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return out
